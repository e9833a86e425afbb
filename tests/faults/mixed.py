"""Several faults at once: what each is survived alone, and what two do to each other.

Two hands break things for some seconds, each one thing after the other, drawn by the
seed. A part is broken by one hand at a time, and whole again when that is done.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable

from tests.contract.store.servers import ALWAYS
from tests.faults.fault_kind import Kind
from tests.faults.proxy import ProxyBehaviour
from tests.faults.system_under_test import SystemUnderTest

MIX_S = 10.0
HANDS = 2

Break = Callable[[SystemUnderTest], Awaitable[None]]


async def _restart(system: SystemUnderTest) -> None:
    await asyncio.to_thread(system.store.kill)
    await asyncio.sleep(system.chance.uniform(0, 1.5))
    await asyncio.to_thread(system.store.start)


async def _freeze(system: SystemUnderTest) -> None:
    system.store.freeze()
    await asyncio.sleep(system.chance.uniform(0.5, 4))
    system.store.thaw()


async def _cut_calls(system: SystemUnderTest) -> None:
    with system.store.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


async def _cut_line(system: SystemUnderTest) -> None:
    with system.store.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")


async def _flush(system: SystemUnderTest) -> None:
    with system.store.client() as client:
        client.script_flush()


async def _fill(system: SystemUnderTest) -> None:
    with system.store.client() as client:
        client.config_set("maxmemory", 1 << 20)
    await asyncio.sleep(system.chance.uniform(0.5, 2))
    with system.store.client() as client:
        client.config_set("maxmemory", 0)


async def _deafen(system: SystemUnderTest) -> None:
    system.redis.deafen()
    await asyncio.sleep(system.chance.uniform(1, 6))
    system.redis.undeafen()


async def _lose_packets(system: SystemUnderTest) -> None:
    system.redis.freeze()


async def _cut_link(system: SystemUnderTest) -> None:
    system.redis.cut()


async def _kill_worker(system: SystemUnderTest) -> None:
    if workers := system.server.workers():
        system.server.kill(system.chance.choice(workers))


async def _freeze_worker(system: SystemUnderTest) -> None:
    if not (workers := system.server.workers()):
        return
    pid = system.chance.choice(workers)
    system.server.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(system.chance.uniform(0.5, 3))
    system.server.kill(pid, signal.SIGCONT)


async def _cut_readers(system: SystemUnderTest) -> None:
    assert system.front is not None
    system.front.cut()


PARTS: dict[str, tuple[Break, ...]] = {
    "store": (_restart, _freeze, _cut_calls, _cut_line, _flush, _fill),
    "link": (_deafen, _lose_packets, _cut_link),
    "worker": (_kill_worker, _freeze_worker),
    "readers": (_cut_readers,),
}


async def mixed(system: SystemUnderTest) -> None:
    """Two hands break what they find whole; then all has to come right."""
    end = time.monotonic() + MIX_S * system.scale.faults
    whole = set(PARTS)

    async def hand() -> None:
        while time.monotonic() < end:
            part = system.chance.choice(sorted(whole))
            whole.discard(part)
            await system.chance.choice(PARTS[part])(system)
            whole.add(part)
            system.outcome.notes["broken"] = system.outcome.notes.get("broken", 0) + 1
            await asyncio.sleep(system.chance.uniform(0.1, 1))

    async with asyncio.TaskGroup() as group:
        for _ in range(HANDS):
            group.create_task(hand())
    await system.green(time.monotonic())
    await system.received(30)


MIXED_KINDS = (
    Kind(
        name="mixed",
        what="for 10 s two at a time of: Redis killed, stopped, full, its scripts, "
        "calls or line gone; the way to it deaf, silent or cut; the worker killed or "
        "stopped; readers cut",
        fault=mixed,
        store=ALWAYS,
        by_proxy=True,
        proxy_behaviour=ProxyBehaviour(),
        lags=True,
        stays=False,
    ),
)
