"""The kinds of fault of a primary with replicas, and of Sentinels who replace it.

"Back" is counted from the moment that a replica takes itself for the primary.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from tests.contract.store import fleets
from tests.contract.store.servers import ALWAYS, Server
from tests.faults.fault_kind import BUSY, Kind
from tests.faults.paced_editor import CONCURRENT_ACTIONS
from tests.faults.stores import new_epochs
from tests.faults.system_under_test import SystemUnderTest
from tests.waiting import until_in_thread

BACK_S = 10.0
"""Within what time writes have to be acknowledged again."""
AWAY_S = 12.0
TWELVE_PER_SECOND = 12.0
"""Actions per second of each of the two editors; one in twelve must be refused."""


async def killed(system: SystemUnderTest) -> None:
    """kill -9; it comes back, takes itself for the primary, and is told."""
    first = system.store
    await asyncio.to_thread(first.kill)
    await system.fleet.promoted(first)
    await back(system)
    await system.green(time.monotonic())
    await asyncio.sleep(system.chance.uniform(0, 2))
    await asyncio.to_thread(first.start)
    await reported(first)
    await system.received(15)


async def frozen(system: SystemUnderTest) -> None:
    """SIGSTOP; it goes on where it was, with every connection, and is told."""
    first = system.store
    first.freeze()
    second = await system.fleet.promoted(first)
    await back(system)
    await system.green(time.monotonic())
    # Before that the other replica would still confirm what is written to the first.
    other = next(one for one in system.stores if one not in (first, second))
    await until_in_thread(lambda: fleets.primary_of(other) == second.port)
    first.thaw()
    await reported(first)
    await system.received(15)


async def replaced(system: SystemUnderTest) -> None:
    """SENTINEL FAILOVER: a primary that is well is replaced, and told at last."""
    first = system.store
    with system.fleet.sentinels[0].client() as client:
        client.sentinel_failover(fleets.NAME)
    await system.fleet.promoted(first)
    promoted = time.monotonic()
    await reported(first)
    await acknowledging(system)
    system.outcome.notes["told and back after s"] = time.monotonic() - promoted
    await system.received(15)


async def tail_lost(system: SystemUnderTest) -> None:
    """The replicas were away; the one that is promoted lacks what came meanwhile."""
    first, *others = system.stores
    one_desk, other_desk = system.desks
    async with one_desk.paused(), other_desk.paused():
        await asyncio.sleep(1)  # the replicas get what is on its way
        for one in others:
            await asyncio.to_thread(one.kill)
        for desk in system.desks:
            desk.mark()
    await asyncio.sleep(2.5)
    before = await system.cursors()
    async with one_desk.paused(), other_desk.paused():
        await asyncio.to_thread(first.kill)
        for one in others:
            primary = ("--replicaof", "127.0.0.1", str(first.port))
            await asyncio.to_thread(one.start, *primary)
        await system.fleet.promoted(first)
        for desk in system.desks:
            desk.roll_back()
        await new_epochs(system, before)
    await system.green(time.monotonic())


async def detached(system: SystemUnderTest) -> None:
    """All new connections lead to a replica that has lost its primary, and answers."""
    first, replica, _ = system.stores
    with replica.client() as client:
        client.replicaof("127.0.0.1", "1")
    since = time.monotonic()
    system.store = replica
    system.redis.cut()
    await system.red(since)
    await asyncio.sleep(max(0.0, since + AWAY_S - time.monotonic()))
    if system.watch.seen[-1].ready == 200:
        system.fault("health", "/readyz is green over a replica without a primary")
    system.store = first
    system.redis.cut()
    await system.green(time.monotonic())
    await system.received(15)


async def back(system: SystemUnderTest) -> None:
    """A replica was promoted: writes have to be acknowledged again in time."""
    promoted = time.monotonic()
    await acknowledging(system)
    after_s = time.monotonic() - promoted
    system.outcome.notes["writes back after s"] = after_s
    if after_s > BACK_S * BUSY:
        system.fault("back", f"writes were back {after_s:.1f} s after the promotion")


async def acknowledging(system: SystemUnderTest) -> None:
    """Both editors have another write acknowledged."""
    before = _acknowledged(system)
    await system.until(
        lambda: all(n > before[feed] for feed, n in _acknowledged(system).items()), 60
    )


def _acknowledged(system: SystemUnderTest) -> Mapping[str, int]:
    return {desk.feed: len(desk.book[desk.feed]) for desk in system.desks}


async def reported(server: Server) -> None:
    """Wait until the Sentinels have made it a replica."""
    await until_in_thread(lambda: fleets.role(server) == "slave")


FLEET_KINDS = (
    Kind(
        name="sentinel-killed",
        what="Sentinel, 1 + 2, replicas:1, 20 writes/s: the primary is killed, "
        "comes back as if it still were, and is told",
        fault=killed,
        store=ALWAYS,
        layout="sentinels",
        actions_per_second=TWELVE_PER_SECOND,
        concurrency=CONCURRENT_ACTIONS,
        settings={"STOPPRESS_DURABILITY": "replicas:1"},
        resets=True,
    ),
    Kind(
        name="sentinel-frozen",
        what="the same, but it is stopped (SIGSTOP), and goes on when it is replaced",
        fault=frozen,
        store=ALWAYS,
        layout="sentinels",
        actions_per_second=TWELVE_PER_SECOND,
        concurrency=CONCURRENT_ACTIONS,
        settings={"STOPPRESS_DURABILITY": "replicas:1"},
        resets=True,
    ),
    Kind(
        name="sentinel-failover",
        what="Sentinel, 1 + 2, replicas:2: a primary that is well is replaced by "
        "order, and goes on taking writes until it is told",
        fault=replaced,
        store=ALWAYS,
        layout="sentinels",
        actions_per_second=TWELVE_PER_SECOND,
        concurrency=CONCURRENT_ACTIONS,
        settings={"STOPPRESS_DURABILITY": "replicas:2"},
        resets=True,
    ),
    Kind(
        name="sentinel-tail-lost",
        what="Sentinel, durability=memory: the replicas lack a tail when the primary "
        "is killed; a new epoch, readers reset",
        fault=tail_lost,
        store=ALWAYS,
        layout="sentinels",
        settings={"STOPPRESS_DURABILITY": "memory"},
        resets=True,
    ),
    Kind(
        name="replica-detached",
        what="the address leads for 12 s to a replica without a primary, which "
        "answers everything",
        fault=detached,
        store=ALWAYS,
        by_proxy=True,
        settings={"STOPPRESS_DURABILITY": "replicas:1"},
        lags=True,
    ),
)
