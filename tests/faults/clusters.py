"""The kinds of fault of a Redis Cluster: a slot moves, a server is lost."""

from __future__ import annotations

import asyncio
import time

from tests.contract.store import fleets
from tests.contract.store.clusters import Node
from tests.contract.store.servers import ALWAYS
from tests.faults.fault_kind import FEEDS, Kind
from tests.faults.paced_editor import CONCURRENT_ACTIONS
from tests.faults.sentinels import TWELVE_PER_SECOND, acknowledging, back, reported
from tests.faults.system_under_test import SystemUnderTest
from tests.waiting import until_in_thread


async def slots_moved(system: SystemUnderTest) -> None:
    """The slots of both feeds go from server to server, three times each."""
    for _ in range(3):
        for feed in FEEDS:
            # Key by key; where the server can, also in one step.
            in_one_step = (
                system.cluster.kind == "valkey" and system.chance.random() < 0.5
            )
            await system.cluster.move(f"{{{feed}}}", in_one_step=in_one_step)
            moved = time.monotonic()
            await acknowledging(system)
            took_s = time.monotonic() - moved
            notes = system.outcome.notes
            notes["writes back after s"] = max(
                notes.get("writes back after s", 0), took_s
            )
            await asyncio.sleep(system.chance.uniform(0, 1))
    await system.green(time.monotonic())
    await system.received(15)


async def killed(system: SystemUnderTest) -> None:
    """kill -9 of the primary that has a feed; it comes back, and is told."""
    lost, followers = await _owner(system)
    await asyncio.to_thread(lost.kill)
    await _promoted(followers)
    await back(system)
    await system.green(time.monotonic())
    await asyncio.sleep(system.chance.uniform(0, 2))
    await asyncio.to_thread(lost.start)
    await reported(lost)
    await system.received(15)


async def frozen(system: SystemUnderTest) -> None:
    """SIGSTOP of the primary that has a feed; it goes on when it is replaced."""
    lost, followers = await _owner(system)
    lost.freeze()
    promoted = await _promoted(followers)
    await back(system)
    await system.green(time.monotonic())
    # Before that the other replica would still confirm what is written to the first.
    others = [one for one in followers if one is not promoted]
    await until_in_thread(
        lambda: all(fleets.primary_of(one) == promoted.port for one in others)
    )
    lost.thaw()
    await reported(lost)
    await system.received(15)


async def _owner(system: SystemUnderTest) -> tuple[Node, list[Node]]:
    """The primary that has one of the feeds, and who follows it."""
    feed = system.chance.choice(FEEDS)
    owner = await asyncio.to_thread(system.cluster.owner, f"{{{feed}}}")
    return owner, await asyncio.to_thread(system.cluster.replicas, owner)


async def _promoted(followers: list[Node]) -> Node:
    found: list[Node] = []

    def there() -> bool:
        found[:] = [one for one in followers if fleets.role(one) == "master"]
        return bool(found)

    await until_in_thread(there)
    return found[0]


CLUSTER_KINDS = (
    Kind(
        name="cluster-slots-moved",
        what="Cluster, 3 x (1 + 2), replicas:1, 20 writes/s: the slots of both "
        "feeds move to other servers, 6 times",
        fault=slots_moved,
        store=ALWAYS,
        layout="cluster",
        actions_per_second=TWELVE_PER_SECOND,
        concurrency=CONCURRENT_ACTIONS,
        settings={"STOPPRESS_DURABILITY": "replicas:1"},
        resets=True,
    ),
    Kind(
        name="cluster-killed",
        what="the same cluster: the primary of a feed is killed, and comes back",
        fault=killed,
        store=ALWAYS,
        layout="cluster",
        actions_per_second=TWELVE_PER_SECOND,
        concurrency=CONCURRENT_ACTIONS,
        settings={"STOPPRESS_DURABILITY": "replicas:1"},
        resets=True,
    ),
    Kind(
        name="cluster-frozen",
        what="the same cluster: the primary of a feed is stopped (SIGSTOP), and goes "
        "on when it is replaced",
        fault=frozen,
        store=ALWAYS,
        layout="cluster",
        actions_per_second=TWELVE_PER_SECOND,
        concurrency=CONCURRENT_ACTIONS,
        settings={"STOPPRESS_DURABILITY": "replicas:1"},
        resets=True,
    ),
)
