"""The river level after the script: a small model, and the post that shows it.

The level falls towards its usual height; two slow waves are added, so that the figure
keeps changing. The level depends only on the time since the gauge post was published,
so a restarted player continues with the right level.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Container
from datetime import datetime

from stoppress.demo.load_coverage_files import LevelNotice, RiverGauge

SHOWN_READINGS = 6
# More than a minute apart, so that no two readings have the same time.
SHORTEST_S = 62.0
LONGEST_S = 88.0


class RiverModel:
    """The level at the gauge, as a function of time."""

    def __init__(self, gauge: RiverGauge) -> None:
        self._usual_m = gauge.usual_m
        self._above_m = gauge.starts_at_m - gauge.usual_m
        self._decay_s = 3600 * self._above_m / gauge.falls_m_per_h

    def falling_m(self, elapsed_s: float) -> float:
        """The level without its waves: it never rises."""
        return self._usual_m + self._above_m * math.exp(-elapsed_s / self._decay_s)

    def level_m(self, elapsed_s: float) -> float:
        """The level as read, to the centimetre."""
        waves = 0.011 * math.sin(elapsed_s / 190) + 0.007 * math.sin(elapsed_s / 71)
        return round(self.falling_m(elapsed_s) + waves, 2)


class GaugeReadings:
    """The readings that the gauge post shows, newest first."""

    def __init__(self, wall_m: float) -> None:
        self._wall_m = wall_m
        self._readings: deque[tuple[str, float]] = deque(maxlen=SHOWN_READINGS)

    def body(self, moment: datetime, level_m: float) -> str:
        """Add a reading; returns the post's text."""
        self._readings.appendleft((f"{moment:%H:%M}", level_m))
        spare_cm = round((self._wall_m - level_m) * 100)
        lines = [
            f"**{level_m:.2f} metres**, {spare_cm} centimetres below the wall.",
            "",
        ]
        lines += [f"- {clock} · {level:.2f} m" for clock, level in self._readings]
        return "\n".join(lines)


def pause_s(tick: int) -> float:
    """The wait before a reading: uneven, and the same on every run."""
    share = tick * 0.6180339887 % 1
    return SHORTEST_S + (LONGEST_S - SHORTEST_S) * share


def next_mark(
    gauge: RiverGauge, level_m: float, reported: Container[str]
) -> LevelNotice | None:
    """The lowest mark that the river has fallen below, unless it is published."""
    passed = [mark for mark in gauge.marks if level_m < mark.below_m]
    if not passed:
        return None
    lowest = min(passed, key=lambda mark: mark.below_m)
    return None if lowest.external_id in reported else lowest
