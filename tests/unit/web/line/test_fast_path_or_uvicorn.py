"""Which protocol a new connection gets, by its first segment."""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from typing import Any, cast

import pytest

from stoppress.guard.open_connections import OpenConnections
from stoppress.web.line.fast_path_or_uvicorn import NewConnection, ProtocolSelection
from stoppress.web.line.fast_websocket_handshake import FastPath
from tests.unit.web.line.bare import STREAM, UPGRADE, raw
from tests.unit.web.line.live_harness import LiveServer

pytestmark = pytest.mark.asyncio

NOTHING = cast(Any, None)
PLAIN_GET = b"GET /v1/feeds/x HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.parametrize(
    ("segment", "queued"),
    [
        (UPGRADE, True),
        (STREAM, True),
        (UPGRADE[:12], False),
        (PLAIN_GET, False),
        (b"POST /v1/feeds/x/posts HTTP/1.1\r\n\r\n", False),
        (b"GET /healthz HTTP/1.1\r\nAccept: text/event-stream\r\n\r\n", False),
        (b"\x16\x03\x01\x02\x00\x01", False),
    ],
)
async def test_only_live_requests_wait_in_the_queue(
    segment: bytes, queued: bool
) -> None:
    """A publish or a probe of health goes ahead of any number of readers."""
    selection = ProtocolSelection(FastPath(), NOTHING, NOTHING)
    assert selection.is_reader(segment) is queued


@pytest.mark.parametrize("root", ["/news", "/a/b"])
async def test_a_site_path_prefix_is_accepted(root: str) -> None:
    """The proxy keeps or strips the site's path; another path is refused."""
    selection = ProtocolSelection(FastPath(root), NOTHING, NOTHING)
    for data in (UPGRADE, STREAM):
        assert selection.is_reader(data)
        assert selection.is_reader(data.replace(b"GET /", b"GET %b/" % root.encode()))
        assert not selection.is_reader(data.replace(b"GET /", b"GET /other/"))


def waiting(live: LiveServer) -> list[NewConnection]:
    """The connections that sent nothing yet, or wait in the queue."""
    connections = live.server.server_state.connections
    return [one for one in connections if isinstance(one, NewConnection)]


async def test_a_handshake_in_one_segment_needs_no_application() -> None:
    """In two segments the application answers it, with every byte."""
    async with asyncio.timeout(60), LiveServer("fast_path").running() as live:
        await live.create_feeds()
        async with raw(live) as whole:
            whole.send(UPGRADE)
            await whole.until(b'"hello"')
            assert live.asked == 0
        async with raw(live) as halves:
            halves.send(UPGRADE[:12])
            await live.until(lambda: not waiting(live))
            halves.send(UPGRADE[12:])
            await halves.until(b'"hello"')
            assert live.asked == 1


class CountingTransport(asyncio.Transport):
    """A transport whose addresses and socket are asked for so often."""

    def __init__(self, transport: asyncio.BaseTransport) -> None:
        super().__init__()
        self._transport = transport
        self.asked: Counter[str] = Counter()

    def get_extra_info(self, name: str, default: object = None) -> object:
        self.asked[name] += 1
        return self._transport.get_extra_info(name, default)

    def __getattribute__(self, name: str) -> Any:
        if name in ("_transport", "asked", "get_extra_info"):
            return super().__getattribute__(name)
        return getattr(self._transport, name)


async def test_a_handshake_asks_the_kernel_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each of these is a system call, and its answer an object."""
    wrapped: list[CountingTransport] = []
    made = NewConnection.connection_made

    def connection_made(self: NewConnection, transport: asyncio.BaseTransport) -> None:
        wrapped.append(CountingTransport(transport))
        made(self, wrapped[-1])

    monkeypatch.setattr(NewConnection, "connection_made", connection_made)
    async with asyncio.timeout(60), LiveServer("fast_path").running() as live:
        await live.create_feeds()
        async with raw(live) as client:
            client.send(UPGRADE)
            await client.until(b'"hello"')
            assert live.asked == 0
            assert wrapped[0].asked == {"peername": 1, "socket": 1, "sslcontext": 1}


async def test_other_requests_go_to_the_application() -> None:
    """The next request on the connection, too."""
    async with asyncio.timeout(60), LiveServer("fast_path").running() as live:
        await live.create_feeds()
        async with raw(live) as client:
            for count in (1, 2):
                client.send(b"GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n")
                await client.until(b"Not Found")
                client.seen = b""
                assert live.asked == count


async def test_a_head_near_the_limit_goes_to_the_http_parser() -> None:
    """The fast path has no answer for a head that is too long."""
    live = LiveServer("fast_path", max_head_bytes=1024)
    async with asyncio.timeout(60), live.running():
        await live.create_feeds()
        async with raw(live) as client:
            client.send(UPGRADE[:-2] + b"X-Long: " + b"x" * 2000 + b"\r\n\r\n")
            assert b" 431 " in await client.until(b"\r\n\r\n")
        assert live.ledger.refused_heads == 1


async def test_a_connection_is_forgotten_when_its_peer_leaves() -> None:
    """Before the first segment only this object knows the connection."""
    async with asyncio.timeout(60), LiveServer("fast_path").running() as live:
        async with raw(live):
            await live.until(lambda: len(waiting(live)) == 1)
        await live.until(lambda: not waiting(live))
        assert not live.server.server_state.connections


async def test_shutdown_closes_a_silent_connection() -> None:
    """A connection that sent nothing delays no deploy."""
    async with asyncio.timeout(60), LiveServer("fast_path").running() as live:
        async with raw(live) as client:
            await live.until(lambda: len(waiting(live)) == 1)
            (connection,) = waiting(live)
            connection.shutdown()
            assert await client.end() == b""


async def test_a_connection_over_the_limit_has_one_request() -> None:
    """Live requests are refused in their transport's own way, others with 429."""
    async with asyncio.timeout(60), LiveServer("fast_path").running() as live:
        await live.create_feeds()
        connections = OpenConnections(1)
        cast(Any, live.server.server_state).connections = connections
        async with raw(live) as first:
            first.send(UPGRADE)
            await first.until(b'"hello"')
            async with raw(live) as socket:
                socket.send(UPGRADE)
                seen = await socket.until(struct.pack("!H", 4029))
                assert seen.startswith(b"HTTP/1.1 101 ") and b'"bye"' in seen
            async with raw(live) as stream:
                stream.send(STREAM)
                seen = await stream.end()
                assert seen.startswith(b"HTTP/1.1 200 ") and b"event: bye" in seen
            for head in (PLAIN_GET, UPGRADE[:12]):
                async with raw(live) as other:
                    other.send(head)
                    seen = await other.end()
                    assert seen.startswith(b"HTTP/1.1 429 "), head
            async with raw(live) as plain:
                plain.send(UPGRADE.replace(b"Upgrade", b"X"))
                assert (await plain.end()).startswith(b"HTTP/1.1 426 ")
            assert connections.count("127.0.0.1") == 1
            await live.until(lambda: len(connections) == 1)


async def test_tls_on_a_plain_port_is_answered_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With the HTTP answer by which TLS clients recognize a plain port."""
    async with LiveServer("fast_path").running() as live:
        await live.create_feeds()
        for _ in range(3):
            async with raw(live) as client:
                client.send(b"\x16\x03\x01\x00\x05hello")
                assert (await client.end()).startswith(b"HTTP/1.1 400 ")
    assert caplog.text.count("a client speaks TLS on") == 1
