"""What keeps the loop from turning, as it is counted."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator

import pytest

from stoppress.process.gc_settings_and_loop_lag import (
    LOOP_TICK_S,
    MIDDLE,
    RARELY,
    YOUNG,
    PauseMetrics,
    Pauses,
)
from tests.conftest import Server
from tests.tally import Tally


class Book(Tally):
    """Writes down what it is told."""

    @property
    def walks(self) -> list[float]:
        """How long the collector walked."""
        return [one.amount for one in self.of("stoppress_collector_pause_seconds")]

    @property
    def delays(self) -> list[float]:
        """How late timers were."""
        return [one.amount for one in self.of("stoppress_loop_late_seconds")]


@pytest.fixture
def book() -> Iterator[Book]:
    """A book; afterwards the collector is as it was."""
    before, received = gc.get_threshold(), list(gc.callbacks)
    yield Book()
    gc.callbacks[:] = received
    gc.set_threshold(*before)
    gc.unfreeze()


def test_objects_made_before_are_frozen(book: Book) -> None:
    """And what comes later is, seldom; each such walk is counted."""
    standing = [[number] for number in range(1000)]
    Pauses(PauseMetrics(book)).settle()
    watched = gc.get_objects()
    assert not any(one is standing[0] for one in watched)
    assert gc.get_freeze_count() > len(standing)
    assert gc.get_threshold() == (YOUNG, MIDDLE, RARELY)
    assert book.walks == []
    gc.collect(1)
    assert book.walks == []
    gc.collect()
    assert len(book.walks) == 1 and book.walks[0] >= 0


def test_a_late_timer_is_counted_from_when_it_was_due(book: Book) -> None:
    """The first ring has nothing to be late for; an early one is not late."""
    now = [50.0]
    pauses = Pauses(PauseMetrics(book), lambda: now[0])
    for after in (0.0, LOOP_TICK_S, LOOP_TICK_S + 0.036, LOOP_TICK_S - 0.001):
        now[0] += after
        pauses.tick()
    assert book.delays == pytest.approx([0.0, 0.036, 0.0], abs=1e-9)


def test_a_server_tells_how_evenly_it_turns(server: Server) -> None:
    """The timer rings, and the collector is watched."""
    rings, text, until = 0.0, "", time.monotonic() + 60
    while not rings and time.monotonic() < until:
        text = server.request("GET", "/metrics").text
        rings = float(text.split("stoppress_loop_late_seconds_count ")[1].split()[0])
    assert rings > 0
    assert "stoppress_collector_pause_seconds_count" in text
