"""Which protocol a new connection gets, by its first segment."""

from __future__ import annotations

import asyncio
import struct
from typing import Any, cast

import pytest

from stoppress.guard.open_connections import OpenConnections
from stoppress.web.line.fast_path_or_uvicorn import NewConnection, ProtocolSelection
from stoppress.web.line.websocket_fast_path import FastPath
from tests.unit.web.line.bare import STREAM, UPGRADE, raw
from tests.unit.web.line.live_harness import Liveroom

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
async def test_a_path_in_front_changes_nothing(root: str) -> None:
    """The proxy leaves the site's path there or strips it; another is not ours."""
    selection = ProtocolSelection(FastPath(root), NOTHING, NOTHING)
    for data in (UPGRADE, STREAM):
        assert selection.is_reader(data)
        assert selection.is_reader(data.replace(b"GET /", b"GET %b/" % root.encode()))
        assert not selection.is_reader(data.replace(b"GET /", b"GET /other/"))


def waiting(room: Liveroom) -> list[NewConnection]:
    """The connections that sent nothing yet, or wait in the queue."""
    connections = room.server.server_state.connections
    return [one for one in connections if isinstance(one, NewConnection)]


async def test_a_handshake_in_one_segment_needs_no_application() -> None:
    """In two segments it is the application's, with every byte."""
    async with asyncio.timeout(60), Liveroom("fast_path").running() as room:
        await room.furnish()
        async with raw(room) as whole:
            whole.send(UPGRADE)
            await whole.until(b'"hello"')
            assert room.asked == 0
        async with raw(room) as halves:
            halves.send(UPGRADE[:12])
            await room.until(lambda: not waiting(room))
            halves.send(UPGRADE[12:])
            await halves.until(b'"hello"')
            assert room.asked == 1


async def test_every_other_request_is_the_applications() -> None:
    """And the next request on the connection, too."""
    async with asyncio.timeout(60), Liveroom("fast_path").running() as room:
        await room.furnish()
        async with raw(room) as client:
            for count in (1, 2):
                client.send(b"GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n")
                await client.until(b"Not Found")
                client.seen = b""
                assert room.asked == count


async def test_a_head_that_may_be_too_long_is_measured_by_http() -> None:
    """The fast path has no answer that says so."""
    room = Liveroom("fast_path", max_head_bytes=1024)
    async with asyncio.timeout(60), room.running():
        await room.furnish()
        async with raw(room) as client:
            client.send(UPGRADE[:-2] + b"X-Long: " + b"x" * 2000 + b"\r\n\r\n")
            assert b" 431 " in await client.until(b"\r\n\r\n")
        assert room.ledger.refused_heads == 1


async def test_a_connection_is_forgotten_when_its_peer_leaves() -> None:
    """Before its first segment, nothing else knows of it."""
    async with asyncio.timeout(60), Liveroom("fast_path").running() as room:
        async with raw(room):
            await room.until(lambda: len(waiting(room)) == 1)
        await room.until(lambda: not waiting(room))
        assert not room.server.server_state.connections


async def test_the_servers_shutdown_closes_it() -> None:
    """A connection that sent nothing holds up no deploy."""
    async with asyncio.timeout(60), Liveroom("fast_path").running() as room:
        async with raw(room) as client:
            await room.until(lambda: len(waiting(room)) == 1)
            (connection,) = waiting(room)
            connection.shutdown()
            assert await client.end() == b""


async def test_a_connection_over_the_limit_has_one_request() -> None:
    """It is refused by what it asks for: a live line in its own way, others by 429."""
    async with asyncio.timeout(60), Liveroom("fast_path").running() as room:
        await room.furnish()
        connections = OpenConnections(1)
        cast(Any, room.server.server_state).connections = connections
        async with raw(room) as first:
            first.send(UPGRADE)
            await first.until(b'"hello"')
            async with raw(room) as socket:
                socket.send(UPGRADE)
                seen = await socket.until(struct.pack("!H", 4029))
                assert seen.startswith(b"HTTP/1.1 101 ") and b'"bye"' in seen
            async with raw(room) as stream:
                stream.send(STREAM)
                seen = await stream.end()
                assert seen.startswith(b"HTTP/1.1 200 ") and b"event: bye" in seen
            for head in (PLAIN_GET, UPGRADE[:12]):
                async with raw(room) as other:
                    other.send(head)
                    seen = await other.end()
                    assert seen.startswith(b"HTTP/1.1 429 "), head
            async with raw(room) as plain:
                plain.send(UPGRADE.replace(b"Upgrade", b"X"))
                assert (await plain.end()).startswith(b"HTTP/1.1 426 ")
            assert connections.count("127.0.0.1") == 1
            await room.until(lambda: len(connections) == 1)


async def test_tls_on_a_plain_port_is_answered_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In the words of HTTP, by which TLS clients know a plain port."""
    async with Liveroom("fast_path").running() as room:
        await room.furnish()
        for _ in range(3):
            async with raw(room) as client:
                client.send(b"\x16\x03\x01\x00\x05hello")
                assert (await client.end()).startswith(b"HTTP/1.1 400 ")
    assert caplog.text.count("a client speaks TLS on") == 1
