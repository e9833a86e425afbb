"""Pauses of the event loop: garbage collections, and turns that take too long.

Rules:
- Objects that exist once the server is ready (modules, routes, templates) are never
  freed, so the collector does not walk them again (`gc.freeze`).
- A collection of the oldest generation walks every reader. Readers are freed by
  reference counts, never by the collector, so it may run rarely: RARELY.
- Nor does a request leave a cycle of references; so the youngest generation is larger
  than Python's default, as walking it is work for nothing, but not so large that
  somebody waits for it.
- How late a timer fires, once per second, is a sample of how long turns take.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from stoppress.metric_instruments import NO_METER, Meter
from stoppress.overwrite_freed_memory import before_freeze

LOOP_TICK_S = 1.0
"""Seconds between two ticks of the timer."""
YOUNG = 1_000
"""New objects before a collection of the youngest generation (Python's default: 700).
While posts come it takes 0.4 ms, and one of the middle generation 1.5 ms; of 7,000
objects these took 3 and 12 ms, which was the 99th percentile of all answers."""
MIDDLE = 5
"""Collections of the youngest generation before one of the middle one (10)."""
RARELY = 140
"""Collections of the middle generation before one of the oldest (10). That is 700,000
more objects, so none happens while 18,000 readers arrive."""
PAUSE_BOUNDS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
"""The upper bounds of the histograms."""


class PauseMetrics:
    """The metrics of pauses."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.collected = meter.histogram(
            "stoppress_collector_pause_seconds",
            "How long a full garbage collection took.",
            PAUSE_BOUNDS_S,
        )
        self.late = meter.histogram(
            "stoppress_loop_late_seconds",
            "How late a timer fired that is due once per second.",
            PAUSE_BOUNDS_S,
        )


class Pauses:
    """Measures the pauses of one process's loop."""

    def __init__(
        self, metrics: PauseMetrics, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._metrics = metrics
        self._clock = clock
        self._began = 0.0
        self._due = 0.0

    def settle(self) -> None:
        """Freeze all objects made so far: the collector walks only later ones."""
        gc.collect()
        before_freeze()
        gc.freeze()
        gc.set_threshold(YOUNG, MIDDLE, RARELY)
        gc.callbacks.append(self._heard)

    def tick(self) -> None:
        """Measure how late the timer of LOOP_TICK_S fires."""
        now = self._clock()
        if self._due:
            self._metrics.late.observe(max(0.0, now - self._due))
        self._due = now + LOOP_TICK_S

    def _heard(self, phase: str, info: dict[str, int]) -> None:
        if info["generation"] < 2:
            return
        if phase == "start":
            self._began = self._clock()
        else:
            self._metrics.collected.observe(self._clock() - self._began)
