"""Every kind of fault, on real servers, with readers and editors as judges.

    python -m tests.faults.suite [--runs N] [--seed S] [--kinds a,b] [--write FILE]

Each run prints its kind and seed, which repeat it: `--kinds KIND --seed SEED`.
`--write` puts the table into a report.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.faults.kinds import SERVER_KINDS
from tests.faults.play import play
from tests.faults.stores import STORE_KINDS
from tests.faults.tables import report
from tests.faults.terms import READERS, Kind, Outcome

KINDS = {kind.name: kind for kind in (*STORE_KINDS, *SERVER_KINDS)}
SHOWN = 8
"""Faults printed of one run; the first tells most."""


def run(kind: Kind, seed: int, readers: int = READERS) -> Outcome:
    """One run, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="stop-press-") as folder:
        return asyncio.run(play(kind, seed, Path(folder), readers))


def show(outcome: Outcome) -> None:
    """Print what came of a run, with what repeats it."""
    state = f"{len(outcome.faults)} FAULTS" if outcome.faults else "ok"
    notes = ", ".join(f"{name} {n:.3g}" for name, n in outcome.notes.items())
    counts = outcome.counts
    _say(
        f"{outcome.kind:22} SEED={outcome.seed} {state}: {outcome.events} events in "
        f"{outcome.seconds:.1f} s, {outcome.readers} readers, "
        f"{counts['events']} heard, {counts['resets']} resets, "
        f"{counts['503']} x 503, {counts['unknown']} unknown; {notes}"
    )
    for fault in outcome.faults[:SHOWN]:
        _say(f"    {str(fault)[:1500]}")


def chosen(names: str) -> Sequence[Kind]:
    """The kinds of these names, all for none. Raises SystemExit for another name."""
    if not names:
        return list(KINDS.values())
    unknown = [name for name in names.split(",") if name not in KINDS]
    if unknown:
        there = ", ".join(KINDS)
        raise SystemExit(f"error: no kind of fault {unknown[0]!r}; there are {there}")
    return [KINDS[name] for name in names.split(",")]


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def main() -> None:
    """Run from the command line; exit 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1, help="of each kind")
    parser.add_argument("--seed", type=int, default=None, help="of the first run")
    parser.add_argument("--kinds", default="", help="names, with commas between")
    parser.add_argument("--write", type=Path, default=None, help="a report to write")
    given = parser.parse_args()
    kinds = chosen(given.kinds)
    first = random.randrange(1 << 20) if given.seed is None else given.seed
    outcomes: list[Outcome] = []
    for number in range(given.runs):
        for kind in kinds:
            outcomes.append(run(kind, first + number))
            show(outcomes[-1])
    failed = [one for one in outcomes if one.faults]
    for one in failed:
        _say(f"again: make faults KINDS={one.kind} SEED={one.seed}")
    if given.write is not None:
        given.write.write_text(report(kinds, outcomes))
    _say(f"{len(outcomes)} runs of {len(kinds)} kinds, {len(failed)} with faults")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
