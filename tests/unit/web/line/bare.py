"""A client of bare bytes, and tests over a server that gives its transports away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import pytest
import uvloop

from tests.unit.web.line.live_harness import CHECK_PEER_AFTER_S, LiveServer

UPGRADE = (
    b"GET /v1/live?feed=x HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)


STREAM = (
    b"GET /v1/feeds/x/events HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n"
)


LOOPS = [uvloop.new_event_loop, asyncio.new_event_loop]


Test = Callable[[LiveServer], Awaitable[None]]


def taken(test: Test) -> Callable[[Any, str], None]:
    """Run a test on both loops, over a server that gives its transports away."""

    @pytest.mark.parametrize("path", ["fast_path", "takeover"])
    @pytest.mark.parametrize("loop", LOOPS, ids=["uvloop", "asyncio"])
    def run(loop: Any, path: str) -> None:
        async def scenario() -> None:
            async with asyncio.timeout(60):
                async with LiveServer(path).running() as live:
                    await live.create_feeds()
                    await test(live)

        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(scenario())

    run.__doc__ = test.__doc__
    return cast("Callable[[Any, str], None]", run)


class Raw:
    """A client of bare bytes."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self.writer = writer
        self.seen = b""

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)

    async def until(self, text: bytes, times: int = 1) -> bytes:
        """Everything read, once it contains `text` as often as that."""
        async with asyncio.timeout(CHECK_PEER_AFTER_S):
            while self.seen.count(text) < times:
                data = await self._reader.read(65536)
                assert data, f"the end came before {text!r}: {self.seen!r}"
                self.seen += data
        return self.seen

    async def end(self) -> bytes:
        """Everything read, at the end of the connection."""
        async with asyncio.timeout(CHECK_PEER_AFTER_S):
            return self.seen + await self._reader.read()


@contextlib.asynccontextmanager
async def raw(live: LiveServer) -> AsyncIterator[Raw]:
    """A connection to the server."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", live.port, ssl=live.trust
    )
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
