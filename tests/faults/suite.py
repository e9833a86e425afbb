"""Every kind of fault, on real servers, with readers and editors as judges.

    python -m tests.faults.suite [--runs N] [--seed S] [--kinds a,b] [--jobs N]
                                 [--write FILE]

Each run prints its kind and seed, which repeat it: `--kinds KIND --seed SEED`. The
first that failed is shrunk: it is run again with ever less of everything.
`--jobs` makes several runs at once, each in a process, with servers and a folder of
its own. `--write` puts the rows of what was run into a report, beside those there are.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import random
import sys
import tempfile
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.faults.clocks import CLOCK_KINDS
from tests.faults.clusters import CLUSTER_KINDS
from tests.faults.fault_kind import EVENTS, FEEDS, READERS, RUN_S, Kind, Outcome, Scale
from tests.faults.fault_run import FULL, play
from tests.faults.kinds import SERVER_KINDS
from tests.faults.links import LINK_KINDS
from tests.faults.mixed import MIXED_KINDS
from tests.faults.over_tls import TLS_KINDS
from tests.faults.releases import RELEASE_KINDS
from tests.faults.report_tables import report
from tests.faults.sentinels import FLEET_KINDS
from tests.faults.shrink import command, shrunk
from tests.faults.stores import STORE_KINDS

ALL = (
    *STORE_KINDS,
    *LINK_KINDS,
    *FLEET_KINDS,
    *CLUSTER_KINDS,
    *SERVER_KINDS,
    *CLOCK_KINDS,
    *MIXED_KINDS,
    *RELEASE_KINDS,
    *TLS_KINDS,
)
KINDS = {kind.name: kind for kind in ALL}
SET_UPS = 3
"""How often a run may fail before its fault, as an overloaded machine has it."""
SHOWN = 8
"""Faults printed of one run; the first tells most."""


def run(kind: Kind, seed: int, scale: Scale = FULL) -> Outcome:
    """One run, in a folder that is gone afterwards; again, if it did not begin."""
    for _ in range(SET_UPS):
        with tempfile.TemporaryDirectory(prefix="stop-press-") as folder:
            outcome = asyncio.run(play(kind, seed, Path(folder), scale))
        if outcome.began:
            break
    return outcome


def runs(
    kinds: Sequence[Kind], seeds: Sequence[int], jobs: int, scale: Scale = FULL
) -> Generator[Outcome, None, None]:
    """A run of every kind with every seed, at most `jobs` at once, as they end."""
    if jobs <= 1:
        yield from (run(kind, seed, scale) for kind in kinds for seed in seeds)
        return
    # A fresh process a run: nothing of one is left for the next. Each is forked from
    # one that has imported this module and done nothing else.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__spec__.name])
    with ProcessPoolExecutor(jobs, context, max_tasks_per_child=1) as pool:
        started = [
            pool.submit(run_named, kind.name, seed, scale)
            for kind in kinds
            for seed in seeds
        ]
        try:
            for ended in as_completed(started):
                yield ended.result()
        finally:
            for future in started:
                future.cancel()


def run_named(name: str, seed: int, scale: Scale = FULL) -> Outcome:
    """One run of the kind of this name: a name can cross to another process."""
    return run(KINDS[name], seed, scale)


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
    parser.add_argument("--jobs", type=int, default=1, help="runs at once")
    parser.add_argument("--readers", type=int, default=READERS)
    parser.add_argument("--editors", type=int, default=len(FEEDS))
    parser.add_argument("--events", type=int, default=EVENTS, help="at least")
    parser.add_argument("--seconds", type=float, default=RUN_S, help="at least")
    parser.add_argument("--faults", type=float, default=1.0, help="share of them")
    parser.add_argument(
        "--no-shrink", dest="shrink", action="store_false", help="only say what failed"
    )
    parser.add_argument("--write", type=Path, default=None, help="a report to write")
    given = parser.parse_args()
    kinds = chosen(given.kinds)
    first = random.randrange(1 << 20) if given.seed is None else given.seed
    seeds = range(first, first + given.runs)
    scale = Scale(
        given.readers, given.editors, given.events, given.seconds, given.faults
    )
    outcomes: list[Outcome] = []
    for outcome in runs(kinds, seeds, given.jobs, scale):
        outcomes.append(outcome)
        show(outcome)
        mine = [one for one in outcomes if one.kind == outcome.kind]
        if given.write is not None and len(mine) == given.runs:
            # Whatever ends the rest, this kind is done.
            page = given.write.read_text() if given.write.exists() else ""
            given.write.write_text(report(page, list(KINDS.values()), mine))
    failed = [one for one in outcomes if one.faults]
    for one in failed:
        _say(f"again: {command(one, scale)}")
    if failed and given.shrink:
        first_failed = failed[0]
        kind = KINDS[first_failed.kind]
        least = shrunk(
            first_failed, scale, lambda less: run(kind, first_failed.seed, less), _say
        )
        _say(f"least: {command(first_failed, least)}")
    _say(f"{len(outcomes)} runs of {len(kinds)} kinds, {len(failed)} with faults")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
