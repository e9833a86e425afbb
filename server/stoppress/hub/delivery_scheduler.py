"""The scheduler of deliveries: slices of work, one per turn of the event loop.

Rule: a turn visits at most 128 follows and takes at most 0.5 ms, then the loop runs
everything else: a post that arrives meanwhile is sent with the bytes still to be
written, so short slices make a burst faster, not slower (measured, by visits: 610,000
deliveries/s with 128, 250,000 with 512, 138,000 with 5,000). The channel bounds how
far posts may run ahead of readers. Channels are served in the order of their wake.

Rule: posts have priority over readers. While a post is being written only every other
turn is a slice; and in a burst the core is yielded to other processes after each slice
(the kernel's own slices are six times as long): the store, or the worker that writes
the post. The sooner it is stored, the more events each visit sends
(`publish_backpressure_and_round_pauses.py`).

Rule: a fault in serving one channel stays in that channel (`Channel.failed`); the
others are served. Any other fault in a turn is reported to the owner and ends the
sweep: one that stopped silently would leave every reader on a connection that looks
alive.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from stoppress.hub.hub_metrics import HubMetrics

if TYPE_CHECKING:
    from stoppress.hub.channel import Channel

SWEEP_SLICE_S = 0.0005
SLICE_VISITS = 128

Later = Callable[[Callable[[], None]], object]
"""Calls a function in the next turn of the loop, as `loop.call_soon` does."""


def _raise(fault: Exception) -> None:
    raise fault


def _no_sched_yield() -> None:
    """Do nothing, on systems without `sched_yield` (macOS)."""


sched_yield: Callable[[], None] = getattr(os, "sched_yield", _no_sched_yield)


class Sweep:
    """Serves the channels that have bytes to write, in slices."""

    def __init__(
        self,
        later: Later,
        metrics: HubMetrics,
        clock: Callable[[], float] = time.perf_counter,
        failed: Callable[[Exception], None] = _raise,
        yield_core: Callable[[], None] = sched_yield,
    ) -> None:
        self.writes = 0
        """The number of posts that this process is writing now."""
        self._later = later
        self._metrics = metrics
        self._clock = clock
        self._failed = failed
        self._yield_core = yield_core
        self._skipped_turn = False
        self._waiting: deque[Channel] = deque()
        self._scheduled = False

    def wake(self, channel: Channel) -> None:
        """Queue the channel; it is served from the next turn on."""
        if not channel.is_queued:
            channel.is_queued = True
            self._waiting.append(channel)
            if not self._scheduled:
                self._scheduled = True
                self._later(self._turn)

    def _turn(self) -> None:
        if self.writes and not self._skipped_turn:
            self._skipped_turn = True
            self._later(self._turn)
            return
        self._skipped_turn = False
        try:
            self._serve()
        except Exception as fault:
            self._failed(fault)

    def _serve(self) -> None:
        start = self._clock()
        deadline = start + SWEEP_SLICE_S
        waiting, left = self._waiting, SLICE_VISITS
        now = start
        while waiting and left > 0 and now < deadline:
            channel = waiting.popleft()
            try:
                left -= channel.serve(left, deadline, self._clock)
            except Exception as fault:
                channel.failed(fault)
                left -= 1
            if channel.is_behind():
                waiting.append(channel)
            else:
                channel.is_queued = False
            now = self._clock()
        metrics = self._metrics
        metrics.visits.value += SLICE_VISITS - left
        metrics.turns.value += 1
        metrics.swept_s.value += now - start
        self._scheduled = bool(waiting)
        if waiting:
            if self.writes or waiting[0].in_burst:
                self._yield_core()
            self._later(self._turn)
