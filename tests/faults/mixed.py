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
from tests.faults.proxy import Manner
from tests.faults.scene import Scene
from tests.faults.terms import Kind

MIX_S = 10.0
HANDS = 2

Break = Callable[[Scene], Awaitable[None]]


async def _restart(scene: Scene) -> None:
    await asyncio.to_thread(scene.store.kill)
    await asyncio.sleep(scene.chance.uniform(0, 1.5))
    await asyncio.to_thread(scene.store.start)


async def _freeze(scene: Scene) -> None:
    scene.store.freeze()
    await asyncio.sleep(scene.chance.uniform(0.5, 4))
    scene.store.thaw()


async def _cut_calls(scene: Scene) -> None:
    with scene.store.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


async def _cut_line(scene: Scene) -> None:
    with scene.store.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")


async def _flush(scene: Scene) -> None:
    with scene.store.client() as client:
        client.script_flush()


async def _fill(scene: Scene) -> None:
    with scene.store.client() as client:
        client.config_set("maxmemory", 1 << 20)
    await asyncio.sleep(scene.chance.uniform(0.5, 2))
    with scene.store.client() as client:
        client.config_set("maxmemory", 0)


async def _deafen(scene: Scene) -> None:
    scene.redis.deafen()
    await asyncio.sleep(scene.chance.uniform(1, 6))
    scene.redis.undeafen()


async def _lose_packets(scene: Scene) -> None:
    scene.redis.freeze()


async def _cut_link(scene: Scene) -> None:
    scene.redis.cut()


async def _kill_worker(scene: Scene) -> None:
    if workers := scene.server.workers():
        scene.server.kill(scene.chance.choice(workers))


async def _freeze_worker(scene: Scene) -> None:
    if not (workers := scene.server.workers()):
        return
    pid = scene.chance.choice(workers)
    scene.server.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(scene.chance.uniform(0.5, 3))
    scene.server.kill(pid, signal.SIGCONT)


async def _cut_readers(scene: Scene) -> None:
    assert scene.front is not None
    scene.front.cut()


PARTS: dict[str, tuple[Break, ...]] = {
    "store": (_restart, _freeze, _cut_calls, _cut_line, _flush, _fill),
    "link": (_deafen, _lose_packets, _cut_link),
    "worker": (_kill_worker, _freeze_worker),
    "readers": (_cut_readers,),
}


async def mixed(scene: Scene) -> None:
    """Two hands break what they find whole; then all has to come right."""
    end = time.monotonic() + MIX_S * scene.scale.faults
    whole = set(PARTS)

    async def hand() -> None:
        while time.monotonic() < end:
            part = scene.chance.choice(sorted(whole))
            whole.discard(part)
            await scene.chance.choice(PARTS[part])(scene)
            whole.add(part)
            scene.outcome.notes["broken"] = scene.outcome.notes.get("broken", 0) + 1
            await asyncio.sleep(scene.chance.uniform(0.1, 1))

    async with asyncio.TaskGroup() as group:
        for _ in range(HANDS):
            group.create_task(hand())
    await scene.green(time.monotonic())
    await scene.heard(30)


MIXED_KINDS = (
    Kind(
        name="mixed",
        what="for 10 s two at a time of: Redis killed, stopped, full, its scripts, "
        "calls or line gone; the way to it deaf, silent or cut; the worker killed or "
        "stopped; readers cut",
        fault=mixed,
        store=ALWAYS,
        by_proxy=True,
        manner=Manner(),
        lags=True,
        stays=False,
    ),
)
