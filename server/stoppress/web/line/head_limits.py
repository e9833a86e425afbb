"""Who still has to say what they want: for how long, and in how many bytes.

A connection is waited for from when it is made, and again from the first byte after an
answer, until it has sent the whole head of a request. Rules:
- What it says meanwhile gives it no more time: a byte now and then keeps nobody.
- One timer for all. They stand in the order in which they came, so that a look at
  them ends at the first that may still wait.
- Whoever has said it, or left, is let go of at once: nothing here holds a reader.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from stoppress.meter import NO_METER, Meter
from stoppress.web.line.arrivals import Later

LOOK_S = 0.5
"""Between two looks, at least."""


class PendingConnection(Protocol):
    """A connection that is to say what it wants."""

    def too_late(self) -> None:
        """Close it."""


class HeadMetrics:
    """What is counted of them."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.refused = meter.counter(
            "stoppress_heads_refused",
            "Connections closed because a request's head was too late, or too long.",
        )


class HeadLimits:
    """Those who are waited for. `longest_s` and `most_bytes`: 0 is without a bound."""

    def __init__(
        self,
        later: Later,
        metrics: HeadMetrics,
        longest_s: float,
        most_bytes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._later = later
        self._metrics = metrics
        self._longest_s = longest_s
        self._most_bytes = most_bytes
        self._clock = clock
        self._since: dict[PendingConnection, float] = {}
        self._looks = False

    def __len__(self) -> int:
        return len(self._since)

    def begin(self, speaker: PendingConnection) -> None:
        """Wait for it, from now on, if it is not waited for already."""
        if not self._longest_s or speaker in self._since:
            return
        self._since[speaker] = self._clock()
        self._look_in(self._longest_s)

    def end(self, speaker: PendingConnection) -> None:
        """It has said what it wants, or is gone."""
        self._since.pop(speaker, None)

    def allows(self, size: int) -> bool:
        """Whether a head of `size` bytes is within the limit."""
        return not self._most_bytes or size <= self._most_bytes

    def is_too_long(self, size: int) -> bool:
        """Whether a head of which there are `size` bytes is refused; it is counted."""
        if self.allows(size):
            return False
        self._metrics.refused.add()
        return True

    def _look_in(self, seconds: float) -> None:
        if not self._looks:
            self._looks = True
            self._later(max(seconds, LOOK_S), self._look)

    def _look(self) -> None:
        self._looks = False
        due = self._clock() - self._longest_s
        while self._since:
            speaker, since = next(iter(self._since.items()))
            if since > due:
                self._look_in(since - due)
                break
            del self._since[speaker]
            self._metrics.refused.add()
            speaker.too_late()
