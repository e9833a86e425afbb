"""One seed of a few kinds of fault; `make faults` runs them all."""

from __future__ import annotations

import pytest

from tests.faults.suite import KINDS, chosen, run_named, runs
from tests.faults.tables import report
from tests.faults.test_faults import SEED


@pytest.mark.parametrize("kind", ["redis-full", "proxy-cuts"])
def test_nothing_is_lost(kind: str) -> None:
    """With fewer readers than the suite has: it shares the machine with other tests."""
    outcome = run_named(kind, SEED, readers=30)
    assert not outcome.faults, f"KINDS={kind} SEED={SEED}: {outcome.faults[0]}"
    assert outcome.events >= 100


def test_a_report_names_what_failed() -> None:
    """Each kind has its row."""
    page = report(list(KINDS.values()), [])
    assert all(f"| {name} |" in page for name in KINDS)


def test_runs_at_once_are_runs_of_their_own() -> None:
    """Each ends, in whatever order, with its own seed, servers and readers."""
    found = list(runs([KINDS["redis-full"]], [SEED, SEED + 1], jobs=2, readers=10))
    assert {one.seed for one in found} == {SEED, SEED + 1}
    assert all(not one.faults and one.events >= 100 for one in found)


def test_an_unknown_kind_is_named() -> None:
    """One line that says what there is."""
    with pytest.raises(SystemExit, match="no kind of fault 'x'; there are redis-"):
        chosen("line-cut,x")
