"""How fast new connections are let in, so that a crowd of them stops nothing else.

Rules:
- A turn of the loop lets newcomers in for at most 1 ms, then everything else has
  its turns: a publish, a probe of the server's health, the sweep. What is read of a
  newcomer before is its first segment; then it waits unread, in the kernel.
- Every live line passes here once, whether it is the first thing that is said on its
  connection or not.
- First come, first served. Whoever waited longer than a client would is closed; who
  has left meanwhile takes nobody's place.
- `handshakes_per_s`, if it is set, spreads them further; up to a tenth of a second's
  worth may come at once.
- What waits is bounded, in number and in bytes; who comes beyond that is closed, to
  come back as after any broken line.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from stoppress.meter import NO_METER, Meter

ADMIT_SLICE_S = 0.001
"""What a turn gives to newcomers; the sweep has a slice of its own beside it."""
BREATHS = 4
"""Turns of the loop between two slices, if they are short: a publish takes ten."""
PLAIN_S = 0.0002
"""What a newcomer on the plain path will cost in later turns, about."""
MAX_QUEUED_S = 30.0
"""Clients have given up by then."""
PATIENCE_S = 1.0
"""Who waited longer may have left, and is looked at before it is let in."""
MOST_WAITING = 20_000
"""Newcomers that wait at once."""
MOST_HELD = 32 << 20
"""Bytes that those who wait have said already."""

_HUNG_UP: int = getattr(select, "POLLRDHUP", 0)  # Linux has it


class ArrivalOutcome(Enum):
    """How somebody came in."""

    GONE = "it had left"
    WHOLE = "all is done"
    PLAIN = "by the plain path: the rest is for later turns"


class QueuedArrival(Protocol):
    """A connection in the arrival queue."""

    def pause(self) -> None:
        """Read no more of it."""

    def go_in(self, waited_s: float) -> ArrivalOutcome:
        """Let it in, after it waited so long, unless it has left."""

    def cut(self) -> None:
        """Close it."""


class QueuePlace:
    """Where one newcomer stands in the line; it keeps it, to say more or to leave."""

    __slots__ = ("connection", "since", "size")

    def __init__(self, connection: QueuedArrival, size: int, since: float) -> None:
        self.connection: QueuedArrival | None = connection
        self.size = size
        self.since = since


class ArrivalMetrics:
    """What the gate counts."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.waited = meter.counter(
            "stoppress_handshakes_waited", "Newcomers that had to wait to be let in."
        )
        self.shut_out = meter.counter(
            "stoppress_handshakes_shut_out",
            "Newcomers closed because too many waited, or for too long.",
        )


def has_left(transport: asyncio.Transport, waited_s: float) -> bool:
    """Whether the peer has hung up, which nobody sees while it is not read.

    Who has left within PATIENCE_S is let in, and found out by the reading.
    """
    if transport.is_closing():
        return True
    if waited_s < PATIENCE_S:
        return False
    peer = transport.get_extra_info("socket")
    if peer is None or not _HUNG_UP:
        return False
    poll = select.poll()
    poll.register(peer.fileno(), _HUNG_UP)
    return bool(poll.poll(0))


Later = Callable[[float, Callable[[], None]], object]
"""Calls a function after so many seconds; 0: in the next turn of the loop."""


def call_later(seconds: float, call: Callable[[], None]) -> None:
    """Call after so many seconds of the running loop."""
    loop = asyncio.get_running_loop()
    if seconds > 0:
        loop.call_later(seconds, call)
    else:
        loop.call_soon(call)


class ArrivalQueue:
    """Lets newcomers in, in slices."""

    def __init__(
        self,
        later: Later,
        metrics: ArrivalMetrics,
        per_second: float = 0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._later = later
        self._metrics = metrics
        self._rate = per_second
        self._clock = clock
        self._queue: deque[QueuePlace] = deque()
        self._held = 0
        self._scheduled = False
        self._left_s = ADMIT_SLICE_S
        self._breaths = 0
        self._ended = 0.0
        self._burst = max(1.0, per_second / 10)
        self._tokens = self._burst
        self._counted = clock()

    def __len__(self) -> int:
        return len(self._queue)

    def come(self, connection: QueuedArrival, size: int) -> QueuePlace | None:
        """Let a newcomer in that has said `size` bytes: now (None), or in its turn."""
        now = self._clock()
        if not self._queue and self._left_s > 0 and self._may(now):
            self._let_in(connection, now, 0.0)
            if not self._scheduled:
                self._call(0)
            return None
        if len(self._queue) >= MOST_WAITING or self._held + size > MOST_HELD:
            self._metrics.shut_out.add()
            connection.cut()
            return None
        self._metrics.waited.add()
        connection.pause()
        place = QueuePlace(connection, size, now)
        self._queue.append(place)
        self._held += size
        if not self._scheduled:
            self._call(0)
        return place

    def say(self, place: QueuePlace, more: int) -> None:
        """Who waits has said more, which was on its way when it was paused."""
        place.size += more
        self._held += more
        if self._held > MOST_HELD and place.connection is not None:
            self._metrics.shut_out.add()
            place.connection.cut()
            self.leave(place)

    def leave(self, place: QueuePlace) -> None:
        """Who waited is gone; harmless if it is in."""
        if place.connection is not None:
            place.connection = None
            self._held -= place.size

    def _call(self, seconds: float) -> None:
        self._scheduled = True
        self._later(seconds, self._turn)

    def _turn(self) -> None:
        """A new turn of the loop: a slice, after a breath if the last was used up."""
        self._scheduled = False
        now = self._clock()
        if self._breaths > 0 and now - self._ended < ADMIT_SLICE_S:
            self._breaths -= 1
            self._call(0)
            return
        self._left_s, self._breaths = ADMIT_SLICE_S, 0
        wait_s = 0.0
        try:
            while self._queue and self._left_s > 0:
                if not self._may(now):
                    wait_s = max(0.001, (1 - self._tokens) / self._rate)
                    break
                place = self._queue.popleft()
                connection = place.connection
                if connection is None:
                    continue
                self.leave(place)
                waited_s = now - place.since
                if waited_s > MAX_QUEUED_S:
                    self._metrics.shut_out.add()
                    connection.cut()
                else:
                    self._let_in(connection, now, waited_s)
                    now = self._clock()
        finally:
            if self._queue or self._left_s <= 0:
                self._call(wait_s)

    def _may(self, now: float) -> bool:
        """Whether the rate allows one more now."""
        if not self._rate:
            return True
        more = (now - self._counted) * self._rate
        self._tokens, self._counted = min(self._burst, self._tokens + more), now
        return self._tokens >= 1

    def _let_in(self, connection: QueuedArrival, now: float, waited_s: float) -> None:
        if self._rate:
            self._tokens -= 1
        entry = connection.go_in(waited_s)
        ended = self._clock()
        self._left_s -= ended - now
        if entry is ArrivalOutcome.PLAIN:
            self._left_s -= PLAIN_S
        elif entry is ArrivalOutcome.GONE and self._rate:
            self._tokens += 1
        if self._left_s <= 0:
            self._breaths, self._ended = BREATHS, ended
