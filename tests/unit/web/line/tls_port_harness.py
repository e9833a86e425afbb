"""A TLS port on loopback, for the tests of handshakes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from stoppress.guard.open_connections import OpenConnections
from stoppress.process.certificate import load
from stoppress.web.line.arrival_queue import ArrivalMetrics, ArrivalQueue, call_later
from stoppress.web.line.head_limits import HeadLimits, HeadMetrics
from stoppress.web.line.poll_sockets_with_one_epoll import EpollPoller, SocketPoller
from stoppress.web.line.tls_handshake import TlsMetrics, TlsPort
from tests.certificates import for_this_machine, trust
from tests.tally import Tally
from tests.waiting import until

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


async def ends_unanswered(reader: asyncio.StreamReader) -> bool:
    """Whether the server closes without a byte: no handshake was begun."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read(1) == b""
    except ConnectionResetError:
        return True
