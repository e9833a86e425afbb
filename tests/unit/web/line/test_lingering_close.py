"""An answered connection stays until its peer has read the answer, within limits."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

import pytest

from stoppress.web.line import lingering_close
from stoppress.web.line.arrival_queue import call_later
from stoppress.web.line.lingering_close import (
    LINGER_S,
    LingeringClose,
    LingeringMetrics,
)
from tests.unit.web.line.bare import LOOPS, UPGRADE
from tests.unit.web.line.live_harness import Ledger, LiveServer

REST = b"POST /v1/feeds/x/posts HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n"
REFUSED = {
    "400 for two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b" 400 "),
    "400 for no HTTP": (b"\x16\x03\x01\r\n\r\n", b" 400 "),
    "400 for a handshake": (UPGRADE.replace(b"GET", b"POST"), b" 400 "),
    "426": (UPGRADE.replace(b"Version: 13", b"Version: 8"), b" 426 "),
    "505": (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", b" 505 "),
    "an answer that is the last": (
        b"GET /v1/nothing HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        b" 404 ",
    ),
    "a handshake of no line": (UPGRADE.replace(b"/v1/live", b"/v1/no"), b" 40"),
}
PATHS = [("fast_path", loop) for loop in LOOPS] + [("tls", LOOPS[0])]


def answer_and_error(live: LiveServer, request: bytes) -> tuple[bytes, int]:
    """All that is answered, and the error of a socket that sends on after its end."""
    connection = socket.create_connection(("127.0.0.1", live.port), timeout=60)
    if live.trust is not None:
        connection = live.trust.wrap_socket(connection, server_hostname="127.0.0.1")
    with connection:
        connection.sendall(request)
        answer = b""
        while data := connection.recv(65536):
            answer += data
        # Were the connection closed, the first of these would be answered by RST.
        for _ in range(3):
            connection.sendall(REST)
        return answer, connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


@pytest.mark.parametrize(("path", "loop"), PATHS)
@pytest.mark.parametrize("case", REFUSED)
def test_a_client_that_still_sends_receives_its_answer(
    path: str, loop: Callable[[], asyncio.AbstractEventLoop], case: str
) -> None:
    """Bytes sent after the end of the answer don't reset the connection."""
    request, status = REFUSED[case]

    async def scenario() -> None:
        async with asyncio.timeout(60), LiveServer(path).running() as live:
            await live.create_feeds()
            answer, error = await asyncio.to_thread(answer_and_error, live, request)
            assert (status in answer, error) == (True, 0), answer
            await live.until(lambda: not live.server.server_state.connections)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())


class Line:
    """Connections on a clock that goes when told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.ledger = Ledger()
        self.calls: list[tuple[float, Callable[[], None]]] = []
        self.lingering = LingeringClose(
            lambda seconds, call: self.calls.append((self.now + seconds, call)),
            LingeringMetrics(self.ledger),
            lambda: self.now,
        )

    def ended(self) -> Connection:
        """A connection whose last answer is sent."""
        connection = Connection()
        transport = cast(asyncio.Transport, connection)
        self.lingering.close(transport, connection)
        return connection

    def goes(self, seconds: float) -> None:
        """Time goes by."""
        end = self.now + seconds
        while due := [call for call in self.calls if call[0] <= end]:
            self.calls.remove(due[0])
            self.now, call = due[0]
            call()
        self.now = end

    @property
    def cut(self) -> int:
        """Connections closed before their peers had ended them."""
        return self.ledger.sum("stoppress_lingering_cut")


class Connection(asyncio.Protocol):
    """A transport and the protocol that answered on it."""

    def __init__(self) -> None:
        self.protocol: Any = self
        self.has_ended = self.is_closed = self.is_lost = False

    def set_protocol(self, protocol: asyncio.Protocol) -> None:
        self.protocol = protocol

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.has_ended = True

    def resume_reading(self) -> None:
        """Nothing was paused."""

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True


def test_the_linger_time_is_limited() -> None:
    """Then the connection is closed and counted; each has a time of its own."""
    line = Line()
    first = line.ended()
    line.goes(LINGER_S / 2)
    second = line.ended()
    assert (first.has_ended, first.is_closed, len(line.lingering)) == (True, False, 2)
    line.goes(LINGER_S / 2)
    assert (first.is_closed, second.is_closed, line.cut) == (True, False, 1)
    line.goes(LINGER_S / 2)
    assert (second.is_closed, line.cut, len(line.lingering)) == (True, 2, 0)
    line.goes(3 * LINGER_S)
    assert line.calls == []


def test_a_peer_that_closes_is_not_counted() -> None:
    """Its transport closes by itself, and the answering protocol is told."""
    line = Line()
    one = line.ended()
    one.protocol.data_received(b"the rest of a body")
    assert one.protocol.eof_received() is False
    one.protocol.connection_lost(None)
    line.goes(3 * LINGER_S)
    assert (one.is_lost, line.cut, len(line.lingering)) == (True, 0, 0)


def test_bytes_and_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above either limit a connection is closed at once."""
    monkeypatch.setattr(lingering_close, "MAX_LINGERING", 2)
    line = Line()
    talker = line.ended()
    half = b"x" * (lingering_close.MAX_IGNORED_BYTES // 2)
    talker.protocol.data_received(half)
    talker.protocol.data_received(half)
    assert not talker.is_closed
    talker.protocol.data_received(b"x")
    assert (talker.is_closed, line.cut) == (True, 1)
    crowd = [line.ended() for _ in range(3)]
    assert [one.is_closed for one in crowd] == [True, False, False]
    assert line.cut == 2


def test_a_closed_connection_stays_closed() -> None:
    """It does not linger."""
    line = Line()
    one = Connection()
    one.close()
    line.lingering.close(cast(asyncio.Transport, one), one)
    assert (len(line.lingering), one.protocol) == (0, one)


@pytest.mark.asyncio
async def test_slow_readers_get_all_of_a_long_answer() -> None:
    """The linger time does not cut bytes that are still to be read."""
    lingering = LingeringClose(call_later)
    answer = b"x" * (8 << 20)

    class Answering(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.Transport, transport)
            self.transport.write(answer)
            lingering.close(self.transport, self)
            for waiting in tuple(lingering._since):
                lingering.cut(waiting)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    async with asyncio.timeout(60):
        assert await reader.read(-1) == answer
    writer.close()
    server.close()
