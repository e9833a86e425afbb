"""One run of one kind of fault, from empty folders to the comparison at its end.

It lasts until there were as many deeds, over as many seconds, as are wanted; then
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
from tests.faults.findings import judged
from tests.faults.proxy import Manner
from tests.faults.scene import Scene
from tests.faults.terms import FEEDS, PATIENCE_S, Kind, Outcome, Scale
from tests.faults.truth import everything
from tests.plain_http import PLAIN

FULL = Scale()


async def play(kind: Kind, seed: int, folder: Path, scale: Scale = FULL) -> Outcome:
    """One run, from empty folders."""
    scene = Scene(kind, seed, folder, scale)
    outcome = scene.outcome
    try:
        async with scene.open():
            await _run(scene)
    except Exception as error:
        tail = scene.server.log_tail() if hasattr(scene, "server") else ""
        where = traceback.extract_tb(error.__traceback__)[-4:]
        trail = " < ".join(f"{one.name}:{one.lineno}" for one in reversed(where))
        scene.fault("crash", f"{error!r} in {trail}\n{tail}")
    found = judged(scene.readers)
    outcome.faults += found.faults
    outcome.counts += found.counts
    for desk in scene.desks:
        outcome.faults += desk.faults
        outcome.counts += desk.counts
    for reader in scene.readers:
        resets = [one for judge in reader.judges.values() for one in judge.resets]
        if resets and reader not in scene.may_reset:
            scene.fault("place", f"{reader.name} on {reader.transport}: {resets[:3]}")
    return outcome


async def _run(scene: Scene) -> None:
    outcome, kind, scale = scene.outcome, scene.kind, scene.scale
    reading = [asyncio.create_task(reader.run()) for reader in scene.readers]
    watching = asyncio.create_task(scene.watch.run())
    writing: list[asyncio.Task[None]] = []
    try:
        start = await scene.cursors()
        await _reached(scene, start)
        outcome.began = True
        began = time.monotonic()
        writing = [asyncio.create_task(desk.work()) for desk in scene.writers]
        await asyncio.sleep(scene.chance.uniform(0.1, 0.25) * scale.seconds)
        if scale.faults:
            async with asyncio.timeout(kind.patience_s):
                await kind.fault(scene)
        await scene.until(
            lambda: (
                time.monotonic() - began >= scale.seconds
                and sum(desk.deeds for desk in scene.desks) >= scale.events
            ),
            kind.patience_s,
        )
        for desk in scene.desks:
            desk.finish()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*writing)
        outcome.seconds = time.monotonic() - began
        outcome.events = sum(desk.deeds for desk in scene.desks)
        if kind.hands > 1:
            acknowledged = sum(desk.acknowledged for desk in scene.desks)
            outcome.notes["writes a second"] = acknowledged / outcome.seconds
        if outcome.events < scale.events:
            scene.fault("few", f"only {outcome.events} events in {outcome.seconds} s")
        await _settle(scene)
        if kind.stays and (bad := scene.watch.unhealthy()):
            scene.fault("health", f"/healthz was not green {len(bad)} times: {bad[0]}")
    finally:
        tasks = [*writing, *reading, watching]
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            scene.fault("crash", repr(end))


async def _reached(scene: Scene, goals: Mapping[str, Cursor]) -> None:
    end = asyncio.get_running_loop().time() + PATIENCE_S
    for reader in scene.readers:
        targets = {feed: goals[feed] for feed in reader.judges}
        try:
            async with asyncio.timeout_at(end):
                await reader.reach(targets)
        except TimeoutError:
            text = f"{reader.name} on {reader.transport}: {dict(reader.counts)}"
            scene.fault("stuck", text)


async def _settle(scene: Scene) -> None:
    """Everybody comes to the end; all is compared, some with every page."""
    if scene.front is not None:
        scene.front.manner = Manner()  # a page may be more than it let through
    async with httpx.AsyncClient(
        verify=PLAIN, base_url=scene.server.url, timeout=60, trust_env=False
    ) as client:
        truth = {feed: await everything(client, feed) for feed in FEEDS}
    for desk in scene.desks:
        posts = truth[desk.feed][1]
        desk.check_feed(desk.feed, posts)
        desk.check_refused(posts)
    for reader in scene.readers:
        reader.drowsy = False
        reader.calm()
    cursors = {f: Cursor.parse(str(shown["cursor"])) for f, (shown, _) in truth.items()}
    await _reached(scene, cursors)
    for number, reader in enumerate(scene.readers):
        if number % 10 == 0:
            async with asyncio.timeout(PATIENCE_S):
                await reader.complete()
        for feed, judge in reader.judges.items():
            judge.compare(*truth[feed])
            scene.desks[FEEDS.index(feed)].check_reader(judge)
