"""Scheduled posts with Sentinels and on a Cluster: each is out once, whatever moves.

Two processes look at the schedule. While posts are due, a primary is lost, or the slots
of the schedule and of a feed move.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from stoppress.desk.caller import Caller
from stoppress.desk.desk import Desk
from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.desk.publish_due_drafts import Schedule
from stoppress.domain.errors import Invalid, Unavailable
from stoppress.domain.event import Event, EventType
from stoppress.domain.timestamps import instant
from stoppress.log.connect import reach
from stoppress.log.redis_keys import SCHEDULE
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.store.clusters import Cluster
from tests.contract.store.fleets import Fleet
from tests.contract.store.following import Counts, following, up
from tests.contract.store.news import AT, FEED
from tests.contract.store.sinks import Recorder
from tests.waiting import until

pytestmark = pytest.mark.asyncio

FEEDS = ("f0", "f1", "f2")
POSTS = 16
"""Per feed."""
LEAD_MS, SPREAD_MS = 500, 3000
"""The first post is due then, the last one so long after it."""
EDITOR = Caller(id="t", name="Anna", kind="token", scopes=("publish",))
SAFE = Settings(redis_timeout_s=60.0, durability="replicas:1")
"""What is acknowledged outlives a primary; nothing ends by waiting."""


class Heard(Recorder):
    """Counts the publications that readers hear of."""

    def __init__(self) -> None:
        super().__init__()
        self.published: Counter[str] = Counter()

    def push(self, event: Event) -> None:
        """Take the next event."""
        super().push(event)
        if event.type is EventType.PUBLISHED:
            self.published[event.subject.id] += 1


class Process:
    """A process that looks at the schedule, and its readers."""

    def __init__(self, store: RedisStore, sinks: dict[str, Heard]) -> None:
        self.store = store
        self.desk = Desk(store)
        self.sinks = sinks
        self.schedule = Schedule(store, self.desk.drafts)


@asynccontextmanager
async def process(
    url: str, settings: Settings, *, is_first: bool
) -> AsyncIterator[Process]:
    """A process, stopped at the end; the feeds are made by the first."""
    shards = await reach(url, settings)
    watching = asyncio.create_task(shards.watch())
    try:
        store = RedisStore(shards, settings)
        async with following(shards, store, Counts()) as follower:
            one = Process(store, {feed: Heard() for feed in FEEDS})
            for feed, sink in one.sinks.items():
                if is_first:
                    await store.make_feed(feed, FEED, AT, None)
                else:
                    await store.feed(feed)
                await follower.open(feed, sink)
            await up(follower)
            running = asyncio.create_task(one.schedule.run())
            try:
                yield one
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await shards.aclose()


async def scheduled(desk: Desk) -> dict[str, list[str]]:
    """Schedule posts on every feed, over some seconds; their ids."""
    start_ms = _now_ms() + LEAD_MS

    async def save(feed: str, n: int) -> str:
        due_ms = start_ms + n * SPREAD_MS // POSTS
        while True:
            due_ms = max(due_ms, _now_ms() + LEAD_MS)
            given = {"headline": f"News {n}", "state": "scheduled"}
            raw = json.dumps(given | {"publish_at": instant(due_ms)}).encode()
            with suppress(Invalid):  # so slow that its time has passed meanwhile
                saved = await desk.drafts.create(feed, raw, EDITOR, Requester("t"))
                return saved.post

    async def save_all(feed: str) -> list[str]:
        return [await save(feed, n) for n in range(POSTS)]

    all_ids = await asyncio.gather(*map(save_all, FEEDS))
    return dict(zip(FEEDS, all_ids, strict=True))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


async def each_is_out_once(
    url: str, settings: Settings, meanwhile: Callable[[], Awaitable[object]]
) -> None:
    """Schedule posts, do something `meanwhile`, and look at all that went out."""
    async with AsyncExitStack() as stack:
        both = [
            await stack.enter_async_context(process(url, settings, is_first=is_first))
            for is_first in (True, False)
        ]
        store = both[0].store
        ids = await scheduled(both[0].desk)
        received = both[0].sinks["f0"]
        await received.until(lambda: received.published.total() > 1)
        await meanwhile()

        async def is_over() -> bool:
            with suppress(Unavailable):
                pages = [await store.page(feed, None, 2 * POSTS) for feed in FEEDS]
                is_out = all(len(page.posts) == POSTS for page in pages)
                return is_out and not (await store.due_drafts(1)).drafts
            return False  # the primary was lost a moment ago

        await until(is_over)
        for feed, names in ids.items():
            bodies = (await store.page(feed, None, 2 * POSTS)).posts
            posts = [json.loads(body) for body in bodies]
            assert Counter(post["id"] for post in posts) == Counter(names)
            assert {post["rev"] for post in posts} == {1}
            for one in both:
                published = one.sinks[feed].published
                assert set(published.values()) <= {1}, feed


@pytest.mark.parametrize("kind", ["valkey"])
async def test_the_primary_of_sentinels_is_lost(kind: str, tmp_path: Path) -> None:
    """Killed while posts are due: the next one publishes what is left."""
    fleet = Fleet(kind, tmp_path)
    try:
        await fleet.start()
        first = fleet.servers[0]

        async def lose() -> None:
            first.kill()
            await fleet.promoted(first)

        await each_is_out_once(fleet.url, SAFE, lose)
    finally:
        fleet.kill()


@pytest.mark.parametrize("kind", ["valkey"])
async def test_slots_of_a_cluster_move_and_a_primary_is_lost(
    kind: str, tmp_path: Path
) -> None:
    """That of the schedule, that of a feed, and then the server that has another."""
    cluster = Cluster(kind, tmp_path, replicas=2)
    try:
        await cluster.start()

        async def move_and_lose() -> None:
            await cluster.move(SCHEDULE)
            await cluster.move("{f0}")
            cluster.owner("{f1}").kill()

        await each_is_out_once(cluster.url, SAFE, move_and_lose)
    finally:
        cluster.kill()
