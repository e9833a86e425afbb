"""The transport over a TLS socket of ours, against a client of OpenSSL's."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from stoppress.process.certificate import load
from stoppress.web.line.call_openssl_without_ssl_socket import TlsState, server_state
from stoppress.web.line.poll_sockets_with_one_epoll import (
    EpollPoller,
    LoopPoller,
    SocketPoller,
)
from stoppress.web.line.tls_transport import HIGH_WATER_BYTES, TlsTransport
from tests.certificates import for_this_machine, trust
from tests.waiting import until

pytestmark = pytest.mark.asyncio
PATIENCE_S = 60.0
MIB = 1 << 20


class Recorder(asyncio.Protocol):
    """What a protocol is told."""

    def __init__(self) -> None:
        self.transport: TlsTransport
        self.data = b""
        self.reported: list[str] = []
        self.error: Exception | None = None
        self.keeps_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, TlsTransport)
        self.transport = transport
        self.reported.append("made")

    def data_received(self, data: bytes) -> None:
        """Bytes."""
        self.data += data

    def eof_received(self) -> bool | None:
        """The peer has ended its side."""
        self.reported.append("eof")
        return self.keeps_open

    def pause_writing(self) -> None:
        """Too much is buffered."""
        self.reported.append("pause")

    def resume_writing(self) -> None:
        """It is sent."""
        self.reported.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self.reported.append("lost")
        self.error = exc


class Nobody:
    """Who had the socket before the transport, and hears nothing any more."""

    def is_ready(self, events: int) -> None:
        """Never."""
        raise AssertionError(events)

    def abort(self) -> None:
        """Never."""
        raise AssertionError("aborted")


class Line:
    """A transport with its protocol, and the client at the other end."""

    def __init__(
        self, transport: TlsTransport, ours: Recorder, peer: ssl.SSLSocket
    ) -> None:
        self.transport = transport
        self.ours = ours
        self.peer = peer

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until the transport has come so far."""
        await until(true, PATIENCE_S)

    async def read(self, count: int) -> bytes:
        """So many bytes at the peer."""
        data = b""
        async with asyncio.timeout(PATIENCE_S):
            while len(data) < count:
                try:
                    piece = self.peer.recv(65_536)
                except ssl.SSLWantReadError:
                    await asyncio.sleep(0.001)
                    continue
                assert piece, len(data)
                data += piece
        return data


def shaken_hands(
    version: ssl.TLSVersion | None = None, buffer: int = 0
) -> tuple[socket.socket, TlsState, ssl.SSLSocket]:
    """Both ends of a TLS connection, its handshake done.

    The server's socket and state, and the client.
    """
    ours, theirs = socket.socketpair()
    if buffer:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
    context = load(*for_this_machine())
    if version is not None:
        context.maximum_version = version
    for end in (ours, theirs):
        end.setblocking(False)
    server = server_state(context, ours)
    client = trust().wrap_socket(
        theirs,
        server_hostname="localhost",
        do_handshake_on_connect=False,
        # So that an end without close_notify is an error.
        suppress_ragged_eofs=False,
    )
    ends: tuple[ssl.SSLSocket | TlsState, ...] = (client, server)
    for side in ends * 3:
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return ours, server, client


@asynccontextmanager
async def connected(
    make: Callable[[asyncio.AbstractEventLoop], SocketPoller] = EpollPoller,
    version: ssl.TLSVersion | None = None,
    buffer: int = 0,
) -> AsyncIterator[Line]:
    """A connection, from its handshake to its end."""
    server, tls, client = shaken_hands(version, buffer)
    poller = make(asyncio.get_running_loop())
    ours = Recorder()
    transport = TlsTransport(poller, server, tls, ours)
    transport.begin()
    try:
        yield Line(transport, ours, client)
    finally:
        transport.abort()
        await until(lambda: "lost" in ours.reported, PATIENCE_S)
        client.close()
        poller.close()


VERSIONS = pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"]
)


@VERSIONS
@pytest.mark.parametrize("make", [EpollPoller, LoopPoller], ids=["epoll", "loop"])
async def test_bytes_go_both_ways(
    make: Callable[[asyncio.AbstractEventLoop], SocketPoller], version: ssl.TLSVersion
) -> None:
    """Decrypted here, encrypted there."""
    async with connected(make, version) as line:
        line.peer.send(b"to the server")
        await line.until(lambda: line.ours.data == b"to the server")
        line.transport.write(b"to the ")
        line.transport.writelines([b"cli", b"ent"])
        assert await line.read(13) == b"to the client"
        assert line.transport.get_extra_info("sslcontext") is not None
        assert (
            line.transport.get_extra_info("ssl_object").version() == line.peer.version()
        )
        assert line.transport.get_extra_info("unknown", 7) == 7
        assert line.transport.get_protocol() is line.ours
        assert line.transport.can_write_eof()


@VERSIONS
@pytest.mark.parametrize("buffer", [0, 4096], ids=["at once", "buffered"])
async def test_after_write_eof_the_other_side_is_still_read(
    version: ssl.TLSVersion, buffer: int
) -> None:
    """The peer sees the end at once, and its later bytes still arrive."""
    async with connected(version=version, buffer=buffer) as line:
        sent = bytes(100_000 if buffer else 10)
        line.transport.write(sent)
        line.transport.write_eof()
        line.transport.write(b"too late")
        assert await line.read(len(sent)) == sent
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    assert line.peer.recv(100) == b""
                    break
                except ssl.SSLWantReadError:
                    await asyncio.sleep(0.001)
        line.peer.send(b"the last words")
        await line.until(lambda: line.ours.data == b"the last words")
        assert not line.transport.is_closing()
        line.transport.close()
        await line.until(lambda: "lost" in line.ours.reported)
        assert line.ours.error is None


async def test_bytes_sent_with_the_handshake_are_read_at_once() -> None:
    """The kernel reports no event for them."""
    server, tls, client = shaken_hands()
    client.send(b"early")
    poller = EpollPoller(asyncio.get_running_loop())
    ours = Recorder()
    transport = TlsTransport(poller, server, tls, ours)
    transport.begin()
    assert ours.data == b"early"
    transport.abort()
    await until(lambda: "lost" in ours.reported, PATIENCE_S)
    client.close()
    poller.close()


async def test_a_slow_peer_gets_every_byte_in_order() -> None:
    """A record taken in part is finished before anything else leaves."""
    rng = random.Random(17)
    async with connected(buffer=4096) as line:
        pieces = [rng.randbytes(rng.choice([1, 100, 5_000, 40_000])) for _ in range(99)]
        for at, piece in enumerate(pieces):
            line.transport.write(memoryview(piece) if at % 2 else bytearray(piece))
        assert line.ours.reported == ["made", "pause"]
        assert line.transport.get_write_buffer_size() > HIGH_WATER_BYTES
        whole = b"".join(pieces)
        got = await line.read(len(whole))
        assert hashlib.sha256(got).digest() == hashlib.sha256(whole).digest()
        await line.until(lambda: line.ours.reported == ["made", "pause", "resume"])
        assert line.transport.get_write_buffer_size() == 0


async def test_water_marks_pause_the_protocol() -> None:
    """At 0, as the hub sets it: with the first byte that is buffered."""
    async with connected(buffer=4096) as line:
        line.transport.set_write_buffer_limits(high=0)
        assert line.transport.get_write_buffer_limits() == (0, 0)
        while line.ours.reported == ["made"]:
            line.transport.write(bytes(1000))
        waiting = line.transport.get_write_buffer_size()
        assert 0 < waiting <= 1000
        line.transport.set_write_buffer_limits(low=10)
        assert line.transport.get_write_buffer_limits() == (10, 40)
        line.transport.set_write_buffer_limits()
        assert line.transport.get_write_buffer_limits()[1] == HIGH_WATER_BYTES


async def test_decrypted_bytes_in_openssl_are_read() -> None:
    """Records are up to 16 KiB, whatever the kernel has besides."""
    async with connected() as line:
        sent = random.Random(1).randbytes(150_000)

        async def send() -> None:
            at = 0
            while at < len(sent):
                try:
                    at += line.peer.send(sent[at : at + 50_000])
                except ssl.SSLWantWriteError:
                    await asyncio.sleep(0.001)

        await asyncio.wait_for(send(), PATIENCE_S)
        await line.until(lambda: line.ours.data == sent)


async def test_a_paused_transport_reads_nothing() -> None:
    """It reads them when it resumes."""
    async with connected() as line:
        line.transport.pause_reading()
        assert not line.transport.is_reading()
        line.peer.send(b"later")
        for _ in range(20):
            await asyncio.sleep(0)
        assert line.ours.data == b""
        line.transport.resume_reading()
        await line.until(lambda: line.ours.data == b"later")


async def test_close_sends_buffered_bytes_and_close_notify() -> None:
    """The peer can tell the end from a cut-off."""
    async with connected(buffer=4096) as line:
        sent = random.Random(2).randbytes(300_000)
        line.transport.write(sent)
        line.transport.close()
        assert line.transport.is_closing()
        line.transport.write(b"too late")
        assert await line.read(len(sent)) == sent
        await line.until(lambda: line.ours.reported[-1] == "lost")
        assert line.ours.error is None
        line.peer.setblocking(True)
        line.peer.settimeout(PATIENCE_S)
        assert line.peer.recv(10) == b""


async def test_a_close_does_not_wait_for_the_peer() -> None:
    """A peer that never answers close_notify is closed all the same."""
    async with connected() as line:
        line.transport.close()
        line.transport.close()
        await line.until(lambda: line.ours.reported == ["made", "lost"])
        assert line.ours.error is None


async def test_abort_drops_buffered_bytes() -> None:
    """At once."""
    async with connected(buffer=4096) as line:
        line.transport.write(bytes(MIB))
        line.transport.abort()
        assert line.transport.get_write_buffer_size() == 0
        await line.until(lambda: "lost" in line.ours.reported)
        with pytest.raises(OSError):  # how much came before is open
            while line.peer.recv(65_536):
                pass


@pytest.mark.parametrize("keeps_open", [False, True])
async def test_eof_of_the_peer_is_passed_to_the_protocol(keeps_open: bool) -> None:
    """The protocol decides whether it still sends bytes."""
    async with connected() as line:
        line.ours.keeps_open = keeps_open
        with pytest.raises(ssl.SSLWantReadError):
            line.peer.unwrap()  # sends close_notify
        await line.until(lambda: "eof" in line.ours.reported)
        if keeps_open:
            assert not line.transport.is_closing()
            line.transport.write(b"still")
            line.transport.close()
        await line.until(lambda: "lost" in line.ours.reported)
        assert line.ours.error is None


async def test_a_lost_peer_closes_the_transport() -> None:
    """While reading, while paused, and while bytes wait."""
    for prepare in ("read", "pause", "wait", "close"):
        async with connected(buffer=4096) as line:
            if prepare == "pause":
                line.transport.pause_reading()
            elif prepare == "wait":
                line.transport.write(bytes(MIB))
                line.transport.pause_reading()
            elif prepare == "close":
                line.transport.write(bytes(MIB))
                line.transport.close()
            line.peer.close()
            await line.until(lambda: "lost" in line.ours.reported)
            assert (line.ours.error is None) == (prepare == "read")


async def test_invalid_tls_records_close_the_transport() -> None:
    """Bytes that were changed on the way never reach the protocol."""
    async with connected() as line:
        with socket.socket(fileno=line.peer.detach()) as bare:
            bare.send(b"\x17\x03\x03\x00\x20" + bytes(32))
            await line.until(lambda: "lost" in line.ours.reported)
        assert isinstance(line.ours.error, ssl.SSLError)
        assert line.ours.data == b""


async def test_a_failed_write_closes_the_transport() -> None:
    """The protocol is told in the next turn, not in the middle of its call."""
    async with connected() as line:
        line.transport.pause_reading()
        line.peer.close()
        line.transport.write(b"x" * 70_000)
        line.transport.write(b"y" * 70_000)
        assert "lost" not in line.ours.reported
        await line.until(lambda: "lost" in line.ours.reported)
        assert isinstance(line.ours.error, OSError)


async def test_an_exception_of_the_protocol_closes_only_its_connection() -> None:
    """The other connections go on."""

    class Faulty(Recorder):
        def data_received(self, data: bytes) -> None:
            raise RuntimeError("on purpose")

    async with connected() as line:
        faulty = Faulty()
        line.transport.set_protocol(faulty)
        line.peer.send(b"x")
        await line.until(lambda: "lost" in faulty.reported)
        line.ours.reported.append("lost")
