"""How fast newcomers are let in: so that a crowd at the door stops nobody else.

Rules:
- A turn of the loop lets newcomers in for at most 1 ms, then everything else has
  its turns: a publish, a probe of the server's health, the sweep. What is read of a
  newcomer before is its first segment; then it waits unread, in the kernel.
- First come, first served. Whoever waited longer than a client would is closed.
- `handshakes_per_s`, if it is set, spreads them further; up to a tenth of a second's
  worth may come at once.
- What waits is bounded, in number and in bytes; who comes beyond that is closed, to
  come back as after any broken line.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from stoppress.hub.sweep import SLICE_S

BREATHS = 4
"""Turns of the loop between two slices, if they are short: a publish takes ten."""
PLAIN_S = 0.0002
"""What a newcomer on the plain path will cost in later turns, about."""
LONGEST_WAIT_S = 30.0
"""Clients have given up by then."""
MOST_WAITING = 20_000
"""Newcomers that wait at once."""
MOST_HELD = 32 << 20
"""Bytes that those who wait have said already."""


class Waiting(Protocol):
    """A newcomer at the gate."""

    def pause(self) -> None:
        """Read no more of it."""

    def go_in(self) -> bool:
        """Let it in; whether that was all, with nothing left for later turns."""

    def cut(self) -> None:
        """Close it."""


class GateMetrics(Protocol):
    """What the gate counts."""

    def waited(self) -> None:
        """A newcomer had to wait."""

    def shut_out(self) -> None:
        """A newcomer was closed: too many waited, or it waited too long."""


Later = Callable[[float, Callable[[], None]], object]
"""Calls a function after so many seconds; 0: in the next turn of the loop."""


def call_later(seconds: float, call: Callable[[], None]) -> None:
    """Call after so many seconds of the running loop."""
    loop = asyncio.get_running_loop()
    if seconds > 0:
        loop.call_later(seconds, call)
    else:
        loop.call_soon(call)


class Gate:
    """Lets newcomers in, in slices."""

    def __init__(
        self,
        later: Later,
        metrics: GateMetrics,
        per_second: float = 0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._later = later
        self._metrics = metrics
        self._rate = per_second
        self._clock = clock
        self._queue: deque[tuple[Waiting, int, float]] = deque()
        self._held = 0
        self._scheduled = False
        self._left_s = SLICE_S
        self._breaths = 0
        self._ended = 0.0
        self._burst = max(1.0, per_second / 10)
        self._tokens = self._burst
        self._counted = clock()

    def __len__(self) -> int:
        return len(self._queue)

    def come(self, newcomer: Waiting, size: int) -> None:
        """Let a newcomer in that has said `size` bytes: now, or in its turn."""
        now = self._clock()
        if not self._queue and self._left_s > 0 and self._may(now):
            self._let_in(newcomer, now)
            if not self._scheduled:
                self._call(0)
        elif len(self._queue) < MOST_WAITING and self._held + size <= MOST_HELD:
            self._metrics.waited()
            newcomer.pause()
            self._queue.append((newcomer, size, now))
            self._held += size
            if not self._scheduled:
                self._call(0)
        else:
            self._metrics.shut_out()
            newcomer.cut()

    def _call(self, seconds: float) -> None:
        self._scheduled = True
        self._later(seconds, self._turn)

    def _turn(self) -> None:
        """A new turn of the loop: a slice, after a breath if the last was used up."""
        self._scheduled = False
        now = self._clock()
        if self._breaths > 0 and now - self._ended < SLICE_S:
            self._breaths -= 1
            self._call(0)
            return
        self._left_s, self._breaths = SLICE_S, 0
        wait_s = 0.0
        try:
            while self._queue and self._left_s > 0:
                if not self._may(now):
                    wait_s = max(0.001, (1 - self._tokens) / self._rate)
                    break
                newcomer, size, since = self._queue.popleft()
                self._held -= size
                if now - since > LONGEST_WAIT_S:
                    self._metrics.shut_out()
                    newcomer.cut()
                else:
                    self._let_in(newcomer, now)
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

    def _let_in(self, newcomer: Waiting, now: float) -> None:
        if self._rate:
            self._tokens -= 1
        was_all = newcomer.go_in()
        ended = self._clock()
        self._left_s -= ended - now + (0.0 if was_all else PLAIN_S)
        if self._left_s <= 0:
            self._breaths, self._ended = BREATHS, ended
