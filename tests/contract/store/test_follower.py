"""The follower brings every event of an open feed once and in order."""

from __future__ import annotations

import asyncio

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import NotFound
from stoppress.hub.log_follower_protocol import Upstream
from stoppress.log.follower import Follower
from stoppress.log.pool import Pool
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.store.following import cut, up
from tests.contract.store.news import (
    AT,
    FEED,
    body,
    feed_updated,
    published,
    updated,
    withdrawn,
    write,
)
from tests.contract.store.servers import Server
from tests.contract.store.sinks import Recorder
from tests.waiting import until

pytestmark = pytest.mark.asyncio


async def test_the_follower_fits_the_hubs_port(follower: Follower) -> None:
    """mypy checks this."""
    line: Upstream = follower
    assert line is follower


async def test_a_window_is_filled_and_later_events_pushed(
    follower: Follower, store: RedisStore, cursor: Cursor
) -> None:
    """Events of every type."""
    await store.write(write(published("p", "one")))
    sink = Recorder()
    await follower.open("x", sink)
    assert len(sink.windows) == 1
    assert sink.cursor == cursor._replace(seq=1)
    await store.write(write(updated("p", 1, "two")))
    await store.write(write(feed_updated(1, b"feed two")))
    await store.write(write(published("q"), updated("p", 2), pins=("", "p")))
    last = await store.write(write(withdrawn("p", 3)))
    await sink.at(last.cursor)
    assert [
        (event.seq, event.type.name, event.subject.id) for event in sink.events
    ] == [
        (1, "post.published", "p"),
        (2, "post.updated", "p"),
        (3, "feed.updated", "x"),
        (4, "post.published", "q"),
        (5, "post.updated", "p"),
        (6, "post.withdrawn", "p"),
    ]
    assert sink.events[1].body == body("p", "two")
    assert sink.events[2].body == b"feed two"
    assert sink.events[5].body == b""
    assert len(sink.windows) == 1


async def test_a_feed_opened_under_writes_has_no_hole(
    follower: Follower, store: RedisStore, cursor: Cursor
) -> None:
    """The window and the events pushed meanwhile join up."""
    sinks = [Recorder() for _ in range(20)]

    async def pour() -> Cursor:
        for i in range(400):
            written = await store.write(write(published(f"p{i}")))
        return written.cursor

    pouring = asyncio.create_task(pour())
    for sink in sinks:
        await follower.open("x", sink)
        await sink.until(lambda sink=sink: sink.cursor.seq > 0)  # type: ignore[misc]
        if sink is not sinks[-1]:
            await follower.close("x")
    last = await pouring
    await sinks[-1].at(last)
    assert [event.seq for event in sinks[-1].events] == list(range(1, 401))


async def test_concurrent_opens_share_one(
    follower: Follower, store: RedisStore, cursor: Cursor
) -> None:
    """One sink is filled; the other callers wait for it."""
    sinks = [Recorder() for _ in range(5)]
    await asyncio.gather(*(follower.open("x", sink) for sink in sinks))
    assert [len(sink.windows) for sink in sinks] == [1, 0, 0, 0, 0]


async def test_opening_an_unknown_feed_is_not_found(
    follower: Follower, server: Server, store: RedisStore
) -> None:
    """NotFound, and nothing stays open."""
    with pytest.raises(NotFound):
        await follower.open("x", Recorder())
    with pytest.raises(NotFound):
        await follower.head("x")
    await store.make_feed("x", FEED, AT, None)
    sink = Recorder()
    await follower.open("x", sink)
    assert len(sink.windows) == 1


async def test_a_closed_feed_is_unsubscribed(
    follower: Follower, server: Server, store: RedisStore, cursor: Cursor
) -> None:
    """Opened again, it is filled again."""
    sink, again = Recorder(), Recorder()
    await follower.open("x", sink)
    await follower.close("x")
    await follower.close("x")
    with server.client() as client:
        await until(
            lambda: (
                b"stoppress:{x}:line"
                not in client.execute_command("PUBSUB", "SHARDCHANNELS")
            )
        )
    written = await store.write(write(published("p")))
    await follower.open("x", again)
    assert again.cursor == written.cursor
    assert sink.events == []


async def test_a_feed_closed_and_reopened_at_once_is_subscribed(
    follower: Follower, store: RedisStore, cursor: Cursor
) -> None:
    """The second subscription counts."""
    for i in range(30):
        sink = Recorder()
        await follower.open("x", sink)
        written = await store.write(write(published(f"p{i}")))
        await sink.at(written.cursor)
        await follower.close("x")


async def test_a_deleted_feed_ends_its_sink(
    follower: Follower, store: RedisStore, cursor: Cursor
) -> None:
    """At once; it can be opened when it is created again."""
    sink, again = Recorder(), Recorder()
    await follower.open("x", sink)
    await store.drop_feed("x", None, None)
    await sink.until(lambda: sink.ended)
    made = await store.make_feed("x", FEED, AT, None)
    await follower.open("x", again)
    assert again.cursor == made.cursor


async def test_concurrent_head_reads_share_one(
    follower: Follower, server: Server, store: RedisStore, cursor: Cursor
) -> None:
    """A thousand returning readers cost one read."""
    await up(follower)
    await follower.head("x")
    with server.client() as client:

        def readings() -> int:
            """Scripts that were run, but for the probes, which publish."""
            counts = client.info("commandstats")
            run, published = (counts[f"cmdstat_{n}"] for n in ("evalsha", "spublish"))
            return int(run["calls"] - published["calls"])

        before = readings()
        heads = await asyncio.gather(*(follower.head("x") for _ in range(1000)))
        assert readings() - before == 1
    assert set(heads) == {cursor}


@pytest.mark.parametrize("settings", [Settings(redis_timeout_s=60.0)], ids=["patient"])
async def test_ten_thousand_idle_feeds_cost_no_task(
    follower: Follower, store: RedisStore, server: Server, link: Pool
) -> None:
    """One connection; a reconnect costs one batch."""
    feeds = [f"f{i}" for i in range(2000)]
    for at in range(0, 2000, 100):
        await asyncio.gather(
            *(store.make_feed(feed, FEED, AT, None) for feed in feeds[at : at + 100])
        )
    before = len(asyncio.all_tasks())
    sinks = {feed: Recorder() for feed in feeds}
    for at in range(0, 2000, 100):
        await asyncio.gather(
            *(follower.open(feed, sinks[feed]) for feed in feeds[at : at + 100])
        )
    assert len(asyncio.all_tasks()) == before
    with server.client() as client:
        assert len(client.client_list(_type="pubsub")) == 1
    cut(server)
    last = await store.write(write(published("p"), feed="f1999"))
    await sinks["f1999"].at(last.cursor)
    assert sum(len(sink.windows) for sink in sinks.values()) == 2000
