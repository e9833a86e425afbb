"""Readers on their way out: each has a few seconds, then the line is cut.

Rule: one timer for all of them. Everyone has the same time, so they stand in the
order in which it runs out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

GRACE_S = 5.0
"""How long a peer has to answer a close, or to take the last bytes."""


class Leaver(Protocol):
    """Who can be cut off."""

    def cut(self) -> None:
        """End now, whatever is unsent. Harmless if it has ended already."""


class Leaving:
    """The readers that were told to go."""

    def __init__(self, grace_s: float = GRACE_S) -> None:
        self._grace_s = grace_s
        self._queue: deque[tuple[float, Leaver]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, reader: Leaver) -> None:
        """Cut the reader off after the time of grace."""
        loop = asyncio.get_running_loop()
        self._queue.append((loop.time() + self._grace_s, reader))
        if self._timer is None:
            self._timer = loop.call_later(self._grace_s, self._cut_due)

    def cut_all(self) -> None:
        """Cut everyone off now; nobody is waited for any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._queue:
            self._queue.popleft()[1].cut()

    def _cut_due(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        # A timer may ring a clock tick early: what is due by then is due.
        due = loop.time() + 0.01
        while self._queue and self._queue[0][0] <= due:
            self._queue.popleft()[1].cut()
        if self._queue:
            self._timer = loop.call_at(self._queue[0][0], self._cut_due)
