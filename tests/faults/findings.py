"""What a run of faults found, and how it is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.faults.judge import Fault
from tests.faults.reader import Reader

SHOWN = 10
"""Faults printed of one run; the first tells most."""


@dataclass(slots=True)
class Findings:
    """The faults and the counts of one run, or of many."""

    faults: list[Fault] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, other: Findings) -> None:
        """Count another run in."""
        self.faults += other.faults
        self.counts += other.counts

    def report(self, seed: int, every_count: bool = True) -> None:
        """Print the outcome, with the seed that repeats it."""
        state = f"{len(self.faults)} FAULTS" if self.faults else "ok"
        counts = self.counts
        line = " ".join(
            f"{name}={counts[name]}"
            for name in ("cuts", "changes", "restarts", "events", "resets", "pages")
        )
        print(f"SEED={seed} {state} {line}", flush=True)  # noqa: T201
        if every_count:
            print(dict(sorted(counts.items())), flush=True)  # noqa: T201
        for fault in self.faults[:SHOWN]:
            print(f"  {str(fault)[:1000]}", flush=True)  # noqa: T201


def judged(readers: Sequence[Reader]) -> Findings:
    """What the readers found, together."""
    findings = Findings()
    for reader in readers:
        findings.counts += reader.counts
        for judge in reader.judges.values():
            findings.faults += judge.faults
            findings.counts["events"] += len(judge.received)
            findings.counts["resets"] += len(judge.resets)
    return findings
