"""A handshake that HTTP has read, where nobody takes the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from websockets.frames import Frame, Opcode

from stoppress.web.line.pending_upgrade import PendingUpgrade
from tests.unit.web.line.bare import LOOPS, UPGRADE, raw
from tests.unit.web.line.live_harness import Liveroom

HI, HO = (Frame(Opcode.TEXT, text).serialize(mask=True) for text in (b"hi", b"ho"))

App = Callable[[Any, Any, Any], Awaitable[None]]


def served(app: App, act: Callable[[Liveroom], Awaitable[None]], loop: Any) -> None:
    """Serve an application of the test's own, and act."""

    async def scenario() -> None:
        room = Liveroom("takeover")
        room.starlette = cast(Any, app)
        async with asyncio.timeout(60), room.running():
            await act(room)
            await room.until(lambda: not room.server.server_state.connections)
            await room.until(lambda: not room.server.server_state.tasks)

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
def test_an_application_that_does_not_answer_is_500(app: App, loop: Any) -> None:
    async def act(room: Liveroom) -> None:
        async with raw(room) as client:
            client.send(UPGRADE)
            assert (await client.end()).startswith(b"HTTP/1.1 500")

    served(app, act, loop)


async def echoes(scope: Any, receive: Any, send: Any) -> None:
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept", "headers": [(b"x-desk", b"1")]})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


@on_both
def test_nobody_takes_it_and_the_library_answers(loop: Any) -> None:
    """What came with the handshake is heard first, what comes later after it."""

    async def act(room: Liveroom) -> None:
        async with raw(room) as client:
            client.send(UPGRADE + HI)
            await client.until(b"\x81\x02hi")
            client.send(HO)
            seen = await client.until(b"\x81\x02ho")
            assert seen.startswith(b"HTTP/1.1 101") and b"x-desk: 1" in seen
            assert seen.index(b"\x02hi") < seen.index(b"\x02ho")

    served(echoes, act, loop)


@on_both
def test_a_disconnect_before_the_answer_is_reported(loop: Any) -> None:
    """Whether the application asks, or answers all the same."""
    heard: list[str] = []
    asked, gone = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        asked.set()
        await gone.wait()
        heard.append((await receive())["type"])
        with pytest.raises(OSError):
            await send({"type": "websocket.accept"})
        heard.append("refused")

    async def act(room: Liveroom) -> None:
        async with raw(room) as client:
            client.send(UPGRADE)
            await asked.wait()
            client.writer.transport.abort()
            await room.until(lambda: not room.server.server_state.connections)
            gone.set()
        await room.until(lambda: len(heard) == 2)

    served(app, act, loop)
    assert heard == ["websocket.disconnect", "refused"]


@on_both
def test_an_application_that_waits_for_the_end_hears_it(loop: Any) -> None:
    heard: list[str] = []
    asked = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        asyncio.get_running_loop().call_soon(asked.set)
        heard.append((await receive())["type"])

    async def act(room: Liveroom) -> None:
        async with raw(room) as client:
            client.send(UPGRADE)
            await asked.wait()
        await room.until(lambda: bool(heard))

    served(app, act, loop)
    assert heard == ["websocket.disconnect"]


@on_both
def test_the_end_of_the_server_answers_it(loop: Any) -> None:
    stay = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await stay.wait()

    async def act(room: Liveroom) -> None:
        async with raw(room) as client:
            client.send(UPGRADE)
            await room.until(lambda: bool(room.server.server_state.tasks))
            (waiting,) = room.server.server_state.connections
            assert isinstance(waiting, PendingUpgrade)
            waiting.shutdown()
            assert (await client.end()).startswith(b"HTTP/1.1 500")
        stay.set()

    served(app, act, loop)
