"""A small share of the fault campaigns; `make faults` runs them whole.

The seeds here stay, so that a red day means a change of ours; `make faults` draws
new ones. A failure says which it was.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.faults import kills, model, sockets, virtual_clock
from tests.faults.fault_kind import SEED
from tests.faults.findings import Findings


def check(seed: int, findings: Findings) -> None:
    """No fault; else the first, with the seed."""
    assert not findings.faults, f"SEED={seed}: {findings.faults[0]}"
    assert findings.counts["events"]


@pytest.mark.parametrize("seed", [SEED, 2])
def test_readers_equal_the_model_after_cuts(seed: int) -> None:
    """Cuts at any byte, changes of transport, resets: no gap, no repeat."""
    check(seed, virtual_clock.run(model.play(seed, 150)))


def test_readers_survive_cuts_and_restarts(tmp_path: Path) -> None:
    """Over real sockets; a real server and its Valkey are ended four times."""
    findings = asyncio.run(sockets.play(SEED, 60, 4, tmp_path))
    check(SEED, findings)
    assert findings.counts["cuts"] >= 60


def test_acknowledged_posts_survive_kill_9(tmp_path: Path) -> None:
    """Every 201 is stored once, and every reader gets it once and in order."""
    findings = asyncio.run(kills.play(SEED, 120, 2, tmp_path))
    check(SEED, findings)
    assert findings.counts["POST 201"] + findings.counts["POST 200"] == 121
