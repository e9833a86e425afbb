"""The suite itself: its report, its runs at once, what did not begin."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.faults import suite
from tests.faults.fault_kind import SEED, Kind, Outcome, Scale
from tests.faults.judge import Fault
from tests.faults.report_sections import put
from tests.faults.report_tables import report
from tests.faults.suite import KINDS, chosen


def outcome(kind: str, seed: int, *faults: Fault) -> Outcome:
    """What came of a run that was not made."""
    counts = Counter(events=7)
    return Outcome(kind, seed, 102, 100, 10.0, counts, {"red after s": 0.3}, [*faults])


def test_a_report_keeps_rows_of_earlier_runs() -> None:
    """A new run replaces only its kind's row; the sum covers all rows."""
    kinds = list(KINDS.values())
    first = [outcome("line-cut", 3), outcome("line-cut", 4), outcome("drained", 3)]
    page = put(report("", kinds, first), "Elsewhere", "Another command wrote this.")
    assert "2 kinds, 3 runs, 300 events, 21 deliveries" in page
    again = report(page, kinds, [outcome("drained", 9, Fault("gap", "a hole"))])
    assert (
        "| 2 | 3 to 4 | 204 | 200 | 14 | 0 faults; red after 0.3 s at most |" in again
    )
    assert "| 1 | 9 | 102 | 100 | 7 | **faults**, seeds 9 |" in again
    assert "2 kinds, 3 runs, 300 events" in again
    assert again.index("## Elsewhere") < again.index("## What can't be held")
    assert report(again, kinds, []) == again


def test_a_report_shows_the_worst_run() -> None:
    """The longest of durations, the least of counts."""
    ones = [outcome("sentinel-killed", seed) for seed in (1, 2)]
    for one, rate, after_s in zip(ones, (21.0, 19.5), (0.5, 4.0), strict=True):
        one.notes = {"writes back after s": after_s, "writes a second": rate}
    page = report("", list(KINDS.values()), ones)
    reported = (
        "0 faults; writes back after 4.0 s at most; 19.5 writes a second at least |"
    )
    assert reported in page


@pytest.mark.parametrize(("failures", "began"), [(2, True), (3, False)])
def test_a_run_that_did_not_begin_is_repeated(
    failures: int, began: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice; then it is reported as it is."""
    folders: list[Path] = []

    async def play(kind: Kind, seed: int, folder: Path, scale: Scale) -> Outcome:
        folders.append(folder)
        fault = Fault("crash", "it did not start")
        if len(folders) > failures:
            return Outcome(kind.name, seed, began=True)
        return Outcome(kind.name, seed, faults=[fault])

    monkeypatch.setattr(suite, "play", play)
    found = suite.run(KINDS["line-cut"], SEED)
    assert found.began == began
    assert bool(found.faults) != began
    assert len(set(folders)) == len(folders) == 3


def test_an_unknown_kind_is_named() -> None:
    """In one line that lists the valid ones."""
    with pytest.raises(SystemExit, match="no kind of fault 'x'; there are redis-"):
        chosen("line-cut,x")
