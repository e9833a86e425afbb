"""Connections whose last answer is sent, until the peer has ended its side too.

A connection that is closed while its peer still sends is reset by the kernel, and the
reset may destroy the answer before the peer has read it (RFC 9112, section 9.6). So the
server ends its own side only, and reads on without using what it reads.

Rules:
- A connection is closed when its peer ends its side, LINGER_S after the answer, or
  after MAX_IGNORED_BYTES. What the peer has not read of the answer by then is still
  sent, as after any close.
- At most MAX_LINGERING connections of a process wait so; above that, the one that has
  waited longest is closed.
- The protocol that answered hears of nothing but the loss of the connection, so a
  shutdown finds it, and closes at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from stoppress.metric_instruments import NO_METER, Meter
from stoppress.web.line.arrival_queue import Later

LINGER_S = 5.0
"""How long a peer has to read the answer, and to end its side."""
MAX_IGNORED_BYTES = 16 << 20
"""Bytes read without being used: the rest of a body that was refused."""
MAX_LINGERING = 1024
"""Connections of a process that wait for their peers."""


class LingeringMetrics:
    """The counter of connections that were closed before their peers ended them."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.cut = meter.counter(
            "stoppress_lingering_cut",
            "Answered connections closed before their clients had closed them.",
        )


class LingeringClose:
    """Closes the connections of a process after their last answer."""

    def __init__(
        self,
        later: Later,
        metrics: LingeringMetrics | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._later = later
        self._metrics = metrics or LingeringMetrics()
        self._clock = clock
        self._since: dict[_Ignored, float] = {}
        self._is_scheduled = False

    def __len__(self) -> int:
        return len(self._since)

    def close(self, transport: asyncio.Transport, protocol: asyncio.Protocol) -> None:
        """End this side of a connection of `protocol`; close it when the peer ends."""
        if transport.is_closing():
            return
        if not transport.can_write_eof():
            transport.close()
            return
        connection = _Ignored(self, transport, protocol)
        self._since[connection] = self._clock()
        transport.set_protocol(connection)
        transport.write_eof()
        transport.resume_reading()
        if len(self._since) > MAX_LINGERING:
            self.cut(next(iter(self._since)))
        self._schedule(LINGER_S)

    def cut(self, connection: _Ignored) -> None:
        """Close a connection whose peer has not ended its side."""
        if connection in self._since:
            self.forget(connection)
            self._metrics.cut.add()
            connection.transport.close()

    def forget(self, connection: _Ignored) -> None:
        """Wait no longer for a connection. Harmless if it is forgotten."""
        self._since.pop(connection, None)

    def _schedule(self, seconds: float) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._later(seconds, self._cut_late)

    def _cut_late(self) -> None:
        self._is_scheduled = False
        # A timer may fire a clock tick early, so the comparison has a margin.
        due = self._clock() - LINGER_S + 0.01
        while self._since:
            connection, since = next(iter(self._since.items()))
            if since > due:
                self._schedule(since - due)
                break
            self.cut(connection)


class AnsweringProtocol(Protocol):
    """A protocol that ends its connection after its last answer."""

    transport: asyncio.Transport

    @property
    def is_closing(self) -> bool:
        """Whether the connection has ended, or its last answer is sent."""

    def end(self) -> None:
        """Close the connection after its last answer, which the peer can read."""


class AnswerTransport:
    """A transport in the hands of uvicorn, whose `close` lets the peer read the answer.

    It has what uvicorn calls while it answers.
    """

    __slots__ = (
        "_protocol",
        "abort",
        "close",
        "pause_reading",
        "resume_reading",
        "write",
        "writelines",
    )

    def __init__(self, protocol: AnsweringProtocol) -> None:
        transport = protocol.transport
        self._protocol = protocol
        self.close = protocol.end
        self.abort = transport.abort
        self.write, self.writelines = transport.write, transport.writelines
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def is_closing(self) -> bool:
        """Whether the connection has ended, or its last answer is sent."""
        return self._protocol.is_closing


class _Ignored(asyncio.Protocol):
    """A connection that is read without being used."""

    __slots__ = ("_ignored_bytes", "_owner", "_protocol", "transport")

    def __init__(
        self,
        owner: LingeringClose,
        transport: asyncio.Transport,
        protocol: asyncio.Protocol,
    ) -> None:
        self._owner = owner
        self._protocol = protocol
        self._ignored_bytes = 0
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Count the bytes; they have no meaning."""
        self._ignored_bytes += len(data)
        if self._ignored_bytes > MAX_IGNORED_BYTES:
            self._owner.cut(self)

    def eof_received(self) -> bool:
        """Let the transport close: the peer has ended its side."""
        self._owner.forget(self)
        return False

    def pause_writing(self) -> None:
        """Pass on that the peer reads slowly."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the peer has read."""
        self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the protocol that answered."""
        self._owner.forget(self)
        self._protocol.connection_lost(exc)
