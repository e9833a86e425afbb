"""Who is served when: slices of work, one a turn of the loop.

Rule: a turn visits at most 128 follows and takes at most 0.5 ms, then everything
else in the process has its turn: a post that came meanwhile rides along with
what is still to be written, so short slices make a burst faster, not slower
(measured, by visits: 610,000 deliveries/s with 128, 250,000 with 512, 138,000 with
5,000). How far posts may run ahead of readers is the channel's to bound. Channels
take turns in the order in which they asked.

Rule: posts go before readers. While a post is being written every other turn is a
slice; and in a burst the core is offered to other processes after each slice (the
kernel's own slices are six times as long): the store, or the worker in which the post
is written. The sooner it is in, the more rides along with each visit (`pace.py`).

Rule: a fault in serving one channel is that channel's (`Channel.failed`); the others
are served on. Any other fault in a turn is told to the owner, and is the end: a sweep
that just stopped would leave every reader on a line that looks alive.
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


def _stay() -> None:
    """Where the system has no way to offer the core to others (macOS)."""


offer_core: Callable[[], None] = getattr(os, "sched_yield", _stay)


class Sweep:
    """Serves the channels that have something to write."""

    def __init__(
        self,
        later: Later,
        metrics: HubMetrics,
        clock: Callable[[], float] = time.perf_counter,
        failed: Callable[[Exception], None] = _raise,
        give_way: Callable[[], None] = offer_core,
    ) -> None:
        self.writes = 0
        """Posts that are being written now, in this process."""
        self._later = later
        self._metrics = metrics
        self._clock = clock
        self._failed = failed
        self._give_way = give_way
        self._stood_back = False
        self._waiting: deque[Channel] = deque()
        self._scheduled = False

    def wake(self, channel: Channel) -> None:
        """Serve the channel, beginning in the next turn."""
        if not channel.awake:
            channel.awake = True
            self._waiting.append(channel)
            if not self._scheduled:
                self._scheduled = True
                self._later(self._turn)

    def _turn(self) -> None:
        if self.writes and not self._stood_back:
            self._stood_back = True
            self._later(self._turn)
            return
        self._stood_back = False
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
                channel.awake = False
            now = self._clock()
        metrics = self._metrics
        metrics.visits.value += SLICE_VISITS - left
        metrics.turns.value += 1
        metrics.swept_s.value += now - start
        self._scheduled = bool(waiting)
        if waiting:
            if self.writes or waiting[0].in_burst:
                self._give_way()
            self._later(self._turn)
