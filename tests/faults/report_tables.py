"""The report of a fault suite: what was done, what was held, what came of it.

Kinds are run in several goes: each writes the report anew, makes new rows for the kinds
that were run, keeps the others, and counts all of them together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.faults.fault_kind import EVENTS, GREEN_S, RED_S, RUN_S, Kind, Outcome
from tests.faults.report_sections import LAST, joined, parts

HEAD = f"""\
# Reliability

What happens to readers and editors when parts fail, measured by `make faults` on real
servers, processes and sockets. This page is its report.

In each run two editors write to two feeds continuously, {EVENTS} events or more
over {RUN_S:.0f} s or more, and readers on WebSocket, server-sent events and long poll
follow them. One in five readers disconnects and returns on its own. Each reader checks:

- each connection delivers every event once and in order, from the requested cursor on;
  a `reset` comes only where the table allows it, and no cursor moves back in an epoch;
- at the end its state, computed from the events it received, equals the snapshot and
  the pages of the server.

Each editor repeats a write of unknown outcome with its key until it is settled. At
the end every acknowledged post is stored once, no refused or withdrawn post is shown,
and each event equals the one that was acknowledged at its cursor. `/healthz` must be
green throughout where the server itself stays up; `/readyz` red within {RED_S:.0f} s of
a subscription that is closed, frozen or silent, and green within {GREEN_S:.0f} s
of its return.

In the table, `heard` counts deliveries of events to readers. In the results, `red` is
the time until `/readyz` reported the fault, `green` the time until it reported the end
of it, and `heard` the time until all readers had a new event; the longest of all runs.

`make faults RUNS=10` runs each kind with ten seeds; `make faults KINDS=line-cut
SEED=7` repeats one run.

| kind | what happens | resets | runs | seeds | readers | events | heard | result |
| --- | --- | --- | --: | --- | --: | --: | --: | --- |
"""

LIMITS = """
- `durability=memory`, and save points without an append-only file: writes acknowledged
  since the last save are lost if the process dies. Readers see the loss: a new epoch
  begins, and each is reset to the posts that remain.
- `durability=replicas:N` can lose writes unless the most advanced replica is promoted.
  Sentinel promotes that one; before promoting by hand, compare `slave_repl_offset`.
- A disk that reports a write as stored but did not store it loses that write.
- After restoring files from a back-up under your own Redis with `appendfsync always`,
  delete the key `stoppress:node` before a server starts; every feed begins a new epoch.
  Only servers that kept running, and saw later events, detect the restore without that.
- `replicas:N` with N below the number of replicas can lose a write: a primary that was
  partitioned or paused may resume, and have its write confirmed by a replica that does
  not know of the new primary yet ([why](deploy.md)).
- When a slot of a cluster moves, its feeds begin a new epoch although nothing is lost:
  the server that receives the slot can't prove that nothing is missing.
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
