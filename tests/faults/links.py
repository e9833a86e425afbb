"""The kinds of fault of the connections to Redis: for calls, and for subscriptions."""

from __future__ import annotations

import asyncio
import time

from tests.contract.store.servers import ALWAYS
from tests.faults.fault_kind import Kind
from tests.faults.system_under_test import SystemUnderTest


async def clients_killed(system: SystemUnderTest) -> None:
    """CLIENT KILL TYPE normal, again and again: calls are cut in the middle."""
    for _ in system.times(20):
        with system.store.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await asyncio.sleep(system.chance.uniform(0.05, 0.3))


async def line_cut(system: SystemUnderTest) -> None:
    """CLIENT KILL TYPE pubsub, again and again."""
    for _ in system.times(8):
        with system.store.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        await asyncio.sleep(system.chance.uniform(0.1, 0.8))
    await system.green(time.monotonic())


async def line_silent(system: SystemUnderTest) -> None:
    """The subscription hears nothing more, without an error; the next one does."""
    system.redis.deafen(new_ones=False)
    await system.received(15)
    await system.green(time.monotonic())


async def line_detached(system: SystemUnderTest) -> None:
    """Every subscription is deaf for twelve seconds, though all is answered."""
    since = time.monotonic()
    system.redis.deafen()
    await system.red(since)
    await asyncio.sleep(max(0.0, since + 12 - time.monotonic()))
    if system.watch.seen[-1].ready == 200:
        system.fault("health", "/readyz is green while no event arrives")
    system.redis.undeafen()
    await system.green(time.monotonic())
    await system.received(15)


async def link_frozen(system: SystemUnderTest) -> None:
    """Packets to Redis are lost from now on, on every connection there is."""
    since = time.monotonic()
    system.redis.freeze()
    await system.received(30)
    system.outcome.notes["red after s"] = system.watch.red_after(since) or 0.0


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
