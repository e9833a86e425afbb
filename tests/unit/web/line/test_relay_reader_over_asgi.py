"""The plain path: what a reader gets over ASGI, and when its tasks end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.hub.feed_status_and_access import ANYONE
from stoppress.hub.hub import Hub
from stoppress.settings import Settings
from stoppress.web.line import relay_reader_over_asgi
from stoppress.web.line.decide_live_admission import Wanted
from stoppress.wire.close_codes import CloseCode
from tests.scripted_upstream import ScriptedUpstream

pytestmark = pytest.mark.asyncio

WAIT_S = 60.0


class Peer:
    """The other side of one ASGI connection."""

    def __init__(self, upstream: ScriptedUpstream, hub: Hub) -> None:
        self.upstream = upstream
        self.hub = hub
        self.to_server: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.from_server: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.deaf = False
        """Whether it takes nothing more."""
        self.serving: asyncio.Task[None] | None = None

    async def receive(self) -> dict[str, Any]:
        """ASGI's `receive`."""
        return await self.to_server.get()

    async def send(self, message: Any) -> None:
        """ASGI's `send`."""
        if self.deaf:
            await asyncio.Event().wait()
        self.from_server.put_nowait(message)

    def serve(self, relay: Coroutine[Any, Any, None]) -> None:
        """Begin to relay to this peer."""
        self.serving = asyncio.ensure_future(relay)

    def websocket(self, *wanted: tuple[str, Cursor | None]) -> None:
        """Follow feeds over a WebSocket."""
        feeds: Wanted = wanted
        self.serve(
            relay_reader_over_asgi.websocket(
                self.hub, ANYONE, feeds, self.receive, self.send
            )
        )

    async def next(self) -> dict[str, Any]:
        """What the server sends next."""
        async with asyncio.timeout(WAIT_S):
            return await self.from_server.get()

    async def text(self) -> Any:
        """The next message of a WebSocket."""
        return json.loads((await self.next())["text"])

    def say(self, raw: str) -> None:
        """Send a message over the WebSocket."""
        self.to_server.put_nowait({"type": "websocket.receive", "text": raw})

    async def ended(self) -> None:
        """Wait until the relay has ended, with nothing left behind."""
        assert self.serving is not None
        async with asyncio.timeout(WAIT_S):
            await self.serving
        assert self.hub.readers() == 0


@asynccontextmanager
async def peer(**changes: Any) -> AsyncIterator[Peer]:
    """A peer of a hub with the feeds x and y; all is ended at the end."""
    upstream = ScriptedUpstream()
    for feed in ("x", "y"):
        upstream.make(feed)
    hub = Hub(upstream, Settings(public_url="http://h", **changes))
    one = Peer(upstream, hub)
    try:
        yield one
    finally:
        if one.serving is not None:
            one.serving.cancel()
            await asyncio.gather(one.serving, return_exceptions=True)
        await hub.stop()


async def test_each_message_is_one_frame() -> None:
    """Also where several are written at once; later events follow."""
    async with peer() as one:
        one.upstream.publish("x")
        one.upstream.publish("x")
        one.websocket(("x", Cursor("k3v9", 0)))
        found = [(await one.text())["type"] for _ in range(3)]
        assert found == ["hello", "post.published", "post.published"]
        one.upstream.publish("x")
        assert (await one.text())["cursor"] == "k3v9-3"


async def test_feeds_are_followed_and_left_by_messages() -> None:
    """Events after `unfollow` are not sent."""
    async with peer() as one:
        one.websocket(("x", None))
        assert (await one.text())["feed"] == "x"
        one.say('{"op":"follow","feed":"y"}')
        assert (await one.text())["feed"] == "y"
        one.say('{"op":"unfollow","feed":"x"}')
        one.say('{"op":"follow","feed":"nowhere"}')
        refused = await one.text()
        assert (refused["type"], refused["code"]) == ("error", CloseCode.NOT_FOUND)
        one.upstream.publish("x")
        one.upstream.publish("y")
        assert (await one.text())["feed"] == "y"


@pytest.mark.parametrize(
    "message",
    [
        {"text": "{"},
        {"text": '{"op":"sing","feed":"x"}'},
        {"bytes": b"{}"},
        {"text": '{"op":"follow","feed":"y"}' + " " * 500},
    ],
)
async def test_a_bad_message_closes_with_its_code(message: dict[str, Any]) -> None:
    """Checked: JSON, known operation, text, length."""
    async with peer(max_message_bytes=400) as one:
        one.websocket(("x", None))
        await one.text()
        one.to_server.put_nowait({"type": "websocket.receive", **message})
        closed = await one.next()
        assert closed["type"] == "websocket.close"
        assert closed["code"] == CloseCode.BAD_REQUEST
        await one.ended()


async def test_a_peer_that_leaves_ends_both_tasks() -> None:
    """The task that waits for events does not end by itself."""
    async with peer() as one:
        one.websocket(("x", None))
        await one.text()
        one.to_server.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await one.ended()


async def test_a_peer_that_reads_nothing_is_closed() -> None:
    """After `dead_peer_s`, without a disconnect message."""
    async with peer(dead_peer_s=1) as one:
        one.deaf = True
        one.websocket(("x", None))
        assert one.serving is not None
        async with asyncio.timeout(WAIT_S):
            await asyncio.wait([one.serving])
        assert one.hub.readers() == 0


async def test_a_stream_ends_with_an_empty_body_when_the_feed_is_deleted() -> None:
    """Earlier events are sent as parts of the body."""
    async with peer() as one:
        one.serve(
            relay_reader_over_asgi.stream(
                one.hub, ANYONE, (("x", None),), one.receive, one.send
            )
        )
        part = await one.next()
        assert part["more_body"] and b"event: hello" in part["body"]
        one.upstream.drop("x")
        while part["more_body"]:
            part = await one.next()
        assert part["body"] == b""
        await one.ended()


async def test_a_stream_ends_with_its_client() -> None:
    """As soon as the server reports the disconnect."""
    async with peer() as one:
        one.serve(
            relay_reader_over_asgi.stream(
                one.hub, ANYONE, (("x", None),), one.receive, one.send
            )
        )
        await one.next()
        one.to_server.put_nowait({"type": "http.request", "body": b""})
        one.to_server.put_nowait({"type": "http.disconnect"})
        await one.ended()
