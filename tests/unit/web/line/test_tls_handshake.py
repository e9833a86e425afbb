"""Connections of a TLS port until their handshakes are done."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from stoppress.guard import open_connections
from stoppress.guard.open_connections import OpenConnections
from stoppress.process.certificate import load
from stoppress.web.line import tls_handshake
from stoppress.web.line.arrival_queue import ArrivalMetrics, ArrivalQueue, call_later
from stoppress.web.line.head_limits import HeadLimits, HeadMetrics
from stoppress.web.line.socket_poller import EpollPoller, LoopPoller, SocketPoller
from stoppress.web.line.tls_handshake import TlsMetrics, TlsPort
from tests.certificates import for_this_machine, trust
from tests.tally import Tally
from tests.waiting import until

pytestmark = pytest.mark.asyncio
PATIENCE_S = 60.0
HEAD_S = 30.0


class Echo(asyncio.Protocol):
    """Sends back what it gets."""

    def __init__(self, here: set[Echo]) -> None:
        self._here = here

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._here.add(self)

    def data_received(self, data: bytes) -> None:
        """Echo."""
        self.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self._here.discard(self)


class Port:
    """A TLS port of an echo server, with clocks of the test's own."""

    def __init__(
        self,
        make: Callable[[asyncio.AbstractEventLoop], SocketPoller] = EpollPoller,
        most: int = 0,
    ) -> None:
        self.tally = Tally()
        self.now = 0.0
        self.looks: list[Callable[[], None]] = []
        self.here: set[Echo] = set()
        self.queue_turns: list[Callable[[], None]] = []
        self.holds_queue = False
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        self.address = listener.getsockname()
        self.context = load(*for_this_machine())
        self.openssl = 0
        """Connections that OpenSSL has had to do with."""
        self.poller = make(asyncio.get_running_loop())
        self.limits = HeadLimits(
            lambda _, look: self.looks.append(look),
            HeadMetrics(self.tally),
            HEAD_S,
            0,
            lambda: self.now,
        )
        self.port = TlsPort(
            listener,
            self.poller,
            self._context,
            lambda: Echo(self.here),
            ArrivalQueue(self._later, ArrivalMetrics(self.tally)),
            self.limits,
            OpenConnections(most),
            TlsMetrics(self.tally),
        )
        self.port.begin()

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        if self.holds_queue:
            self.queue_turns.append(call)
        else:
            call_later(seconds, call)

    def _context(self) -> ssl.SSLContext:
        self.openssl += 1
        return self.context

    def count(self, outcome: str) -> int:
        """How many handshakes ended so."""
        found = self.tally.of("stoppress_tls_handshakes")
        return sum(int(one.amount) for one in found if one.label == outcome)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until the port has come so far."""
        await until(true, PATIENCE_S)

    async def echo(self, text: bytes = b"hello", **more: object) -> None:
        """One connection, and an answer on it."""
        context = trust()
        reader, writer = await asyncio.open_connection(
            *self.address, ssl=context, server_hostname="localhost"
        )
        writer.write(text)
        assert await reader.readexactly(len(text)) == text
        writer.close()

    async def bare(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection without TLS."""
        return await asyncio.open_connection(*self.address)

    def tick(self, seconds: float) -> None:
        """Let time pass for the limit on heads."""
        self.now += seconds
        looks, self.looks = self.looks, []
        for look in looks:
            look()


@asynccontextmanager
async def opened(
    make: Callable[[asyncio.AbstractEventLoop], SocketPoller] = EpollPoller,
    most: int = 0,
) -> AsyncIterator[Port]:
    """A port, and its end; `most` connections per address."""
    port = Port(make, most)
    try:
        yield port
    finally:
        for echo in list(port.here):
            echo.transport.abort()
        await port.until(lambda: not port.here)
        port.port.close()
        port.port.close()
        port.poller.close()


def client_hello() -> bytes:
    """The first bytes of a TLS client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trust().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("make", [EpollPoller, LoopPoller], ids=["epoll", "loop"])
async def test_the_protocol_behind_gets_plain_bytes(
    make: Callable[[asyncio.AbstractEventLoop], SocketPoller],
) -> None:
    """As on any port."""
    async with opened(make) as port:
        await asyncio.gather(*(port.echo(b"%d" % n) for n in range(20)))
        assert port.count("full") == 20 and port.count("failed") == 0
        assert len(port.port) == 0 and len(port.limits) == 0


async def test_a_client_that_comes_back_is_resumed() -> None:
    """By its ticket, with TLS 1.2 and 1.3."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        async with opened() as port:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.maximum_version = version
            ticket: ssl.SSLSession | None = None

            def visit(
                port: Port, context: ssl.SSLContext, session: ssl.SSLSession | None
            ) -> ssl.SSLSession | None:
                with socket.create_connection(port.address, PATIENCE_S) as bare:
                    with context.wrap_socket(bare, session=session) as client:
                        client.send(b"x")
                        client.recv(1)
                        return client.session

            for _ in range(3):
                ticket = await asyncio.to_thread(visit, port, context, ticket)
            assert (port.count("full"), port.count("resumed")) == (1, 2)


async def test_plain_http_is_answered_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In words that name https."""
    async with opened() as port:
        with caplog.at_level(logging.WARNING):
            for request in (
                b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
                b"DELETE / HT",
                b"\n",
            ):
                reader, writer = await port.bare()
                writer.write(request)
                answer = await reader.read()
                assert answer.startswith(b"HTTP/1.1 400 ")
                assert answer.endswith(b"use https:// in the address.")
                writer.close()
        assert caplog.text.count("HTTP without TLS") == 1
        assert port.count("plain") == 3
        await port.until(lambda: len(port.port) == 0 and len(port.limits) == 0)


async def test_a_silent_handshake_is_closed_in_time() -> None:
    """Before the first byte, and in the middle of the handshake."""
    async with opened() as port:
        silent, silent_writer = await port.bare()
        stuck, stuck_writer = await port.bare()
        stuck_writer.write(client_hello())
        await stuck.read(1)
        await port.until(lambda: len(port.port) == 2)
        port.tick(HEAD_S - 1)
        assert len(port.port) == 2
        port.tick(2)
        await silent.read()
        await stuck.read()
        assert len(port.port) == 0 and port.count("failed") == 2
        silent_writer.close()
        stuck_writer.close()


async def test_a_peer_that_leaves_in_the_handshake_is_freed() -> None:
    """Whenever that is, and whatever it sent."""
    async with opened() as port:
        for begin in (
            b"",
            client_hello()[:50],
            client_hello(),
            b"\x16\x03\x01\xff\xff",
        ):
            _, writer = await port.bare()
            writer.write(begin)
            await asyncio.sleep(0)
            writer.close()
        _, writer = await port.bare()
        writer.write(b"\x16\x03\x01\x00\x05wrong")
        await port.until(lambda: port.count("failed") >= 1)
        await port.until(lambda: len(port.port) == 0 and len(port.limits) == 0)
        await port.echo()
        writer.close()


async def test_the_longest_waiting_goes_when_too_many_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who begins handshakes and ends none shuts nobody else out."""
    monkeypatch.setattr(tls_handshake, "MAX_AWAITED", 3)
    async with opened() as port:
        lines = []
        for _ in range(5):
            reader, writer = await port.bare()
            writer.write(client_hello())
            await reader.read(1)
            lines.append((reader, writer))
        assert port.count("crowded_out") == 2 and len(port.port) == 3
        for reader, _ in lines[:2]:
            await reader.read()
        await port.echo()
        for _, writer in lines:
            writer.close()


async def test_a_crowd_is_let_in_by_slices() -> None:
    """A turn takes first steps for its slice of time; the others wait in order."""
    async with opened() as port:
        port.holds_queue = True
        lines = [await port.bare() for _ in range(30)]
        for _, writer in lines:
            writer.write(client_hello())
        await port.until(lambda: len(port.port) == 30)
        queue = port.port.arrival_queue
        await port.until(lambda: len(queue) + len(port.port._awaited) == 30)
        assert len(queue) > 0
        # Who waits for us is not one that sends no head.
        assert len(port.limits) == len(port.port._awaited)
        port.holds_queue = False
        while port.queue_turns:
            port.queue_turns.pop()()
        await port.until(lambda: len(port.port._awaited) == 30)
        for _, writer in lines:
            writer.close()


async def test_another_certificate_counts_for_new_connections() -> None:
    """Those that are open keep theirs."""
    async with opened() as port:
        reader, writer = await asyncio.open_connection(
            *port.address, ssl=trust(), server_hostname="localhost"
        )
        before = port.context
        port.context = load(*for_this_machine())
        await port.echo()
        writer.write(b"still here")
        assert await reader.readexactly(10) == b"still here"
        assert before is not port.context
        writer.close()


async def test_without_descriptors_it_pauses(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so, and accepts again later."""
    monkeypatch.setattr(tls_handshake, "ACCEPT_PAUSE_S", 0.01)

    class Full:
        """A listening socket of a process without descriptors, for a while."""

        def __init__(self, real: socket.socket) -> None:
            self.real = real
            self.refusals = 2

        def fileno(self) -> int:
            return self.real.fileno()

        def close(self) -> None:
            self.real.close()

        def accept(self) -> tuple[socket.socket, object]:
            if self.refusals:
                self.refusals -= 1
                raise OSError(24, "Too many open files")
            return self.real.accept()

    async with opened() as port:
        port.port._listener = Full(port.port._listener)  # type: ignore[assignment]
        with caplog.at_level(logging.WARNING):
            await port.echo()
        assert caplog.text.count("Too many open files") == 2


async def test_its_end_closes_what_is_in_its_handshake() -> None:
    """And accepts nobody else."""
    async with opened() as port:
        reader, writer = await port.bare()
        await port.until(lambda: len(port.port) == 1)
        port.port.close()
        assert await reader.read() == b""
        writer.close()
        with pytest.raises(OSError):
            await port.bare()


async def ends_unanswered(reader: asyncio.StreamReader) -> bool:
    """Whether the server closes without a byte: no handshake was begun."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read(1) == b""
    except ConnectionResetError:
        return True


async def test_the_excess_of_an_address_costs_no_handshake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is closed before OpenSSL has any work with it; a place that is free counts."""
    monkeypatch.setattr(open_connections, "MAX_TOLD", 0)
    async with opened(most=3) as port:
        lines = []
        for _ in range(3):
            reader, writer = await port.bare()
            writer.write(client_hello())
            assert await reader.read(1) == b"\x16"
            lines.append(writer)
        for number in range(1, 21):
            reader, writer = await port.bare()
            writer.write(client_hello())
            assert await ends_unanswered(reader)
            writer.close()
            assert port.count("refused") == number
        assert port.openssl == 3 and len(port.port) == 3
        assert port.tally.sum("stoppress_tls_handshakes") == 20
        lines.pop().close()
        await port.until(lambda: len(port.port) == 2)
        await port.echo()
        assert port.openssl == 4
        for writer in lines:
            writer.close()
        await port.until(lambda: len(port.port) == 0)
        assert not port.port.connections._counts and not port.port.connections._keys


async def test_an_address_has_a_share_of_the_awaited_handshakes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of those that were accepted before that was known, too."""
    monkeypatch.setattr(tls_handshake, "MAX_AWAITED_BY_ADDRESS", 3)
    async with opened(most=100) as port:
        lines = [await port.bare() for _ in range(10)]
        # All are accepted before the first of them has said anything.
        await port.until(lambda: len(port.port) == 10)
        for _, writer in lines:
            writer.write(client_hello())
        await port.until(lambda: port.openssl + port.count("refused") == 10)
        assert (port.openssl, port.count("refused"), len(port.port)) == (3, 7, 3)
        reader, writer = await port.bare()
        assert await ends_unanswered(reader)
        writer.close()
        for _, writer in lines:
            writer.close()
        await port.until(lambda: len(port.port) == 0)
        assert not port.port._awaited_by_address
        await port.echo()
        assert port.openssl == 4


async def test_without_limits_an_address_may_have_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As for benches."""
    monkeypatch.setattr(tls_handshake, "MAX_AWAITED_BY_ADDRESS", 1)
    async with opened() as port:
        lines = []
        for _ in range(4):
            reader, writer = await port.bare()
            writer.write(client_hello())
            assert await reader.read(1) == b"\x16"
            lines.append(writer)
        assert len(port.port) == 4 and port.count("refused") == 0
        for writer in lines:
            writer.close()
