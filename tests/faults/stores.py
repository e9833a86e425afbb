"""The kinds of fault of one Redis; those of the way to it are in `links.py`."""

from __future__ import annotations

import asyncio
import resource
import shutil
import sys
import time
from collections.abc import Mapping

import httpx

from stoppress.domain.cursor import Cursor
from tests.contract.store.servers import ALWAYS, EVERYSEC, SAVE_POINTS
from tests.faults.fault_kind import BUSY, FEEDS, Kind
from tests.faults.system_under_test import SystemUnderTest

EPOCH_S = 10.0
"""Within what time a log that may have lost its tail begins a new epoch."""


async def killed(system: SystemUnderTest) -> None:
    """kill -9; the supervisor starts it again."""
    for _ in system.times(2):
        for pid in system.server.valkey():
            system.server.kill(pid)
        await system.received(15)  # it may be back before anybody has seen red
        await system.green(time.monotonic())
        await asyncio.sleep(system.chance.uniform(0.5, 1.5))


async def restarted(system: SystemUnderTest) -> None:
    """Stopped or killed, away for two seconds, back with its data."""
    since = time.monotonic()
    end = system.chance.choice((system.store.kill, system.store.stop))
    await asyncio.to_thread(end)
    await system.red(since)
    await asyncio.sleep(2)
    await asyncio.to_thread(system.store.start)
    await system.green(time.monotonic())


async def dead(system: SystemUnderTest) -> None:
    """Killed, and away for twelve seconds."""
    since = time.monotonic()
    await asyncio.to_thread(system.store.kill)
    await system.red(since)
    await asyncio.sleep(12)
    await asyncio.to_thread(system.store.start)
    await system.green(time.monotonic())


async def frozen(system: SystemUnderTest) -> None:
    """SIGSTOP for five seconds."""
    system.store.freeze()
    await asyncio.sleep(5)
    system.store.thaw()
    await system.green(time.monotonic())


async def frozen_long(system: SystemUnderTest) -> None:
    """SIGSTOP for twelve seconds: nothing is closed, nothing is answered."""
    since = time.monotonic()
    system.store.freeze()
    await system.red(since)
    await asyncio.sleep(max(0.0, since + 12 - time.monotonic()))
    system.store.thaw()
    await system.green(time.monotonic())
    await system.received(15)


async def killed_everysec(system: SystemUnderTest) -> None:
    """Killed twice, where the file is flushed once a second: acknowledged is kept.

    What was shown and not yet acknowledged may be lost: so the epoch ends.
    """
    for _ in system.times(2):
        before = await system.cursors()
        await asyncio.to_thread(system.store.kill)
        await asyncio.to_thread(system.store.start)
        await system.green(time.monotonic())
        await new_epochs(system, before)
        await system.received(15)


async def emptied(system: SystemUnderTest) -> None:
    """Restarted without its data: the feeds are made again, in new epochs."""
    before = await system.cursors()
    first, second = system.desks
    async with first.paused(), second.paused():
        await asyncio.to_thread(system.store.kill)
        for path in [*system.store.folder.rglob("*")]:
            if path.is_file():
                path.unlink()
        await asyncio.to_thread(system.store.start)
        for desk in system.desks:
            desk.roll_back()
            await desk.open()
    await new_epochs(system, before)


async def set_back(system: SystemUnderTest) -> None:
    """Restored from an older copy, under a server that goes on and saw more."""
    store, first, second = system.store, *system.desks
    copy = store.folder.with_name("copy")
    async with first.paused(), second.paused():
        await asyncio.to_thread(store.stop)
        await asyncio.to_thread(shutil.copytree, store.folder, copy)
        await asyncio.to_thread(store.start)
        for desk in system.desks:
            desk.mark()
    await asyncio.sleep(2.5)
    await system.received(15)
    before = await system.cursors()
    async with first.paused(), second.paused():
        await asyncio.to_thread(store.kill)
        await asyncio.to_thread(shutil.rmtree, store.folder)
        await asyncio.to_thread(copy.rename, store.folder)
        await asyncio.to_thread(store.start)
        for desk in system.desks:
            desk.roll_back()
        await new_epochs(system, before)
    await system.green(time.monotonic())


async def tail_lost(system: SystemUnderTest) -> None:
    """Save points alone: what came after the last is lost with kill -9."""
    first, second = system.desks
    async with first.paused(), second.paused():
        await asyncio.to_thread(_save, system)
        for desk in system.desks:
            desk.mark()
    await asyncio.sleep(2.5)
    before = await system.cursors()
    async with first.paused(), second.paused():
        await asyncio.to_thread(system.store.kill)
        await asyncio.to_thread(system.store.start)
        for desk in system.desks:
            desk.roll_back()
    await system.green(time.monotonic())
    await new_epochs(system, before)


def _save(system: SystemUnderTest) -> None:
    with system.store.client() as client:
        client.save()


async def new_epochs(system: SystemUnderTest, old: Mapping[str, Cursor]) -> None:
    """Every feed has to begin a new one."""
    try:
        async with asyncio.timeout(EPOCH_S * BUSY):
            while not await _differ(system, old):  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.1)
    except TimeoutError:
        system.fault("epoch", "what may have lost its tail kept its epoch")


async def _differ(system: SystemUnderTest, old: Mapping[str, Cursor]) -> bool:
    try:
        now = await system.cursors()
    except httpx.HTTPError:
        return False
    return all(now[feed].epoch != old[feed].epoch for feed in FEEDS)


async def full(system: SystemUnderTest) -> None:
    """No memory is left (noeviction), for four seconds."""
    with system.store.client() as client:
        used = client.info("memory")["used_memory"]
        client.config_set("maxmemory", max(used - (1 << 16), 1))
    await _refusing(system, 4)
    with system.store.client() as client:
        client.config_set("maxmemory", 0)


async def read_only(system: SystemUnderTest) -> None:
    """It becomes a replica of nobody there, for four seconds."""
    with system.store.client() as client:
        client.replicaof("127.0.0.1", "1")
    await _refusing(system, 4)
    with system.store.client() as client:
        client.replicaof("NO", "ONE")


async def _refusing(system: SystemUnderTest, seconds: float) -> None:
    """Writes have to be answered 503 meanwhile."""
    before = sum(desk.counts["503"] for desk in system.desks)
    await asyncio.sleep(seconds)
    refused = sum(desk.counts["503"] for desk in system.desks) - before
    system.outcome.notes["503"] = refused
    if not refused:
        system.fault("503", "no write was answered 503")


async def disk_full(system: SystemUnderTest) -> None:
    """No further byte fits in the append-only file; space is made, it starts anew."""
    store = system.store
    log = max(store.folder.rglob("*.aof"), key=lambda path: path.stat().st_mtime)
    limit = log.stat().st_size + system.chance.randrange(1, 4000)
    pid = int(str(_pid(system)))
    most = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
    since = time.monotonic()
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, most))
    await system.red(since)
    await asyncio.to_thread(store.kill)  # it is dead; its handle is let go
    await asyncio.to_thread(store.start)
    await system.green(time.monotonic())


def _pid(system: SystemUnderTest) -> object:
    with system.store.client() as client:
        return client.info("server")["process_id"]


async def scripts_flushed(system: SystemUnderTest) -> None:
    """SCRIPT FLUSH, every fifth of a second."""
    for _ in system.times(15):
        with system.store.client() as client:
            client.script_flush()
        await asyncio.sleep(0.2)


async def failed_over(system: SystemUnderTest) -> None:
    """The primary is killed; of two replicas the further one is promoted."""
    first, *copies = system.stores
    since = time.monotonic()
    await asyncio.to_thread(first.kill)
    system.redis.cut()
    await asyncio.sleep(system.chance.uniform(0.5, 2))
    places = {}
    for one in copies:
        with one.client() as client:
            places[one] = client.info("replication")["slave_repl_offset"]
    best, other = sorted(copies, key=lambda one: places[one], reverse=True)
    with best.client() as client:
        client.replicaof("NO", "ONE")
    with other.client() as client:
        client.replicaof("127.0.0.1", str(best.port))
    system.store = best
    await system.green(time.monotonic())
    await system.received(15)
    system.outcome.notes["back after s"] = time.monotonic() - since


async def replicas_frozen(system: SystemUnderTest) -> None:
    """Nobody can confirm a write for six seconds: it is made, and settled later."""
    _, *replicas = system.stores
    for one in replicas:
        one.freeze()
    await _refusing(system, 6)
    for one in replicas:
        one.thaw()
    await system.received(15)


STORE_KINDS = (
    Kind(
        name="redis-killed",
        what="the embedded Valkey is killed (-9), twice",
        fault=killed,
    ),
    Kind(
        name="redis-restarted",
        what="Redis is stopped or killed, away for 2 s, back with its data",
        fault=restarted,
        store=ALWAYS,
    ),
    Kind(
        name="redis-dead",
        what="Redis is killed and away for 12 s",
        fault=dead,
        store=ALWAYS,
    ),
    Kind(
        name="redis-frozen",
        what="Redis is stopped (SIGSTOP) for 5 s",
        fault=frozen,
        store=ALWAYS,
    ),
    Kind(
        name="redis-frozen-long",
        what="Redis is stopped (SIGSTOP) for 12 s",
        fault=frozen_long,
        store=ALWAYS,
    ),
    Kind(
        name="redis-killed-everysec",
        what="appendfsync everysec, WAITAOF: killed (-9), twice; each time a new epoch",
        fault=killed_everysec,
        store=EVERYSEC,
        which="valkey",  # Debian's Redis has no WAITAOF
        resets=True,
    ),
    Kind(
        name="redis-emptied",
        what="Redis comes back without its data: new epochs, readers reset",
        fault=emptied,
        store=ALWAYS,
        resets=True,
    ),
    Kind(
        name="redis-tail-lost",
        what="save points alone: kill -9 loses the tail; a new epoch, readers reset",
        fault=tail_lost,
        store=SAVE_POINTS,
        settings={"STOPPRESS_DURABILITY": "memory"},
        resets=True,
    ),
    Kind(
        name="redis-set-back",
        what="its files are set back to an older copy, which fsyncs all and keeps its "
        "line: new epochs, readers reset",
        fault=set_back,
        store=ALWAYS,
        resets=True,
    ),
    Kind(
        name="redis-full",
        what="Redis is out of memory (noeviction) for 4 s: writes 503",
        fault=full,
        store=ALWAYS,
    ),
    Kind(
        name="redis-read-only",
        what="Redis is a read-only replica for 4 s: writes 503",
        fault=read_only,
        store=ALWAYS,
        resets=True,
    ),
    Kind(
        name="redis-disk-full",
        what="the append-only file can't grow: Redis dies in mid-write, and returns",
        fault=disk_full,
        store=ALWAYS,
    ),
    Kind(
        name="redis-scripts-flushed",
        what="the script cache is flushed 15 times",
        fault=scripts_flushed,
        store=ALWAYS,
    ),
    Kind(
        name="replicas-frozen",
        what="replicas:1, 1 + 2: both replicas are stopped (SIGSTOP) for 6 s: writes "
        "503, and settled by their keys",
        fault=replicas_frozen,
        store=ALWAYS,
        by_proxy=True,
        settings={
            "STOPPRESS_DURABILITY": "replicas:1",
            "STOPPRESS_REDIS_TIMEOUT_S": "2",
        },
    ),
    Kind(
        name="primary-lost",
        what="replicas:1, 1 + 2: the primary is killed, a replica is promoted",
        fault=failed_over,
        store=ALWAYS,
        by_proxy=True,
        settings={"STOPPRESS_DURABILITY": "replicas:1"},
        resets=True,
    ),
)

if sys.platform != "linux":  # the limits of another process are Linux's
    STORE_KINDS = tuple(k for k in STORE_KINDS if k.name != "redis-disk-full")
