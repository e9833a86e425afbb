"""Limits of a request's head in time and bytes (slow headers, large headers).

The time runs from the connect, and again from the first byte after a response, until
the whole head of a request is received. Rules:
- Further bytes do not extend the time: a slow client is disconnected all the same.
- One timer for all. Connections are kept in order of their start, so a check ends at
  the first that has time left.
- One address has at most a SHARE of the connections that may wait; above that, the one
  of its connections that has waited longest is closed.
- A connection with a complete head, or a closed one, is removed at once: nothing here
  keeps a reader alive.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from stoppress.metric_instruments import NO_METER, Meter
from stoppress.web.line.arrival_queue import Later

MIN_CHECK_S = 0.5
"""Seconds between two checks, at least."""
SHARE = 4
"""The part of all pending connections that one address may have: 1 / SHARE. Of clients
300 ms away behind one address, 1,024 are pending when 3,400 per second connect."""


class PendingConnection(Protocol):
    """A connection whose request's head is not complete."""

    def head_timed_out(self) -> None:
        """Close the connection: its head was not complete in time."""


class HeadMetrics:
    """The counter of refused heads."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.refused = meter.counter(
            "stoppress_heads_refused",
            "Connections closed because a request's head was too slow or too long.",
        )


class HeadLimits:
    """Connections with an incomplete head. A limit of 0 is no limit.

    Above `max_pending` the oldest is closed, above a share of it the oldest of that
    address: a normal client sends its head within a round trip.
    """

    def __init__(
        self,
        later: Later,
        metrics: HeadMetrics,
        max_s: float,
        max_bytes: int,
        clock: Callable[[], float] = time.monotonic,
        *,
        max_pending: int = 0,
    ) -> None:
        self._later = later
        self._metrics = metrics
        self._max_s = max_s
        self._max_bytes = max_bytes
        self._max_pending = max_pending
        self._max_of_address = -(-max_pending // SHARE)
        self._clock = clock
        self._since: dict[PendingConnection, tuple[float, str]] = {}
        self._by_address: dict[str, dict[PendingConnection, None]] = {}
        self._is_scheduled = False

    def __len__(self) -> int:
        return len(self._since)

    def begin(self, connection: PendingConnection, address: str = "") -> None:
        """Start the time of a connection, if it is not running already.

        `address`: the key of its address; "" if it counts by none.
        """
        if not (self._max_s or self._max_pending) or connection in self._since:
            return
        self._since[connection] = self._clock(), address
        if self._max_pending:
            if address:
                of_address = self._by_address.setdefault(address, {})
                of_address[connection] = None
                if len(of_address) > self._max_of_address:
                    self._close(next(iter(of_address)))
            if len(self._since) > self._max_pending:
                self._close(next(iter(self._since)))
        self._schedule(self._max_s)

    def end(self, connection: PendingConnection) -> None:
        """Stop the time: the head is complete, or the connection closed."""
        _, address = self._since.pop(connection, (0.0, ""))
        if address and (of_address := self._by_address.get(address)):
            of_address.pop(connection, None)
            if not of_address:
                del self._by_address[address]

    def allows(self, size: int) -> bool:
        """Whether a head of `size` bytes is within the limit."""
        return not self._max_bytes or size <= self._max_bytes

    def is_too_long(self, size: int) -> bool:
        """Whether a head of `size` bytes is refused; if so, it is counted."""
        if self.allows(size):
            return False
        self._metrics.refused.add()
        return True

    def _schedule(self, seconds: float) -> None:
        if self._max_s and not self._is_scheduled:
            self._is_scheduled = True
            self._later(max(seconds, MIN_CHECK_S), self._close_late)

    def _close_late(self) -> None:
        self._is_scheduled = False
        due = self._clock() - self._max_s
        while self._since:
            connection, (since, _) = next(iter(self._since.items()))
            if since > due:
                self._schedule(since - due)
                break
            self._close(connection)

    def _close(self, connection: PendingConnection) -> None:
        self.end(connection)
        self._metrics.refused.add()
        connection.head_timed_out()
