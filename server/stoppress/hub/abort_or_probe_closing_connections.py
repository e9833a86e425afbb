"""Connections that are closing: closed by the server, or by the peer.

Rules:
- A peer has a few seconds to answer a close, then the connection is aborted. One
  timer for all: the time is the same for each, so the queue is in order of expiry.
- Connections that the peer closed are closed in a queue, a few per turn of the loop:
  closing a socket costs 20 µs, and a proxy that ends closes thousands at once.
- A peer that has closed its side may still read (RFC 9112, section 9.6). End of file
  looks the same either way, so a byte or two are sent as a probe: a peer that is gone
  resets the connection, which is closed a second later.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

CLOSE_GRACE_S = 5.0
"""How long a peer has to answer a close, or to take the last bytes."""

CLOSES_PER_TURN = 32
"""Connections closed per turn of the loop: under 1 ms."""


RESET_WAIT_S = 1.0
"""How long a peer that is gone has to reset the connection: a few round trips."""


class HalfClosedReader(Protocol):
    """A reader whose peer has closed its side."""

    def probe(self) -> None:
        """Send bytes that have no meaning, to provoke a reset."""

    def close_if_gone(self) -> None:
        """Close the connection if the peer has reset it since."""


class ClosableReader(Protocol):
    """A reader whose connection can be aborted."""

    def abort(self) -> None:
        """End now, with bytes unsent. Harmless if it has ended already."""


class ClosingConnections:
    """Closes, probes or aborts the connections that are closing."""

    def __init__(self, grace_s: float = CLOSE_GRACE_S) -> None:
        self._grace_s = grace_s
        self._queue: deque[tuple[float, ClosableReader]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._gone: deque[Callable[[], None]] = deque()
        self._probed: deque[tuple[float, HalfClosedReader]] = deque()
        self._probe_timer: asyncio.TimerHandle | None = None

    def probe(self, reader: HalfClosedReader) -> None:
        """Probe a reader whose peer closed its side; close it if the peer is gone."""
        self.close_soon(lambda: self._probe(reader))

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
            self.close_soon(self._probed.popleft()[1].close_if_gone)
        if self._probed:
            self._probe_timer = loop.call_at(self._probed[0][0], self._look)

    def close_soon(self, close: Callable[[], None]) -> None:
        """Queue a call that closes a connection which the peer has closed."""
        if not self._gone:
            asyncio.get_running_loop().call_soon(self._close_some)
        self._gone.append(close)

    def _close_some(self) -> None:
        for _ in range(min(CLOSES_PER_TURN, len(self._gone))):
            self._gone.popleft()()
        if self._gone:
            asyncio.get_running_loop().call_soon(self._close_some)

    def abort_later(self, reader: ClosableReader) -> None:
        """Abort the connection after the grace period."""
        loop = asyncio.get_running_loop()
        self._queue.append((loop.time() + self._grace_s, reader))
        if self._timer is None:
            self._timer = loop.call_later(self._grace_s, self._abort_due)

    def abort_all(self) -> None:
        """Abort every connection now, without a grace period."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._probe_timer is not None:
            self._probe_timer.cancel()
            self._probe_timer = None
        self._probed.clear()
        while self._queue:
            self._queue.popleft()[1].abort()
        while self._gone:
            self._gone.popleft()()

    def _abort_due(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        # A timer may fire a clock tick early, so the comparison has a margin.
        due = loop.time() + 0.01
        while self._queue and self._queue[0][0] <= due:
            self._queue.popleft()[1].abort()
        if self._queue:
            self._timer = loop.call_at(self._queue[0][0], self._abort_due)
