"""Every refusal is counted; a flood of them does not fill the log."""

from __future__ import annotations

import logging

import pytest

from stoppress.guard.refusal_log import BURST_LINES, RefusalLog, RefusalMetrics
from tests.tally import Tally


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    """The fields of each line."""
    return [vars(record)["fields"] for record in caplog.records]


def test_a_refusal_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """With what is known, and nothing that is empty."""
    caplog.set_level(logging.INFO)
    RefusalLog().add("not-found", "r1", status=404, client="192.0.2.1", path="/x" * 500)
    (said,) = lines(caplog)
    assert len(str(said.pop("path"))) == 200
    assert said == {
        "reason": "not-found",
        "request_id": "r1",
        "status": 404,
        "client": "192.0.2.1",
    }


def test_a_flood_is_sampled_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """Other reasons keep their lines; what was left out is said."""
    caplog.set_level(logging.INFO)
    tally, now = Tally(), [0.0]
    refusals = RefusalLog(RefusalMetrics(tally), lambda: now[0])
    for n in range(10_000):
        refusals.add("too-many", f"r{n}")
    assert len(caplog.records) == BURST_LINES
    refusals.add("not-found", "other")
    assert lines(caplog)[-1]["reason"] == "not-found"
    refusals.flush()
    assert len(caplog.records) == BURST_LINES + 1
    now[0] += 1
    refusals.flush()
    left_out = 10_000 - BURST_LINES
    assert lines(caplog)[-1] == {"reason": "too-many", "suppressed": left_out}
    refusals.flush()
    assert len(caplog.records) == BURST_LINES + 2
    assert tally.sum("stoppress_refusals") == 10_001


def test_the_next_line_says_how_many_were_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """If it comes before the flush."""
    caplog.set_level(logging.INFO)
    now = [0.0]
    refusals = RefusalLog(clock=lambda: now[0])
    for _ in range(BURST_LINES + 3):
        refusals.add("x", "r")
    now[0] += 1
    refusals.add("x", "last")
    assert lines(caplog)[-1]["suppressed"] == 3
