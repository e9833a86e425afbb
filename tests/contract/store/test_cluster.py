"""A store of several shards: each feed is on one, and what moves is followed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path

import pytest
import pytest_asyncio
from redis.crc import key_slot
from redis.exceptions import AskError, TryAgainError

from stoppress.desk.caller import Caller
from stoppress.domain.errors import NotFound, Unavailable
from stoppress.domain.picture_address import FeedPicture
from stoppress.domain.signed_redis_inbox_entry import InboxEntry, signed_entry
from stoppress.domain.store_requests_and_results import Written
from stoppress.log.connect import reach
from stoppress.log.follower import Follower
from stoppress.log.publish_from_redis_inbox import Inbox
from stoppress.log.redis_keys import feed_keys
from stoppress.log.shard_pools import Shards
from stoppress.log.store import RedisStore
from stoppress.log.upload_records_and_used_pictures import UploadRecords
from stoppress.settings import BadSetting, Settings
from tests.contract.store.clusters import Cluster, begin_move, end_move, migrate
from tests.contract.store.following import Counts, following, up
from tests.contract.store.news import AT, FEED, body, published, settled, write
from tests.contract.store.servers import Server
from tests.contract.store.sinks import Recorder
from tests.ports import reserve_port
from tests.waiting import until

pytestmark = pytest.mark.asyncio

FEEDS = [f"f{number}" for number in range(12)]
"""Enough for some on every shard."""


@pytest_asyncio.fixture
async def cluster(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Cluster]:
    """A cluster that stands; without replicas, if a test does not ask for them."""
    cluster = Cluster(kind, tmp_path, replicas=getattr(request, "param", 0))
    try:
        await cluster.start()
        yield cluster
    finally:
        cluster.kill()


@pytest.fixture
def settings() -> Settings:
    """Patience that no test has: nothing here may end by waiting."""
    return Settings(redis_timeout_s=60.0)


@asynccontextmanager
async def reached(cluster: Cluster, settings: Settings) -> AsyncIterator[Shards]:
    """Links that are watched."""
    shards = await reach(cluster.url, settings)
    watching = asyncio.create_task(shards.watch())
    try:
        yield shards
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await shards.aclose()


async def opened(
    follower: Follower, store: RedisStore, feeds: Sequence[str]
) -> dict[str, Recorder]:
    """The feeds, made and followed."""
    sinks = {feed: Recorder() for feed in feeds}
    for feed, sink in sinks.items():
        await store.make_feed(feed, FEED, AT, None)
        await follower.open(feed, sink)
    return sinks


async def test_all_shards_are_used(cluster: Cluster, settings: Settings) -> None:
    """Lists, heads and subscriptions cover all of them; so do tokens and the inbox."""
    taken: list[str] = []

    async def check(entry: InboxEntry) -> Caller:
        return Caller(id="t", name="t", kind="token", scopes=("publish",))

    async def publish(caller: Caller, entry: InboxEntry) -> None:
        taken.append(entry.feed)

    async with reached(cluster, settings) as shards:
        assert len(shards.links()) == 3
        store = RedisStore(shards, settings)
        async with following(shards, store, Counts()) as follower:
            sinks = await opened(follower, store, FEEDS)
            await up(follower)
            for feed, sink in sinks.items():
                last = await store.write(write(published("p"), feed=feed))
                await sink.at(last.cursor)
                assert await store.post(feed, "p") == body("p")
                assert await follower.head(feed) == last.cursor
        assert len(await store.feeds()) == len(FEEDS)
        heads = await store.heads([*FEEDS, "nothing"])
        assert heads == [*(sinks[feed].cursor for feed in FEEDS), None]
        await store.put_token("digest", b"record")
        assert await store.tokens() == [("digest", b"record")]
        taking = asyncio.create_task(Inbox(shards, check, publish).run())
        entry = signed_entry("sp_t", "x", "{}", time.time_ns() // 1_000_000)
        async with shards.of("stoppress:inbox").borrow() as redis:
            await redis.one("XADD", "stoppress:inbox", "*", *chain(*entry.items()))
            await redis.one("XADD", "stoppress:inbox", "*", "feed", "y")
        await until(lambda: taken == ["x"])
        async with shards.of("stoppress:inbox:refused").borrow() as redis:
            await until(lambda: redis.one("XLEN", "stoppress:inbox:refused"))
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        await store.drop_feed("f3", None, None)
        with pytest.raises(NotFound):
            await store.feed("f3")
        assert len(await store.feeds()) == len(FEEDS) - 1


async def test_used_pictures_are_found_on_all_shards(
    cluster: Cluster, settings: Settings
) -> None:
    """Feeds on each show one of the pictures; also after a slot has moved."""
    wanted = {FeedPicture("f0", f"a{number:016}") for number in range(len(FEEDS))}
    async with reached(cluster, settings) as shards:
        store = RedisStore(shards, settings)
        records = UploadRecords(shards, store.audit, 60)
        assert await records.used_elsewhere(wanted) == set()
        for feed, (_, picture) in zip(FEEDS, sorted(wanted), strict=True):
            await store.make_feed(feed, FEED, AT, None)
            text = f"/media/f0/{picture}-9x6.jpg"
            await store.write(write(published("p", text), feed=feed))
        for _ in range(2):
            found = await records.used_elsewhere(wanted)
            assert found == wanted - {min(wanted)}  # that one is used by its own feed
            assert await records.used_pictures("f0", [min(wanted).id])
            await cluster.move("{f1}")


async def test_a_slot_moves_under_writes(cluster: Cluster, settings: Settings) -> None:
    """No write fails; its feed alone begins a new epoch; no event is missed."""
    counts = Counts()
    async with reached(cluster, settings) as shards:
        store = RedisStore(shards, settings)
        async with following(shards, store, counts) as follower:
            sinks = await opened(follower, store, FEEDS)
            await up(follower)
            born = {feed: sink.cursor.epoch for feed, sink in sinks.items()}

            async def pour(feed: str) -> Written:
                for number in range(40):
                    asked = write(published(f"p{number}"), feed=feed)
                    written = await store.write(asked)
                return written

            pouring = [asyncio.create_task(pour(feed)) for feed in FEEDS]
            await sinks["f0"].until(lambda: sinks["f0"].cursor.seq > 5)
            await cluster.move("{f0}")
            last = dict(zip(FEEDS, await asyncio.gather(*pouring), strict=True))
            for feed, sink in sinks.items():
                await sink.at(last[feed].cursor)
            now = {feed: sink.cursor.epoch for feed, sink in sinks.items()}
            assert {feed for feed in FEEDS if now[feed] != born[feed]} == {"f0"}
            assert counts.how.count("epoch") == 1
            # Without anybody writing, too.
            await cluster.move("{f1}")
            await sinks["f1"].until(lambda: sinks["f1"].cursor.epoch != born["f1"])
            await up(follower)


async def test_a_feed_in_a_moving_slot_waits(
    cluster: Cluster, settings: Settings
) -> None:
    """Reads and writes wait; the feed is neither empty nor gone."""
    async with reached(cluster, settings) as shards:
        store = RedisStore(shards, settings)
        await store.make_feed("x", FEED, AT, None)
        await store.write(write(published("p")))
        slot = key_slot(b"{x}")
        source = cluster.owner("{x}")
        target = next(one for one in cluster.nodes if one is not source)
        begin_move(slot, source, target)
        keys = source.say("CLUSTER GETKEYSINSLOT", slot, 100)
        (meta,) = [key for key in keys if key.endswith(":meta")]
        migrate(source, target, meta)
        writing = asyncio.create_task(store.write(write(published("q"), key="k")))
        reading = asyncio.create_task(store.feed("x"))
        post = asyncio.create_task(store.post("x", "p"))
        page = asyncio.create_task(store.page("x", None, 10))
        heads = asyncio.create_task(store.heads(["x"]))
        calls = (writing, reading, post, page, heads)
        done, _ = await asyncio.wait(calls, timeout=1)
        assert not done
        migrate(source, target, *(key for key in keys if key != meta))
        end_move(slot, source, target)
        written, feed = await asyncio.gather(writing, reading)
        assert feed.body == FEED
        assert await post == body("p")
        assert body("p") in (await page).posts
        (head,) = await heads
        assert head is not None
        assert head.epoch == feed.cursor.epoch
        assert written.cursor.epoch == feed.cursor.epoch
        assert not written.repeated


async def test_ask_redirections_are_not_followed(cluster: Cluster) -> None:
    """Why it is not followed: where it leads, a script of several keys is refused too.

    Until the slot is that server's own, even when it has every key that there is: a
    channel's name, or an idempotency record that is to be, is a key that is not there.
    """
    slot = key_slot(b"{x}")
    source = cluster.owner("{x}")
    target = next(one for one in cluster.nodes if one is not source)
    names = feed_keys("x")
    source.say("HSET", names.meta, "seq", 1)
    begin_move(slot, source, target)
    write_to = ("EVAL", "return redis.call('HGET', KEYS[1], 'seq')")
    with pytest.raises(TryAgainError):
        source.say(*write_to, 2, names.meta, names.line)
    migrate(source, target, names.meta)
    with pytest.raises(AskError):
        source.say(*write_to, 2, names.meta, names.line)
    assert target.asked(*write_to, 1, names.meta) == b"1"
    with pytest.raises(TryAgainError):
        target.asked(*write_to, 2, names.meta, names.line)
    end_move(slot, source, target)
    assert target.say(*write_to, 2, names.meta, names.line) == b"1"


@pytest.mark.parametrize("kind", ["valkey"])
async def test_an_atomic_slot_move_fails_no_write(
    cluster: Cluster, settings: Settings
) -> None:
    """As Valkey 9 moves it: keys never answer ASK."""
    async with reached(cluster, settings) as shards:
        store = RedisStore(shards, settings)
        async with following(shards, store, Counts()) as follower:
            sink = (await opened(follower, store, ["f0"]))["f0"]
            await up(follower)
            born = sink.cursor.epoch

            async def pour() -> Written:
                for number in range(200):
                    asked = write(published(f"p{number}"), feed="f0")
                    written = await store.write(asked)
                return written

            pouring = asyncio.create_task(pour())
            await sink.until(lambda: sink.cursor.seq > 5)
            await cluster.move("{f0}", in_one_step=True)
            last = await pouring
            await store.write(write(published("after"), feed="f0"))
            await sink.until(lambda: sink.cursor.epoch != born)
            assert await store.post("f0", last.post) == body(last.post)
            window = await store.window("f0")
            await sink.at(window.cursor)


@pytest.mark.parametrize("cluster", [2], indirect=True)
@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_a_lost_primary_loses_no_acknowledged_write(
    cluster: Cluster, how: str
) -> None:
    """The feeds of the other shards go on meanwhile."""
    some = Settings(redis_timeout_s=60.0, durability="replicas:1")
    counts = Counts()
    async with reached(cluster, some) as shards:
        store = RedisStore(shards, some)
        async with following(shards, store, counts) as follower:
            sinks = await opened(follower, store, FEEDS)
            await up(follower)
            lost = cluster.owner("{f0}")
            elsewhere = next(f for f in FEEDS if cluster.owner(f"{{{f}}}") is not lost)
            there = [f for f in FEEDS if cluster.owner(f"{{{f}}}") is lost]
            born = sinks["f0"].cursor.epoch
            await settled(store, "before", "f0")
            lost.kill() if how == "killed" else lost.freeze()
            pending = asyncio.create_task(settled(store, "pending", "f0"))
            number = 0
            while not pending.done():
                number += 1
                asked = write(published(f"p{number}"), feed=elsewhere)
                await sinks[elsewhere].at((await store.write(asked)).cursor)
                await asyncio.sleep(0.02)
            assert number > 0
            after = await pending
            assert after.epoch != born
            await sinks["f0"].at(after)
            await until(lambda: counts.how.count("epoch") >= len(there))
            await up(follower)
            if how == "frozen":
                lost.thaw()
                await sinks["f0"].at(await settled(store, "stale", "f0"))
            for name in ("before", "pending"):
                assert await store.post("f0", name) == body(name)


async def test_invalid_cluster_addresses_are_refused(
    cluster: Cluster, server: Server, settings: Settings
) -> None:
    """One line that gives a valid form."""
    with pytest.raises(BadSetting, match=r"redis\+cluster://"):
        await reach(f"redis://127.0.0.1:{cluster.nodes[0].port}", settings)
    alone = Server(server.kind, server.folder / "alone", port=reserve_port())
    alone.start()
    try:
        with pytest.raises(BadSetting, match="not a cluster"):
            await reach(f"redis+cluster://127.0.0.1:{alone.port}", settings)
    finally:
        alone.kill()
    with pytest.raises(Unavailable):
        await reach(f"redis+cluster://127.0.0.1:{reserve_port()}", settings)
    stranger = cluster.url.replace("//", "//nobody:x@")
    with pytest.raises(BadSetting, match="user or the password"):
        await reach(stranger, settings)
