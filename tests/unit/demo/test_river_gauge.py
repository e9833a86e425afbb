"""The river after the script."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stoppress.demo import river_gauge
from stoppress.demo.load_coverage_files import coverages
from stoppress.demo.river_gauge import LONGEST_S, SHORTEST_S, next_mark, pause_s

GAUGE = next(one.gauge for one in coverages() if one.gauge is not None)
RIVER, BOARD = (
    kind
    for kind in vars(river_gauge).values()
    if isinstance(kind, type) and kind.__module__ == river_gauge.__name__
)


def test_the_river_falls_to_its_usual_height_and_no_further() -> None:
    """From where the gauge begins; the waves on top are small."""
    river = RIVER(GAUGE)
    levels = [river.falling_m(hour * 3600) for hour in range(0, 200, 5)]
    assert levels[0] == pytest.approx(GAUGE.starts_at_m)
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] >= GAUGE.usual_m
    for at in range(0, 20_000, 137):
        assert abs(river.level_m(at) - river.falling_m(at)) < 0.025


def test_the_level_is_the_same_after_a_restart() -> None:
    """It depends on the time alone."""
    assert RIVER(GAUGE).level_m(12_345) == RIVER(GAUGE).level_m(12_345)


def test_the_board_shows_the_newest_readings() -> None:
    """A few of them, the newest first, and how far below the wall the river is."""
    board, at = BOARD(5.0), datetime(2026, 11, 28, 10, 0, tzinfo=UTC)
    for minute in range(river_gauge.SHOWN_READINGS + 3):
        text = board.body(at + timedelta(minutes=minute), 4.5 - minute / 100)
    first, blank, *readings = text.splitlines()
    assert first == "**4.42 metres**, 58 centimetres below the wall." and not blank
    assert len(readings) == river_gauge.SHOWN_READINGS
    assert readings[0] == "- 10:08 · 4.42 m"


def test_pauses_are_uneven_and_the_same_on_every_run() -> None:
    """More than a minute apart: no two readings bear one time."""
    pauses = [pause_s(tick) for tick in range(100)]
    assert len(set(pauses)) > 50 and pauses == [pause_s(tick) for tick in range(100)]
    assert all(60 < SHORTEST_S <= one <= LONGEST_S for one in pauses)


def test_only_the_lowest_mark_is_published_once() -> None:
    """What was passed in one step needs no telling any more."""
    highest = max(GAUGE.marks, key=lambda mark: mark.below_m)
    lowest = min(GAUGE.marks, key=lambda mark: mark.below_m)
    assert next_mark(GAUGE, highest.below_m + 1, ()) is None
    assert next_mark(GAUGE, lowest.below_m - 1, ()) is lowest
    assert next_mark(GAUGE, lowest.below_m - 1, {lowest.external_id}) is None
