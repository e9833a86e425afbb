"""What fails is shown with as little as it takes; the defects here are planted."""

from __future__ import annotations

from dataclasses import replace

from stoppress.log.redis_keys import feed_keys
from tests.contract.store.servers import ALWAYS
from tests.faults.fault_kind import SEED, Kind, Outcome, Scale
from tests.faults.judge import Fault
from tests.faults.shrink import LEAST, MOST_RUNS, command, shrunk
from tests.faults.suite import run
from tests.faults.system_under_test import SystemUnderTest


def quiet(text: str) -> None:
    """Nobody waits for progress."""


def failing(scale: Scale) -> Outcome:
    """A run that fails where at least seven readers meet half of the fault."""
    found = scale.readers >= 7 and scale.faults >= 0.5
    faults = [Fault("gap", "planted")] if found else [Fault("few", "another one")]
    return Outcome("line-cut", 7, scale.readers, faults=faults)


def test_shrinking_keeps_only_what_reproduces_the_fault() -> None:
    """Another kind of fault does not count; everything else is at its minimum."""
    least = shrunk(failing(Scale()), Scale(), failing, quiet)
    assert 7 <= least.readers < 12
    assert 0.5 <= least.faults < 0.6
    assert (least.editors, least.events) == (LEAST.editors, LEAST.events)
    assert failing(least).faults[0].kind == "gap"


def test_shrinking_a_random_fault_ends() -> None:
    """The number of runs is bounded."""
    runs: list[Scale] = []

    def never(scale: Scale) -> Outcome:
        runs.append(scale)
        return Outcome("line-cut", 7)

    assert shrunk(failing(Scale()), Scale(), never, quiet) == Scale()
    assert 0 < len(runs) <= MOST_RUNS


def test_the_command_repeats_the_run() -> None:
    """Options with their default are left out."""
    one = failing(Scale())
    assert command(one, Scale()) == "make faults KINDS=line-cut SEED=7"
    less = Scale(readers=7, faults=0.5)
    options = '"--readers 7 --faults 0.5"'
    assert command(one, less) == f"make faults KINDS=line-cut SEED=7 ARGS={options}"


async def lose(system: SystemUnderTest) -> None:
    """The planted defect: the store forgets a post that was acknowledged."""
    desk = system.writers[0]

    def kept() -> list[str]:
        there = desk.published[desk.feed].values()
        return [name for name in there if name not in desk.withdrawn[desk.feed]]

    await system.until(lambda: bool(kept()), 60)
    async with desk.paused():
        names = feed_keys(desk.feed)
        with system.store.client() as client:
            client.zrem(names.order, kept()[0])
            client.hdel(names.posts, kept()[0])


def test_a_planted_defect_is_found_and_shrunk() -> None:
    """On a real server: fewer readers, one editor and less time still show it."""
    kind = Kind(name="planted", what="a post is lost", fault=lose, store=ALWAYS)
    start = Scale(readers=6, events=10, seconds=2.0)
    failed = run(kind, SEED, start)
    assert "missing" in {fault.kind for fault in failed.faults}
    runs: list[Scale] = []

    def again(scale: Scale) -> Outcome:
        runs.append(scale)
        # Each takes seconds: the first two steps are enough to see.
        return run(kind, SEED, scale) if len(runs) < 3 else Outcome("planted", SEED)

    least = shrunk(failed, start, again, quiet)
    assert least == replace(start, readers=3, editors=1)
