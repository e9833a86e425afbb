"""The report of a fault suite: what was done, what was held, what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from tests.faults.terms import EVENTS, GREEN_S, RED_S, RUN_S, Kind, Outcome

HEAD = f"""\
# Reliability

What happens to readers and editors when parts fail: not promised here but run, by
`make faults`, on real servers, processes and sockets. This page is its report.

In every run two editors write to two feeds without a pause, {EVENTS} events or more
over {RUN_S:.0f} s or more, and readers on WebSocket, server-sent events and long poll
follow them. One in five readers comes and goes on its own. Each reader is a judge:

- every event once and in order on each line, from the very cursor it asked for; a
  `reset` only where the table allows it, and never back within an epoch;
- at the end what it holds, folded from what it heard, equals the snapshot and the
  pages of the server.

Each editor repeats a write of unknown outcome with its key until it is settled. At
the end everything acknowledged is there once, nothing refused or withdrawn is there,
and each event is the one that was acknowledged at its cursor. `/healthz` has to be
green all along where the server itself stays up; `/readyz` red within {RED_S:.0f} s of
a line that is dead, frozen or deaf, and green within {GREEN_S:.0f} s of its return.

`make faults RUNS=10` runs each kind with ten seeds; `make faults KINDS=line-cut
SEED=7` repeats one run.

"""

TAIL = """
## What can't be held

- `durability=memory`, and save points without an append-only file: what was
  acknowledged since the last save is lost with the process. It is never hidden: a
  new epoch begins, and every reader is reset to what is there.
- `durability=replicas:N` is as good as who is promoted: of the replicas, the one
  that is furthest. Sentinel chooses so; by hand, compare `slave_repl_offset`.
- A disk that says that it has written and has not.
- Files restored from a back-up under a Redis of your own that fsyncs every write:
  delete the key `stoppress:node` before it is used, and every feed begins anew.
- Sentinel and Redis Cluster are not spoken to: the server is given one address,
  which has to lead to the primary.
"""


def report(kinds: Sequence[Kind], outcomes: Sequence[Outcome]) -> str:
    """The page."""
    rows = [
        "| kind | what happens | resets | runs | readers | events | heard | result |",
        "| --- | --- | --- | --: | --: | --: | --: | --- |",
    ]
    for kind in kinds:
        mine = [one for one in outcomes if one.kind == kind.name]
        failed = [one for one in mine if one.faults]
        seeds = ", ".join(str(one.seed) for one in failed)
        result = f"**faults**, seeds {seeds}" if failed else "0 faults" + _notes(mine)
        rows.append(
            f"| {kind.name} | {kind.what} | {'yes' if kind.resets else 'none'} "
            f"| {len(mine)} | {sum(one.readers for one in mine):,} "
            f"| {sum(one.events for one in mine):,} "
            f"| {sum(one.counts['events'] for one in mine):,} | {result} |"
        )
    ran = sorted({one.seed for one in outcomes}) or [0]
    total = (
        f"\n{len(outcomes)} runs, seeds {ran[0]} to {ran[-1]}: "
        f"{sum(one.events for one in outcomes):,} events, "
        f"{sum(one.counts['events'] for one in outcomes):,} deliveries.\n"
    )
    return HEAD + "\n".join(rows) + "\n" + total + TAIL


def _notes(outcomes: Sequence[Outcome]) -> str:
    """The worst of each time that was taken."""
    names = dict.fromkeys(name for one in outcomes for name in one.notes)
    worst = {n: max(one.notes.get(n, 0.0) for one in outcomes) for n in names}
    timed = [
        f"{name.removesuffix(' s')} {n:.1f} s"
        for name, n in worst.items()
        if name.endswith(" s")
    ]
    return f"; {', '.join(timed)} at most" if timed else ""
