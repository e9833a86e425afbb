"""Readers on their way out: sent away, or gone by themselves.

Rules:
- Who is told to go has a few seconds, then the line is cut. One timer for all:
  everyone has the same time, so they stand in the order in which it runs out.
- Who hung up is let go in its turn, a few a turn of the loop: closing a socket costs
  20 µs, and a proxy that ends takes thousands with it.
- A peer that has closed its side may still read (RFC 9112, section 9.6). The end of
  its bytes looks the same either way, so it is sent a byte or two: a peer that is
  gone resets the connection, and is let go a second later.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

CLOSE_GRACE_S = 5.0
"""How long a peer has to answer a close, or to take the last bytes."""

A_TURN = 32
"""Readers that hung up and are let go in one turn of the loop: under 1 ms."""


RESET_WAIT_S = 1.0
"""How long a peer that is gone has to reset the connection: a few round trips."""


class HalfClosedReader(Protocol):
    """A reader whose peer has closed its side."""

    def probe(self) -> None:
        """Send something that means nothing."""

    def close_if_gone(self) -> None:
        """Close the line if the peer has reset the connection since."""


class ClosableReader(Protocol):
    """Who can be cut off."""

    def cut(self) -> None:
        """End now, whatever is unsent. Harmless if it has ended already."""


class ClosingReaders:
    """The readers that were told to go."""

    def __init__(self, grace_s: float = CLOSE_GRACE_S) -> None:
        self._grace_s = grace_s
        self._queue: deque[tuple[float, ClosableReader]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._gone: deque[Callable[[], None]] = deque()
        self._probed: deque[tuple[float, HalfClosedReader]] = deque()
        self._probe_timer: asyncio.TimerHandle | None = None

    def look_after(self, reader: HalfClosedReader) -> None:
        """Probe a reader whose peer closed its side, and let it go if it is gone."""
        self.let_go(lambda: self._probe(reader))

    def _probe(self, reader: HalfClosedReader) -> None:
        reader.probe()
        loop = asyncio.get_running_loop()
        self._probed.append((loop.time() + RESET_WAIT_S, reader))
        if self._probe_timer is None:
            self._probe_timer = loop.call_later(RESET_WAIT_S, self._look)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._probe_timer = None
        due = loop.time() + 0.01
        while self._probed and self._probed[0][0] <= due:
            self.let_go(self._probed.popleft()[1].close_if_gone)
        if self._probed:
            self._probe_timer = loop.call_at(self._probed[0][0], self._look)

    def let_go(self, close: Callable[[], None]) -> None:
        """Close, in its turn, the line of a reader that hung up."""
        if not self._gone:
            asyncio.get_running_loop().call_soon(self._let_some_go)
        self._gone.append(close)

    def _let_some_go(self) -> None:
        for _ in range(min(A_TURN, len(self._gone))):
            self._gone.popleft()()
        if self._gone:
            asyncio.get_running_loop().call_soon(self._let_some_go)

    def add(self, reader: ClosableReader) -> None:
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
        if self._probe_timer is not None:
            self._probe_timer.cancel()
            self._probe_timer = None
        self._probed.clear()
        while self._queue:
            self._queue.popleft()[1].cut()
        while self._gone:
            self._gone.popleft()()

    def _cut_due(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        # A timer may ring a clock tick early: what is due by then is due.
        due = loop.time() + 0.01
        while self._queue and self._queue[0][0] <= due:
            self._queue.popleft()[1].cut()
        if self._queue:
            self._timer = loop.call_at(self._queue[0][0], self._cut_due)
