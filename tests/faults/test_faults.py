"""A small share of the fault campaigns; `make faults` runs them whole.

The seeds here stay, so that a red day means a change of ours; `make faults` draws
new ones. A failure says which it was.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.faults import kills, model, sockets, virtual
from tests.faults.findings import Findings
from tests.faults.terms import SEED


def check(seed: int, findings: Findings) -> None:
    """No fault; else the first, with the seed."""
    assert not findings.faults, f"SEED={seed}: {findings.faults[0]}"
    assert findings.counts["events"]


@pytest.mark.parametrize("seed", [SEED, 2])
def test_readers_that_are_cut_hold_what_the_model_holds(seed: int) -> None:
    """Cuts at any byte, changes of transport, resets: no gap, no repeat."""
    check(seed, virtual.run(model.play(seed, 150)))


def test_readers_survive_cuts_and_restarts(tmp_path: Path) -> None:
    """Over real sockets, with a real server and its Valkey ended four times."""
    findings = asyncio.run(sockets.play(SEED, 60, 4, tmp_path))
    check(SEED, findings)
    assert findings.counts["cuts"] >= 60


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    """Every 201 is there once, and every reader has it once and in order."""
    findings = asyncio.run(kills.play(SEED, 120, 2, tmp_path))
    check(SEED, findings)
    assert findings.counts["POST 201"] + findings.counts["POST 200"] == 121
