"""The kinds of fault of the connections to Redis: for calls, and for subscriptions."""

from __future__ import annotations

import asyncio
import time

from tests.contract.store.servers import ALWAYS
from tests.faults.scene import Scene
from tests.faults.terms import Kind


async def clients_killed(scene: Scene) -> None:
    """CLIENT KILL TYPE normal, again and again: calls are cut in the middle."""
    for _ in scene.times(20):
        with scene.store.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await asyncio.sleep(scene.chance.uniform(0.05, 0.3))


async def line_cut(scene: Scene) -> None:
    """CLIENT KILL TYPE pubsub, again and again."""
    for _ in scene.times(8):
        with scene.store.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        await asyncio.sleep(scene.chance.uniform(0.1, 0.8))
    await scene.green(time.monotonic())


async def line_silent(scene: Scene) -> None:
    """The subscription hears nothing more, without an error; the next one does."""
    scene.redis.deafen(new_ones=False)
    await scene.heard(15)
    await scene.green(time.monotonic())


async def line_detached(scene: Scene) -> None:
    """Every subscription is deaf for twelve seconds, though all is answered."""
    since = time.monotonic()
    scene.redis.deafen()
    await scene.red(since)
    await asyncio.sleep(max(0.0, since + 12 - time.monotonic()))
    if scene.watch.seen[-1].ready == 200:
        scene.fault("health", "/readyz is green while no event arrives")
    scene.redis.undeafen()
    await scene.green(time.monotonic())
    await scene.heard(15)


async def link_frozen(scene: Scene) -> None:
    """Packets to Redis are lost from now on, on every connection there is."""
    since = time.monotonic()
    scene.redis.freeze()
    await scene.heard(30)
    scene.outcome.notes["red after s"] = scene.watch.red_after(since) or 0.0


LINK_KINDS = (
    Kind(
        name="redis-calls-cut",
        what="every connection for calls is killed, 20 times",
        fault=clients_killed,
        store=ALWAYS,
    ),
    Kind(
        name="line-cut",
        what="the subscription is killed (CLIENT KILL TYPE pubsub), 8 times",
        fault=line_cut,
        store=ALWAYS,
    ),
    Kind(
        name="line-silent",
        what="the subscription hears nothing more, without an error",
        fault=line_silent,
        store=ALWAYS,
        by_proxy=True,
        lags=True,
    ),
    Kind(
        name="line-detached",
        what="every subscription, also a new one, hears nothing for 12 s",
        fault=line_detached,
        store=ALWAYS,
        by_proxy=True,
        lags=True,
    ),
    Kind(
        name="link-frozen",
        what="all connections to Redis go silent at once; new ones work",
        fault=link_frozen,
        store=ALWAYS,
        by_proxy=True,
        lags=True,
    ),
)
