"""One run of every kind of fault, as `make faults` makes them, several at once.

Most of a run is waiting, so that JOBS of them keep two cores busy: all take three
minutes rather than twelve. Each is a test of its own, that gets what came of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.faults.shrink import command
from tests.faults.suite import KINDS, SHOWN, runs
from tests.faults.terms import EVENTS, READERS, RUN_S, Outcome, Scale
from tests.faults.test_faults import SEED

JOBS = 5
WAIT_S = 600
"""What one test may wait for: its run may be the last to begin."""


@pytest.fixture(scope="module")
def played() -> Iterator[Callable[[str], Outcome]]:
    """What came of the run of a kind, when it has ended."""
    found: dict[str, Outcome] = {}
    going = runs(list(KINDS.values()), [SEED], JOBS)

    def of(kind: str) -> Outcome:
        while kind not in found:
            outcome = next(going)
            found[outcome.kind] = outcome
        return found[kind]

    yield of
    going.close()


@pytest.mark.timeout(WAIT_S)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost(kind: str, played: Callable[[str], Outcome]) -> None:
    """No gap, no repeat, nothing acknowledged lost, and health as it should be."""
    outcome = played(kind)
    again = command(outcome, Scale())
    told = "\n".join(map(str, outcome.faults[:SHOWN]))
    assert not outcome.faults, f"again: {again}\n{told}"
    assert outcome.events >= EVENTS
    assert outcome.seconds >= RUN_S
    assert outcome.readers >= READERS
