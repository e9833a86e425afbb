"""A handshake that HTTP has read, where nobody takes the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from websockets.frames import Frame, Opcode

from stoppress.web.line.pending_upgrade import PendingUpgrade
from tests.unit.web.line.bare import LOOPS, UPGRADE, raw
from tests.unit.web.line.live_harness import LiveServer

HI, HO = (Frame(Opcode.TEXT, text).serialize(mask=True) for text in (b"hi", b"ho"))

App = Callable[[Any, Any, Any], Awaitable[None]]


def served(app: App, act: Callable[[LiveServer], Awaitable[None]], loop: Any) -> None:
    """Serve an application of the test's own, and act."""

    async def scenario() -> None:
        live = LiveServer("takeover")
        live.starlette = cast(Any, app)
        async with asyncio.timeout(60), live.running():
            await act(live)
            await live.until(lambda: not live.server.server_state.connections)
            await live.until(lambda: not live.server.server_state.tasks)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())


on_both = pytest.mark.parametrize("loop", LOOPS, ids=["uvloop", "asyncio"])


async def fails(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    raise RuntimeError("the feed is on fire")


async def says_nothing(scope: Any, receive: Any, send: Any) -> None:
    await receive()


@on_both
@pytest.mark.parametrize("app", [fails, says_nothing])
def test_an_application_without_an_answer_is_500(app: App, loop: Any) -> None:
    async def act(live: LiveServer) -> None:
        async with raw(live) as client:
            client.send(UPGRADE)
            assert (await client.end()).startswith(b"HTTP/1.1 500")

    served(app, act, loop)


async def echoes(scope: Any, receive: Any, send: Any) -> None:
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept", "headers": [(b"x-desk", b"1")]})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


@on_both
def test_an_upgrade_not_taken_over_is_answered_by_the_library(loop: Any) -> None:
    """Bytes sent with the handshake are delivered first, later ones after them."""

    async def act(live: LiveServer) -> None:
        async with raw(live) as client:
            client.send(UPGRADE + HI)
            await client.until(b"\x81\x02hi")
            client.send(HO)
            seen = await client.until(b"\x81\x02ho")
            assert seen.startswith(b"HTTP/1.1 101") and b"x-desk: 1" in seen
            assert seen.index(b"\x02hi") < seen.index(b"\x02ho")

    served(echoes, act, loop)


@on_both
def test_a_disconnect_before_the_answer_is_reported(loop: Any) -> None:
    """Whether the application reads or answers."""
    received: list[str] = []
    asked, gone = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        asked.set()
        await gone.wait()
        received.append((await receive())["type"])
        with pytest.raises(OSError):
            await send({"type": "websocket.accept"})
        received.append("refused")

    async def act(live: LiveServer) -> None:
        async with raw(live) as client:
            client.send(UPGRADE)
            await asked.wait()
            client.writer.transport.abort()
            await live.until(lambda: not live.server.server_state.connections)
            gone.set()
        await live.until(lambda: len(received) == 2)

    served(app, act, loop)
    assert received == ["websocket.disconnect", "refused"]


@on_both
def test_an_application_that_awaits_disconnect_gets_it(loop: Any) -> None:
    received: list[str] = []
    asked = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        asyncio.get_running_loop().call_soon(asked.set)
        received.append((await receive())["type"])

    async def act(live: LiveServer) -> None:
        async with raw(live) as client:
            client.send(UPGRADE)
            await asked.wait()
        await live.until(lambda: bool(received))

    served(app, act, loop)
    assert received == ["websocket.disconnect"]


@on_both
def test_shutdown_answers_a_pending_upgrade(loop: Any) -> None:
    stay = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await stay.wait()

    async def act(live: LiveServer) -> None:
        async with raw(live) as client:
            client.send(UPGRADE)
            await live.until(lambda: bool(live.server.server_state.tasks))
            (waiting,) = live.server.server_state.connections
            assert isinstance(waiting, PendingUpgrade)
            waiting.shutdown()
            assert (await client.end()).startswith(b"HTTP/1.1 500")
        stay.set()

    served(app, act, loop)
