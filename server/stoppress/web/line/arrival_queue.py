"""The admission rate of new live connections, so that many arrivals block nothing.

Rules:
- A turn of the loop admits connections for 1 ms at most, then the loop runs everything
  else: a publish, a health probe, the sweep. Before admission only the first segment
  of a connection is read; further bytes stay in the kernel.
- Every live request passes here once, whether it is the first request of its
  connection or not.
- First in, first out for each address; the addresses take turns, so that a crowd from
  one delays only itself. Peers that forward for others share a turn. A connection
  queued longer than clients wait is closed; one that
  the peer has closed meanwhile does not use up a place.
- A queue may rest after each slice, so that it has a bounded share of the time.
- `handshakes_per_s`, if set, limits the rate further; a burst may be a tenth of a
  second's worth.
- The queue is bounded in number and in bytes; a connection above a bound is closed,
  and its client reconnects as after any lost connection.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from stoppress.metric_instruments import NO_METER, Meter

ADMIT_SLICE_S = 0.001
"""Time per turn for admissions; the sweep has a slice of its own."""
TURNS_BETWEEN_SLICES = 4
"""Turns of the loop between two slices, if they are short; a publish takes ten."""
PLAIN_PATH_COST_S = 0.0002
"""Approximate cost of a connection on the plain path in later turns."""
MEASURED = 8
"""Turns of which the measured cost is about the mean."""
MAX_QUEUED_S = 30.0
"""Longest time in the queue; clients have given up by then."""
CHECK_PEER_AFTER_S = 1.0
"""After this time in the queue, the socket is checked for a hang-up first."""
MAX_QUEUED = 20_000
"""Connections queued at once."""
MAX_QUEUED_BYTES = 32 << 20
"""Bytes received from all queued connections."""

_HUNG_UP: int = getattr(select, "POLLRDHUP", 0)  # Linux only


class ArrivalOutcome(Enum):
    """The result of an admission."""

    GONE = "closed by the peer"
    WHOLE = "done by the fast path"
    PLAIN = "on the plain path: the rest follows in later turns"


class QueuedArrival(Protocol):
    """A connection in the arrival queue."""

    def pause(self) -> None:
        """Stop reading from the connection."""

    def admit(self, waited_s: float) -> ArrivalOutcome:
        """Admit it after `waited_s` in the queue, unless the peer has closed it."""

    def close(self) -> None:
        """Close the connection without an answer."""


class QueuePlace:
    """The queue entry of one connection, which keeps it to add bytes or to leave."""

    __slots__ = ("connection", "since", "size")

    def __init__(self, connection: QueuedArrival, size: int, since: float) -> None:
        self.connection: QueuedArrival | None = connection
        self.size = size
        self.since = since


class ArrivalMetrics:
    """The counters of the arrival queue."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.waited = meter.total(
            "stoppress_handshakes_waited",
            "New live connections that waited for admission.",
        )
        self.rejected = meter.counter(
            "stoppress_handshakes_shut_out",
            "New live connections closed because too many waited, or for too long.",
        )


def has_left(transport: asyncio.Transport, waited_s: float) -> bool:
    """Whether the peer has hung up, which asyncio does not notice without reading.

    A peer that left within CHECK_PEER_AFTER_S is admitted; reading then finds it.
    """
    if transport.is_closing():
        return True
    if waited_s < CHECK_PEER_AFTER_S:
        return False
    peer = transport.get_extra_info("socket")
    return peer is not None and has_hung_up(peer.fileno())


def has_hung_up(fd: int) -> bool:
    """Whether the peer of a socket has closed its side, where the system can tell."""
    if not _HUNG_UP:
        return False
    poll = select.poll()
    poll.register(fd, _HUNG_UP)
    return bool(poll.poll(0))


Later = Callable[[float, Callable[[], None]], object]
"""Calls a function after a number of seconds; 0: in the next turn of the loop."""


def call_later(seconds: float, call: Callable[[], None]) -> None:
    """Call `call` after `seconds`, by the running loop."""
    loop = asyncio.get_running_loop()
    if seconds > 0:
        loop.call_later(seconds, call)
    else:
        loop.call_soon(call)


class ArrivalQueue:
    """Admits new live connections in order, in slices of time."""

    def __init__(
        self,
        later: Later,
        metrics: ArrivalMetrics,
        per_second: float = 0,
        clock: Callable[[], float] = time.perf_counter,
        *,
        slice_s: float = ADMIT_SLICE_S,
        max_pause_s: float = ADMIT_SLICE_S,
        rest_s: float = 0.0,
        measures_cost: bool = False,
    ) -> None:
        """`slice_s`: the time per turn for admissions. `max_pause_s`: the longest time
        between two slices; `rest_s`: the shortest one. `measures_cost`: what an
        admission costs in later turns differs, and is measured."""
        self._later = later
        self._slice_s = slice_s
        self._rest_s = rest_s
        self._max_pause_s = max_pause_s
        self._measures_cost = measures_cost
        self._plain_cost_s = PLAIN_PATH_COST_S
        self._unmeasured = 0
        self._admitted_at = 0.0
        self._metrics = metrics
        self._rate = per_second
        self._clock = clock
        self._queues: OrderedDict[str, deque[QueuePlace]] = OrderedDict()
        """By address, the next one to take its turn first; none is empty."""
        self._count = 0
        self._queued_bytes = 0
        self._scheduled = False
        self._left_s = slice_s
        self._turns_left = 0
        self._slice_end = 0.0
        self._burst = max(1.0, per_second / 10)
        self._tokens = self._burst
        self._refilled_at = clock()

    def __len__(self) -> int:
        return self._count

    @property
    def is_free(self) -> bool:
        """Whether the next connection is admitted at once, as far as time decides."""
        return not self._count and self._left_s > 0

    def enter(
        self, connection: QueuedArrival, size: int, address: str = ""
    ) -> QueuePlace | None:
        """Admit a connection now, or queue it; `size` bytes of it are received.

        Returns its entry, or None if it was admitted or closed."""
        now = self._clock()
        if not self._count and self._left_s > 0 and self._has_token(now):
            self._admit(connection, now, 0.0)
            if not self._scheduled:
                self._schedule(self._rest_s)
            return None
        if self._count >= MAX_QUEUED or self._queued_bytes + size > MAX_QUEUED_BYTES:
            self._metrics.rejected.add()
            connection.close()
            return None
        self._metrics.waited.add()
        connection.pause()
        place = QueuePlace(connection, size, now)
        self._queues.setdefault(address, deque()).append(place)
        self._count += 1
        self._queued_bytes += size
        if not self._scheduled:
            self._schedule(0)
        return place

    def add_bytes(self, place: QueuePlace, more: int) -> None:
        """Count bytes of a queued connection that were in flight when it was paused."""
        place.size += more
        self._queued_bytes += more
        if self._queued_bytes > MAX_QUEUED_BYTES and place.connection is not None:
            self._metrics.rejected.add()
            place.connection.close()
            self.leave(place)

    def leave(self, place: QueuePlace) -> None:
        """Remove a connection from the queue; harmless if it was admitted."""
        if place.connection is not None:
            place.connection = None
            self._queued_bytes -= place.size

    def _schedule(self, seconds: float) -> None:
        self._scheduled = True
        self._later(seconds, self._turn)

    def _turn(self) -> None:
        """Admit for a slice of time; after a used-up slice first skip some turns."""
        self._scheduled = False
        now = self._clock()
        if self._unmeasured:
            self._measure(now)
        if self._turns_left > 0 and now - self._slice_end < self._max_pause_s:
            self._turns_left -= 1
            self._schedule(0)
            return
        self._left_s, self._turns_left = self._slice_s, 0
        wait_s = self._rest_s
        try:
            while self._count and self._left_s > 0:
                if not self._has_token(now):
                    wait_s = max(wait_s, 0.001, (1 - self._tokens) / self._rate)
                    break
                place = self._next()
                connection = place.connection
                if connection is None:
                    continue
                self.leave(place)
                waited_s = now - place.since
                if waited_s > MAX_QUEUED_S:
                    self._metrics.rejected.add()
                    connection.close()
                else:
                    self._admit(connection, now, waited_s)
                    now = self._clock()
        finally:
            if self._count or self._left_s <= 0:
                self._schedule(wait_s)

    def _measure(self, now: float) -> None:
        """Learn what an admission costs later: this turn has run what was admitted."""
        took_s = min((now - self._admitted_at) / self._unmeasured, ADMIT_SLICE_S)
        self._plain_cost_s += (took_s - self._plain_cost_s) / MEASURED
        self._unmeasured = 0

    def _next(self) -> QueuePlace:
        """Take the first place of the address whose turn it is."""
        address, queue = next(iter(self._queues.items()))
        place = queue.popleft()
        self._count -= 1
        if queue:
            self._queues.move_to_end(address)
        else:
            del self._queues[address]
        return place

    def _has_token(self, now: float) -> bool:
        """Whether `handshakes_per_s` allows an admission now."""
        if not self._rate:
            return True
        more = (now - self._refilled_at) * self._rate
        self._tokens, self._refilled_at = min(self._burst, self._tokens + more), now
        return self._tokens >= 1

    def _admit(self, connection: QueuedArrival, now: float, waited_s: float) -> None:
        if self._rate:
            self._tokens -= 1
        entry = connection.admit(waited_s)
        ended = self._clock()
        self._left_s -= ended - now
        if entry is ArrivalOutcome.PLAIN:
            self._left_s -= self._plain_cost_s
            if self._measures_cost:
                self._unmeasured += 1
                self._admitted_at = ended
        elif entry is ArrivalOutcome.GONE and self._rate:
            self._tokens += 1
        if self._left_s <= 0 and not self._rest_s:
            self._turns_left, self._slice_end = TURNS_BETWEEN_SLICES, ended
