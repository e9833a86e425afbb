"""What every store answers: pages, snapshots, windows; and when a feed is dropped."""

from __future__ import annotations

import asyncio

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import NotFound, StaleRevision
from stoppress.domain.event import Event, EventType, Subject
from stoppress.domain.store_requests_and_results import (
    PAGE_BYTES,
    Idempotency,
    PageMark,
)
from tests.contract.store.news import (
    AT,
    FEED,
    AnyStore,
    body,
    feed_updated,
    made,
    published,
    updated,
    withdrawn,
    write,
)

pytestmark = pytest.mark.asyncio


@pytest.fixture
def store(any_store: AnyStore) -> AnyStore:
    """The store in memory, then in Valkey, then in Redis."""
    return any_store


async def test_pages_go_through_every_post_once(store: AnyStore) -> None:
    """In order, ties by id, after marks whose posts are gone or elsewhere."""
    await made(store)
    order = {f"p{i:02}": AT + i // 10 for i in range(45)}
    for name, at in order.items():
        await store.write(write(published(name, order=at)))
    expected = sorted(order, key=lambda name: (order[name], name), reverse=True)
    page = await store.page("x", None, 20)
    assert list(page.posts) == [body(name) for name in expected[:20]]
    assert page.next == PageMark(order[expected[19]], expected[19])
    await store.write(write(withdrawn(expected[19], 1)))
    await store.write(write(updated(expected[10], 1, order=AT + 99)))
    page = await store.page("x", page.next, 20)
    assert list(page.posts) == [body(name) for name in expected[20:40]]
    page = await store.page("x", page.next, 20)
    assert list(page.posts) == [body(name) for name in expected[40:]]
    assert page.next is None
    assert (await store.page("x", PageMark(0, "p"), 20)).posts == ()
    exact = await store.page("x", PageMark(order[expected[40]], expected[40]), 4)
    assert (len(exact.posts), exact.next) == (4, None)


async def test_pages_can_begin_with_the_oldest(store: AnyStore) -> None:
    """Every post once, ties by id, after marks whose posts are gone."""
    await made(store)
    order = {f"p{i:02}": AT + i // 10 for i in range(25)}
    for name, at in order.items():
        await store.write(write(published(name, order=at)))
    expected = sorted(order, key=lambda name: (order[name], name))
    page = await store.page("x", None, 12, rising=True)
    assert list(page.posts) == [body(name) for name in expected[:12]]
    assert page.next == PageMark(order[expected[11]], expected[11])
    await store.write(write(withdrawn(expected[11], 1)))
    page = await store.page("x", page.next, 12, rising=True)
    assert list(page.posts) == [body(name) for name in expected[12:24]]
    page = await store.page("x", page.next, 12, rising=True)
    assert (list(page.posts), page.next) == ([body(expected[24])], None)
    await store.write(write(published("p99", order=AT + 99)))
    last = PageMark(order[expected[24]], expected[24])
    page = await store.page("x", last, 12, rising=True)
    assert list(page.posts) == [body("p99")]
    assert (await store.page("x", PageMark(AT + 99, "p99"), 1, rising=True)).posts == ()
    assert (await store.page("x", PageMark(0, ""), 1, rising=True)).posts == (
        body("p00"),
    )


async def test_a_snapshot_is_at_a_cursor(store: AnyStore) -> None:
    """Feed, newest posts, pinned one and cursor are of one moment."""
    await made(store)
    for i in range(25):
        await store.write(write(published(f"p{i:02}", order=AT + i)))
    await store.write(write(updated("p03", 1, order=AT + 3), pins=("", "p03")))
    snapshot = await store.snapshot("x", 20)
    assert snapshot.cursor == (await store.feed("x")).cursor
    assert snapshot.feed == FEED
    assert snapshot.page == await store.page("x", None, 20)
    assert snapshot.page.posts[0] == body("p24")
    assert snapshot.pinned == body("p03", "new")


async def test_a_window_shows_posts_as_they_are_now(store: AnyStore) -> None:
    """Every seq is there; posts and the feed are in their current state."""
    epoch = (await made(store)).epoch
    await store.write(write(published("p", "one")))
    await store.write(write(published("q", "gone")))
    await store.write(write(feed_updated(1, b"feed two")))
    await store.write(write(updated("p", 1, "two")))
    await store.write(write(withdrawn("q", 1)))
    window = await store.window("x")
    assert window.cursor == Cursor(epoch, 5)
    assert window.feed == b"feed two"
    now = body("p", "two")
    assert window.events == (
        Event(1, EventType.PUBLISHED, AT, Subject.post("p"), now),
        Event(2, EventType.WITHDRAWN, AT, Subject.post("q"), b""),
        Event(3, EventType.FEED, AT, Subject.feed("x"), b"feed two"),
        Event(4, EventType.UPDATED, AT, Subject.post("p"), now),
        Event(5, EventType.WITHDRAWN, AT, Subject.post("q"), b""),
    )


async def test_a_deleted_feed_leaves_no_data(store: AnyStore) -> None:
    """The slug, used again, has a new epoch."""
    epoch = (await made(store)).epoch
    await store.write(write(published("p", external_id="e"), key="k"))
    with pytest.raises(StaleRevision):
        await store.drop_feed("x", 7, None)
    key = Idempotency("token-1", "drop", "f")
    await store.drop_feed("x", 1, key)
    assert await store.feeds() == []
    await store.drop_feed("x", 1, key)
    with pytest.raises(NotFound):
        await store.drop_feed("x", None, None)
    cursor = await made(store)
    assert cursor.seq == 0
    assert cursor.epoch != epoch
    # A late repetition of the drop leaves the new feed alone; a late repetition
    # of the publish is a new publish: what it speaks of is gone.
    await store.drop_feed("x", 1, key)
    assert (await store.feed("x")).cursor == cursor
    late = await store.write(write(published("p2", external_id="e"), key="k"))
    assert not late.repeated


async def test_concurrent_deletes_and_creates_keep_the_list_correct(
    store: AnyStore,
) -> None:
    """In any order of the steps, an existing feed is listed once."""
    for _ in range(20):
        await made(store)
        await asyncio.gather(
            store.drop_feed("x", None, None),
            store.make_feed("x", FEED, AT, None),
            store.make_feed("x", FEED, AT, None),
            return_exceptions=True,
        )
        try:
            await store.feed("x")
        except NotFound:
            assert await store.feeds() == []
            continue
        assert await store.feeds() == [FEED]
        await store.drop_feed("x", None, None)


@pytest.mark.parametrize("rising", [False, True])
async def test_a_page_of_large_posts_is_cut(store: AnyStore, rising: bool) -> None:
    """At about one MiB; each page has at least one, and all of them follow, once."""
    await made(store)
    sizes = [300_000] * 7 + [3 * PAGE_BYTES, 10] + [1000] * 12
    for n, size in enumerate(sizes):
        text = b"%02d" % n + b"x" * size
        await store.write(
            write(published(f"p{n:02}", order=AT + n)._replace(body=text))
        )
    mark, seen, counts = None, list[bytes](), list[int]()
    while True:
        page = await store.page("x", mark, 100, rising)
        seen += [one[:2] for one in page.posts]
        counts.append(len(page.posts))
        assert sum(map(len, page.posts[:-1])) < PAGE_BYTES
        if page.next is None:
            break
        mark = page.next
    wanted = [b"%02d" % n for n in range(len(sizes))]
    assert seen == (wanted if rising else wanted[::-1])
    assert counts == ([4, 4, 13] if rising else [14, 4, 3])
    newest = await store.snapshot("x", 20)
    assert len(newest.page.posts) == 14 and newest.page.next is not None
