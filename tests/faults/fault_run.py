"""One run of one kind of fault, from empty folders to the comparison at its end.

It lasts until there were as many actions, over as many seconds, as are wanted; then
every reader is compared with what the server shows, and that with what the editors
were told.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Mapping
from pathlib import Path

import httpx

from stoppress.domain.cursor import Cursor
from tests.faults.fault_kind import FEEDS, PATIENCE_S, Kind, Outcome, Scale
from tests.faults.findings import judged
from tests.faults.proxy import ProxyBehaviour
from tests.faults.server_state import everything
from tests.faults.system_under_test import SystemUnderTest
from tests.plain_http import PLAIN

FULL = Scale()


async def play(kind: Kind, seed: int, folder: Path, scale: Scale = FULL) -> Outcome:
    """One run, from empty folders."""
    system = SystemUnderTest(kind, seed, folder, scale)
    outcome = system.outcome
    try:
        async with system.open():
            await _run(system)
    except Exception as error:
        tail = system.server.log_tail() if hasattr(system, "server") else ""
        where = traceback.extract_tb(error.__traceback__)[-4:]
        trail = " < ".join(f"{one.name}:{one.lineno}" for one in reversed(where))
        system.fault("crash", f"{error!r} in {trail}\n{tail}")
    found = judged(system.readers)
    outcome.faults += found.faults
    outcome.counts += found.counts
    for desk in system.desks:
        outcome.faults += desk.faults
        outcome.counts += desk.counts
    for reader in system.readers:
        resets = [one for judge in reader.judges.values() for one in judge.resets]
        if resets and reader not in system.may_reset:
            system.fault("place", f"{reader.name} on {reader.transport}: {resets[:3]}")
    return outcome


async def _run(system: SystemUnderTest) -> None:
    outcome, kind, scale = system.outcome, system.kind, system.scale
    reading = [asyncio.create_task(reader.run()) for reader in system.readers]
    watching = asyncio.create_task(system.watch.run())
    writing: list[asyncio.Task[None]] = []
    try:
        start = await system.cursors()
        await _reached(system, start)
        outcome.began = True
        began = time.monotonic()
        writing = [asyncio.create_task(desk.work()) for desk in system.writers]
        await asyncio.sleep(system.chance.uniform(0.1, 0.25) * scale.seconds)
        if scale.faults:
            async with asyncio.timeout(kind.patience_s):
                await kind.fault(system)
        await system.until(
            lambda: (
                time.monotonic() - began >= scale.seconds
                and sum(desk.actions for desk in system.desks) >= scale.events
            ),
            kind.patience_s,
        )
        for desk in system.desks:
            desk.finish()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*writing)
        outcome.seconds = time.monotonic() - began
        outcome.events = sum(desk.actions for desk in system.desks)
        if kind.concurrency > 1:
            acknowledged = sum(desk.acknowledged for desk in system.desks)
            outcome.notes["writes a second"] = acknowledged / outcome.seconds
        if outcome.events < scale.events:
            system.fault("few", f"only {outcome.events} events in {outcome.seconds} s")
        await _settle(system)
        if kind.stays and (bad := system.watch.unhealthy()):
            system.fault("health", f"/healthz was not green {len(bad)} times: {bad[0]}")
    finally:
        tasks = [*writing, *reading, watching]
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            system.fault("crash", repr(end))


async def _reached(system: SystemUnderTest, goals: Mapping[str, Cursor]) -> None:
    end = asyncio.get_running_loop().time() + PATIENCE_S
    for reader in system.readers:
        targets = {feed: goals[feed] for feed in reader.judges}
        try:
            async with asyncio.timeout_at(end):
                await reader.reach(targets)
        except TimeoutError:
            text = f"{reader.name} on {reader.transport}: {dict(reader.counts)}"
            system.fault("stuck", text)


async def _settle(system: SystemUnderTest) -> None:
    """Everybody comes to the end; all is compared, some with every page."""
    if system.front is not None:
        system.front.proxy_behaviour = (
            ProxyBehaviour()
        )  # a page may be more than it let through
    async with httpx.AsyncClient(
        verify=PLAIN, base_url=system.server.url, timeout=60, trust_env=False
    ) as client:
        truth = {feed: await everything(client, feed) for feed in FEEDS}
    for desk in system.desks:
        posts = truth[desk.feed][1]
        desk.check_feed(desk.feed, posts)
        desk.check_refused(posts)
    for reader in system.readers:
        reader.drowsy = False
        reader.calm()
    cursors = {f: Cursor.parse(str(shown["cursor"])) for f, (shown, _) in truth.items()}
    await _reached(system, cursors)
    for number, reader in enumerate(system.readers):
        if number % 10 == 0:
            async with asyncio.timeout(PATIENCE_S):
                await reader.complete()
        for feed, judge in reader.judges.items():
            judge.compare(*truth[feed])
            system.desks[FEEDS.index(feed)].check_reader(judge)
