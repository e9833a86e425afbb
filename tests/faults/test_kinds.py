"""One run of every kind of fault, as `make faults` makes them, several at once.

They are made beside the other tests, by a process that is started with the session,
and read here, last of all. Each is a test of its own, that gets what came of it.
"""

from __future__ import annotations

import pytest

from tests.faults.background import Campaign
from tests.faults.over_tls import SHARE, SUFFIX
from tests.faults.shrink import command
from tests.faults.suite import KINDS, SHOWN
from tests.faults.terms import EVENTS, READERS, RUN_S, Scale

WAIT_S = 900
"""What one test may wait for: its run may be the last to begin."""


@pytest.mark.timeout(WAIT_S)
@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if not kind.endswith(SUFFIX) or kind in SHARE]
)
def test_nothing_is_lost(kind: str, campaign: Campaign) -> None:
    """No gap, no repeat, nothing acknowledged lost, and health as it should be."""
    outcome = campaign.outcome(kind, WAIT_S)
    again = command(outcome, Scale())
    told = "\n".join(map(str, outcome.faults[:SHOWN]))
    assert not outcome.faults, f"again: {again}\n{told}"
    assert outcome.events >= EVENTS
    assert outcome.seconds >= RUN_S
    assert outcome.readers >= READERS
