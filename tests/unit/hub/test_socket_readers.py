"""Readers that own their socket, on a pair of sockets in a real loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from stoppress.hub.feed_status_and_access import ANYONE
from stoppress.hub.socket_readers import (
    UNIX_SEND_BYTES,
    EventStreamReader,
    SocketReader,
    WebSocketReader,
)
from stoppress.wire import encode_frames
from stoppress.wire.close_codes import CloseCode
from stoppress.wire.wire_formats import LAST_CHUNK, chunk
from tests.unit.hub.benches import Bench
from tests.waiting import until

pytestmark = pytest.mark.asyncio
MASK = b"\x01\x02\x03\x04"


def said(payload: bytes, opcode: int = 1, fin: int = 0x80) -> bytes:
    """A frame as a client sends it: masked."""
    body = bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))
    return bytes((fin | opcode, 0x80 | len(payload))) + MASK + body


class Taken:
    """A reader with a transport of its own, and its peer."""

    def __init__(self) -> None:
        self.bench = Bench(retry_ms=0)
        self.registry: set[asyncio.Protocol] = set()
        self.peer: socket.socket
        self.transport: asyncio.Transport

    async def take(self, reader: SocketReader) -> None:
        """As the fast path does, with a connection that was just made."""
        ours, self.peer = socket.socketpair()
        self.peer.setblocking(False)
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.connect_accepted_socket(asyncio.Protocol, ours)
        reader.take(self.transport, self.registry)

    async def received(self, count: int) -> bytes:
        """So many bytes of what the peer was sent."""
        loop = asyncio.get_running_loop()
        data = b""
        async with asyncio.timeout(60):
            while len(data) < count:
                piece = await loop.sock_recv(self.peer, 65_536)
                assert piece, data
                data += piece
        return data

    async def heard_all(self) -> bytes:
        """All that the peer is sent, until the end."""
        loop = asyncio.get_running_loop()
        data = b""
        async with asyncio.timeout(60):
            while piece := await loop.sock_recv(self.peer, 65_536):
                data += piece
        return data

    async def say(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.peer, data)


@pytest_asyncio.fixture
async def taken() -> AsyncIterator[Taken]:
    taken = Taken()
    yield taken
    taken.bench.closing_connections.abort_all()
    taken.transport.abort()
    taken.peer.close()
    await asyncio.sleep(0)


async def test_on_a_unix_socket_the_kernel_holds_little() -> None:
    """What is in its buffer a proxy has not read; on TCP the listener says how much."""
    taken = Taken()
    await taken.take(WebSocketReader(taken.bench, ANYONE))
    peer = taken.transport.get_extra_info("socket")
    size = peer.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    assert size == 2 * UNIX_SEND_BYTES  # Linux doubles it
    taken.transport.abort()
    taken.peer.close()


async def test_a_reader_on_a_unix_socket_tells_what_its_proxy_has_not_read(
    taken: Taken,
) -> None:
    """Over TCP the kernel knows only what the peer's kernel has."""
    reader = WebSocketReader(taken.bench, ANYONE)
    await taken.take(reader)
    reader.write(b"some words")
    assert reader.has_unread_bytes()
    await asyncio.get_running_loop().sock_recv(taken.peer, 99)
    assert not reader.has_unread_bytes()
    reader.write(b"more")
    reader.connection_lost(None)
    assert not reader.has_unread_bytes(), "its descriptor may be another's"


async def test_a_reader_owns_the_transport_until_it_is_lost(taken: Taken) -> None:
    """The descriptor is forgotten as soon as the connection is."""
    reader = WebSocketReader(taken.bench, ANYONE)
    await taken.take(reader)
    assert reader.fd == taken.transport.get_extra_info("socket").fileno()
    assert taken.registry == {reader} and not reader.blocked
    taken.peer.close()
    await until(lambda: not taken.registry)
    assert reader.fd == -1 and reader.blocked and reader.closing == CloseCode.BYE


async def test_follow_and_unfollow_messages_are_carried_out(taken: Taken) -> None:
    """Follow and unfollow, whole or in pieces."""
    reader = WebSocketReader(taken.bench, ANYONE)
    asked: list[tuple[str, object]] = []
    taken.bench.follow = lambda _, feed, cursor: asked.append((feed, cursor))  # type: ignore[method-assign, assignment]
    await taken.take(reader)
    reader.add_follow("y")
    follow = said(b'{"op":"follow","feed":"x"}')
    await taken.say(follow)
    await taken.say(follow[:5])
    await until(lambda: len(asked) == 1)
    await taken.say(follow[5:] + said(b'{"op":"unfollow","feed":"y"}'))
    await until(lambda: reader.chain is None)
    assert asked == [("x", None)] * 2


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (said(b"no JSON"), CloseCode.BAD_REQUEST),
        (said(b"\xff", opcode=2), CloseCode.BAD_REQUEST),
    ],
)
async def test_an_invalid_message_ends_the_line(
    taken: Taken, data: bytes, code: CloseCode
) -> None:
    """With a code that says not to come again."""
    reader = WebSocketReader(taken.bench, ANYONE)
    await taken.take(reader)
    await taken.say(data)
    assert await taken.received(4) == encode_frames.websocket_close(code)


async def test_a_broken_frame_ends_the_line_and_is_read_on(taken: Taken) -> None:
    """So that the peer gets to read why: an unread byte would reset it."""
    reader = WebSocketReader(taken.bench, ANYONE)
    await taken.take(reader)
    await taken.say(b"\x81\x01x")  # a client has to mask
    reported = await taken.received(4)
    assert reported[0] == 0x88 and int.from_bytes(reported[2:4], "big") == 1002
    await taken.say(b"\x81\x01x" * 100)
    assert reader.closing == 1002 and reader.chain is None


async def test_a_close_of_the_peer_is_answered(taken: Taken) -> None:
    reader = WebSocketReader(taken.bench, ANYONE)
    await taken.take(reader)
    await taken.say(said(b"\x03\xe8", opcode=8))
    assert (await taken.received(2))[0] == 0x88
    await until(lambda: not taken.registry)
    assert reader.closing == CloseCode.BYE


async def test_a_ping_is_answered(taken: Taken) -> None:
    await taken.take(WebSocketReader(taken.bench, ANYONE))
    await taken.say(said(b"are you there", opcode=9))
    assert await taken.received(15) == b"\x8a\x0dare you there"


async def test_a_peer_that_reads_nothing_is_closed(taken: Taken) -> None:
    """The bytes waiting beside the ring are bounded."""
    reader = WebSocketReader(taken.bench, ANYONE)
    await taken.take(reader)
    for _ in range(200):
        reader.write(b"x" * 65_536)
    await until(lambda: not taken.registry)
    reader.write(b"to nobody")
    reader.abort()  # it has ended already
    assert reader.fd == -1


async def test_an_event_stream_ends_by_its_last_chunk(taken: Taken) -> None:
    """After when to come back."""
    reader = EventStreamReader(taken.bench, ANYONE)
    await taken.take(reader)
    reader.data_received(b"GET / HTTP/1.1\r\n\r\n")  # has no answer any more
    reader.send_hello(chunk(b"hello"))
    reader.bye(55)
    reader.bye(56)
    wanted = chunk(b"retry: 0\n\n") + chunk(b"hello") + chunk(b"retry: 55\n\n")
    received = await taken.heard_all()
    assert received.startswith(wanted) and b"event: bye" in received
    assert received.endswith(LAST_CHUNK)


async def test_a_refused_stream_has_nothing_else_and_ends(taken: Taken) -> None:
    reader = EventStreamReader(taken.bench, ANYONE)
    await taken.take(reader)
    reader.refuse("x", CloseCode.NOT_FOUND, "there is no such feed")
    assert reader.closing == CloseCode.NOT_FOUND
    assert b"no such feed" in await taken.received(60)


async def test_server_shutdown_sends_bye(taken: Taken) -> None:
    """The web server asks each of its connections."""
    reader = WebSocketReader(taken.bench, ANYONE)
    await taken.take(reader)
    reader.shutdown()
    assert b'"type":"bye"' in await taken.received(20)
    assert reader.closing == CloseCode.BYE
