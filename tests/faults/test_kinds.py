"""One run of every kind of fault, as `make faults` makes them, several at once.

They are made beside the other tests, by a process that is started with the session,
and read here, last of all. Each is a test of its own, that gets what came of it.
"""

from __future__ import annotations

import pytest

from tests.faults.background import Campaign
from tests.faults.fault_kind import EVENTS, READERS, RUN_S, Scale
from tests.faults.over_tls import SHARE, SUFFIX
from tests.faults.shrink import command
from tests.faults.suite import KINDS, SHOWN

WAIT_S = 900
"""What one test may wait for: its run may be the last to begin."""


@pytest.mark.timeout(WAIT_S)
@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if not kind.endswith(SUFFIX) or kind in SHARE]
)
def test_a_kind_of_fault_loses_no_event(kind: str, campaign: Campaign) -> None:
    """No gap, no repeat, no acknowledged write lost, and health as expected."""
    outcome = campaign.outcome(kind, WAIT_S)
    again = command(outcome, Scale())
    reported = "\n".join(map(str, outcome.faults[:SHOWN]))
    assert not outcome.faults, f"again: {again}\n{reported}"
    assert outcome.events >= EVENTS
    assert outcome.seconds >= RUN_S
    assert outcome.readers >= READERS
