"""What every upstream brings to a hub: over the store in memory, Valkey and Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from stoppress.desk.store_protocol import Store
from stoppress.domain.errors import NotFound
from stoppress.hub.log_follower_protocol import Upstream
from stoppress.log.event_record import recorded_post
from stoppress.log.store import RedisStore
from tests.contract.store.following import Counts, following
from tests.contract.store.news import (
    AnyStore,
    body,
    feed_updated,
    made,
    published,
    updated,
    withdrawn,
    write,
)
from tests.contract.store.sinks import Recorder
from tests.memory_store import MemoryStore
from tests.memory_upstream import MemoryUpstream

pytestmark = pytest.mark.asyncio


@pytest.fixture
def store(any_store: AnyStore) -> Store:
    """The store in memory, then in Valkey, then in Redis."""
    return any_store


@pytest_asyncio.fixture
async def upstream(any_store: AnyStore) -> AsyncIterator[Upstream]:
    """What brings the events of that store."""
    if isinstance(any_store, MemoryStore):
        yield MemoryUpstream(any_store)
        return
    assert isinstance(any_store, RedisStore)
    async with following(any_store._shards, any_store, Counts()) as follower:
        yield follower


async def test_a_window_is_filled_and_later_events_pushed(
    upstream: Upstream, store: Store
) -> None:
    """The window has posts in their current state."""
    await made(store)
    await store.write(write(published("p", "one")))
    await store.write(write(updated("p", 1, "two")))
    sink = Recorder()
    await upstream.open("x", sink)
    assert [event.body for event in sink.events] == [body("p", "two")] * 2
    await store.write(write(feed_updated(1, b"feed two")))
    await store.write(write(published("q"), updated("p", 2), pins=("", "p")))
    last = await store.write(write(withdrawn("p", 3)))
    await sink.at(last.cursor)
    assert [
        (event.seq, event.type.name, recorded_post(event.subject))
        for event in sink.events
    ] == [
        (1, "post.published", "p"),
        (2, "post.updated", "p"),
        (3, "feed.updated", ""),
        (4, "post.published", "q"),
        (5, "post.updated", "p"),
        (6, "post.withdrawn", "p"),
    ]
    assert await upstream.head("x") == last.cursor


async def test_opening_an_unknown_feed_is_not_found(
    upstream: Upstream, store: Store
) -> None:
    """Nothing stays open: it can be opened once it is created."""
    with pytest.raises(NotFound):
        await upstream.open("x", Recorder())
    with pytest.raises(NotFound):
        await upstream.head("x")
    cursor = await made(store)
    sink = Recorder()
    await upstream.open("x", sink)
    assert sink.cursor == cursor


async def test_a_closed_feed_receives_nothing(upstream: Upstream, store: Store) -> None:
    """Closing twice is closing once; opened again it is filled again."""
    await made(store)
    sink, again = Recorder(), Recorder()
    await upstream.open("x", sink)
    await upstream.close("x")
    await upstream.close("x")
    written = await store.write(write(published("p")))
    await upstream.open("x", again)
    assert again.cursor == written.cursor
    assert sink.events == []


async def test_a_deleted_feed_ends_its_sink(upstream: Upstream, store: Store) -> None:
    """It can be opened when it is created again."""
    await made(store)
    sink, again = Recorder(), Recorder()
    await upstream.open("x", sink)
    await store.drop_feed("x", None, None)
    await sink.until(lambda: sink.ended)
    cursor = await made(store)
    await upstream.open("x", again)
    assert again.cursor == cursor
