"""The report of a fault suite: what was done, what was held, what came of it.

Kinds are run in several goes: whoever writes the report makes new rows for the kinds
that were run, keeps the others, and counts all of them together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.faults.sections import LAST, joined, parts
from tests.faults.terms import EVENTS, GREEN_S, RED_S, RUN_S, Kind, Outcome

HEAD = f"""\
# Reliability

What happens to readers and editors when parts fail, measured by `make faults` on real
servers, processes and sockets. This page is its report.

In each run two editors write to two feeds without a pause, {EVENTS} events or more
over {RUN_S:.0f} s or more, and readers on WebSocket, server-sent events and long poll
follow them. One in five readers disconnects and returns on its own. Each reader checks:

- every event once and in order on each connection, from the cursor it asked for; a
  `reset` only where the table allows it, and never back within an epoch;
- at the end its state, folded from the events it received, equals the snapshot and
  the pages of the server.

Each editor repeats a write of unknown outcome with its key until it is settled. At
the end everything acknowledged is there once, nothing refused or withdrawn is there,
and each event is the one that was acknowledged at its cursor. `/healthz` must be
green throughout where the server itself stays up; `/readyz` red within {RED_S:.0f} s of
a subscription that is closed, frozen or silent, and green within {GREEN_S:.0f} s
of its return.

`make faults RUNS=10` runs each kind with ten seeds; `make faults KINDS=line-cut
SEED=7` repeats one run.

| kind | what happens | resets | runs | seeds | readers | events | heard | result |
| --- | --- | --- | --: | --- | --: | --: | --: | --- |
"""

LIMITS = """
- `durability=memory`, and save points without an append-only file: what was
  acknowledged since the last save is lost with the process. The loss is not hidden: a
  new epoch begins, and every reader is reset to what is there.
- `durability=replicas:N` holds only if the replica that is furthest is promoted.
  Sentinel chooses so; by hand, compare `slave_repl_offset`.
- A disk that reports a write as done and has not done it.
- Files restored from a back-up under a Redis of your own that fsyncs every write:
  delete the key `stoppress:node` before it is used, and every feed begins a new epoch.
  Hubs that kept running notice without it, if they have seen more than is there.
- With fewer than all replicas waited for, a primary that is partitioned or paused, and
  resumes before its other replica is told, has that one confirm what is lost
  ([why](deploy.md)).
- A slot of a cluster that moves begins a new epoch of its feeds, though nothing is
  lost: the server that takes it can't prove that.
"""


def report(page: str, kinds: Sequence[Kind], outcomes: Sequence[Outcome]) -> str:
    """The page with new rows for what was run; `kinds` are all there are, in order."""
    head, sections = parts(page)
    rows = {one.split(" | ")[0]: one for one in re.findall(r"^\| (.*) \|$", head, re.M)}
    for kind in kinds:
        if mine := [one for one in outcomes if one.kind == kind.name]:
            rows[kind.name] = _row(kind, mine)
    there = [rows[kind.name] for kind in kinds if kind.name in rows]
    sections[LAST] = LIMITS
    table = "".join(f"| {row} |\n" for row in there)
    return joined(HEAD + table + _total(there), sections)


def _row(kind: Kind, outcomes: Sequence[Outcome]) -> str:
    failed = sorted(one.seed for one in outcomes if one.faults)
    seeds = sorted(one.seed for one in outcomes)
    cells = (
        kind.name,
        kind.what,
        "yes" if kind.resets else "none",
        str(len(outcomes)),
        str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}",
        f"{sum(one.readers for one in outcomes):,}",
        f"{sum(one.events for one in outcomes):,}",
        f"{sum(one.counts['events'] for one in outcomes):,}",
        f"**faults**, seeds {', '.join(map(str, failed))}"
        if failed
        else "0 faults" + _notes(outcomes),
    )
    return " | ".join(cells)


def _total(rows: Sequence[str]) -> str:
    cells = [row.split(" | ") for row in rows]

    def count(column: int) -> str:
        return f"{sum(int(row[column].replace(',', '')) for row in cells):,}"

    faulty = sum("**faults**" in row[-1] for row in cells)
    return (
        f"\n{len(cells)} kinds, {count(3)} runs, {count(6)} events, "
        f"{count(7)} deliveries; kinds with a fault: {faulty}.\n"
    )


def _notes(outcomes: Sequence[Outcome]) -> str:
    """Of each time that was taken the longest, and of each rate the least."""
    names = dict.fromkeys(name for one in outcomes for name in one.notes)
    found = {n: [one.notes[n] for one in outcomes if n in one.notes] for n in names}
    times = [
        f"{name.removesuffix(' s')} {max(all_of_it):.1f} s"
        for name, all_of_it in found.items()
        if name.endswith(" s")
    ]
    rates = [
        f"; {min(all_of_it):.1f} {name} at least"
        for name, all_of_it in found.items()
        if name.endswith(" a second")
    ]
    return (f"; {', '.join(times)} at most" if times else "") + "".join(rates)
