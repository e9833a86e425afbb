"""Desk logs in every store: drafts, and publishing them in one step."""

from __future__ import annotations

import asyncio

import pytest

from stoppress.desk.draft_store_protocol import DueDraft
from stoppress.domain.cursor import Cursor
from stoppress.domain.desk_log_name import desk_log_of
from stoppress.domain.errors import (
    ExternalIdTaken,
    Gone,
    NotFound,
    PinMoved,
    StaleRevision,
    TakenDown,
)
from stoppress.domain.event import Effect, EventType, Subject
from stoppress.domain.store_requests_and_results import Change, Written
from stoppress.log.audit_log import RedisAudit
from stoppress.log.erase_post_in_all_processes import PostErasure
from stoppress.log.follower import Follower
from stoppress.log.redis_keys import feed_keys
from stoppress.log.store import RedisStore
from tests.contract.store.news import (
    AT,
    FEED,
    AnyStore,
    body,
    made,
    published,
    updated,
    withdrawn,
    write,
)
from tests.contract.store.servers import Server
from tests.contract.store.sinks import Recorder
from tests.memory_store import MemoryStore

pytestmark = pytest.mark.asyncio

LOG = desk_log_of("x")


def draft(name: str, expected: int = 0, text: str = "text") -> Change:
    """A draft, new or changed."""
    kind = EventType.DRAFT_UPDATED if expected else EventType.DRAFT_CREATED
    kept = body(name, text)
    return Change(kind, Subject.draft(name), expected, expected + 1, kept, AT)


def leaves(name: str, expected: int = 1, *, published: bool = True) -> Change:
    """A draft that is out, or deleted."""
    kind = EventType.DRAFT_PUBLISHED if published else EventType.DRAFT_DELETED
    return Change(kind, Subject.draft(name), expected, expected + 1, b"")


async def saved(store: AnyStore, *names: str) -> None:
    """The feed x with drafts."""
    await made(store)
    await store.open_desk_log("x")
    for name in names:
        await store.write(write(draft(name), feed=LOG))


async def test_drafts_are_counted(any_store: AnyStore) -> None:
    """Without the deleted and published ones."""
    store = any_store
    await saved(store, "d", "e", "f")
    assert await store.count_drafts("x") == 3
    await store.write(write(leaves("d", published=False), feed=LOG))
    assert await store.count_drafts("x") == 2


async def test_the_desk_log_is_separate_from_the_feeds_log(any_store: AnyStore) -> None:
    """It has its own cursor; none of its entries is in the feed's log."""
    store = any_store
    await saved(store, "d")
    await store.write(write(draft("d", 1, "new"), feed=LOG))
    with pytest.raises(StaleRevision):
        await store.write(write(draft("d", 1), feed=LOG))
    assert await store.post(LOG, "d") == body("d", "new")
    window = await store.window(LOG)
    assert [event.type for event in window.events] == [
        EventType.DRAFT_CREATED,
        EventType.DRAFT_UPDATED,
    ]
    assert (await store.window("x")).events == ()
    with pytest.raises(NotFound):
        await store.post("x", "d")
    assert await store.feeds() == [FEED]
    await store.write(write(leaves("d", 2, published=False), feed=LOG))
    kinds = [event.type for event in (await store.window(LOG)).events]
    assert kinds[-1] is EventType.DRAFT_DELETED
    assert all(kind.effect is Effect.REMOVES for kind in kinds)
    with pytest.raises(Gone):
        await store.post(LOG, "d")


async def taken_down(store: AnyStore, name: str) -> None:
    """The post of x, withdrawn and erased."""
    await store.write(write(withdrawn(name, 1)))
    if isinstance(store, MemoryStore):
        store.kept["x"].taken_down.add(name)
    elif isinstance(store, RedisStore):
        erasure = PostErasure(store._shards, RedisAudit(store._shards, 0))
        await erasure.erase("x", name, b"{}")


async def test_a_draft_that_changes_a_post_taken_down_is_refused(
    any_store: AnyStore,
) -> None:
    """New or changed; it can be deleted, and others are written in the same moment."""
    store = any_store
    await saved(store, "d")
    for name in ("p", "q"):
        await store.write(write(published(name)))
    new, later = draft("e")._replace(base="p"), draft("d", 1)._replace(base="p")
    await store.write(write(draft("old")._replace(base="p"), feed=LOG))
    await store.write(write(withdrawn("q", 1)))
    await store.write(write(draft("f")._replace(base="q"), feed=LOG))
    await taken_down(store, "p")
    before = await store.window(LOG)
    for change in (new, later, draft("old", 1)._replace(base="p")):
        with pytest.raises(TakenDown) as refused:
            await store.write(write(change, feed=LOG))
        assert (refused.value.feed, refused.value.post) == ("x", "p")
    assert await store.window(LOG) == before
    with pytest.raises(StaleRevision):
        await store.write(write(draft("d", 7)._replace(base="p"), feed=LOG))
    changes = (new, draft("g")._replace(base="q"), leaves("old", published=False))
    done = await asyncio.gather(
        *(store.write(write(one, feed=LOG)) for one in changes), return_exceptions=True
    )
    assert [type(one) for one in done] == [TakenDown, Written, Written]
    assert await store.count_drafts("x") == 3


async def test_publishing_a_draft_is_one_step(any_store: AnyStore) -> None:
    """The post is added, the draft removed, and the id of the post kept."""
    store = any_store
    await saved(store, "d")
    done = await store.publish_draft(write(published("d"), key="k"), leaves("d"))
    assert done.cursor == (await store.window("x")).cursor
    assert await store.post("x", "d") == body("d")
    with pytest.raises(Gone):
        await store.post(LOG, "d")
    assert await store.published_draft(LOG, "d") == done._replace(repeated=True)
    assert await store.published_draft(LOG, "other") is None
    again = await store.publish_draft(write(published("d"), key="k"), leaves("d"))
    assert again == done._replace(repeated=True)
    with pytest.raises(Gone):
        await store.publish_draft(write(published("d")), leaves("d"))
    assert (await store.window("x")).cursor.seq == 1
    last = (await store.window(LOG)).events[-1]
    assert (last.type, last.subject) == (EventType.DRAFT_PUBLISHED, Subject.draft("d"))


async def test_a_publication_that_is_refused_changes_nothing(
    any_store: AnyStore,
) -> None:
    """Neither the feed nor the desk log."""
    store = any_store
    await saved(store, "d")
    await store.write(write(published("p", external_id="e"), pins=("", "p")))
    before = [await store.window("x"), await store.window(LOG)]
    for refused, asked, change in (
        (StaleRevision, write(published("d")), leaves("d", 7)),
        (NotFound, write(published("d")), leaves("none")),
        (ExternalIdTaken, write(published("d", external_id="e")), leaves("d")),
        (StaleRevision, write(updated("p", 7)), leaves("d")),
        (NotFound, write(updated("q", 1)), leaves("d")),
        (PinMoved, write(published("d"), pins=("", "d")), leaves("d")),
    ):
        with pytest.raises(refused):
            await store.publish_draft(asked, change)
    assert before == [await store.window("x"), await store.window(LOG)]
    assert await store.published_draft(LOG, "d") is None


async def test_concurrent_publications_of_a_draft_make_one_post(
    any_store: AnyStore,
) -> None:
    """However they interleave."""
    store = any_store
    names = [f"d{n}" for n in range(20)]
    await saved(store, *names)

    async def publish(name: str) -> bool:
        try:
            await store.publish_draft(write(published(name)), leaves(name))
        except (Gone, StaleRevision):
            return False
        return True

    done = await asyncio.gather(*(publish(name) for name in names * 5))
    assert sum(done) == 20
    assert (await store.window("x")).cursor.seq == 20


async def test_deleting_a_feed_deletes_its_desk_log(any_store: AnyStore) -> None:
    """The next feed of its slug begins with an empty one."""
    store = any_store
    await saved(store, "d")
    await store.drop_feed("x", None, None)
    with pytest.raises(NotFound):
        await store.open_desk_log("x")
    with pytest.raises(NotFound):
        await store.window(LOG)
    await made(store)
    await store.open_desk_log("x")
    with pytest.raises(NotFound):
        await store.post(LOG, "d")


async def test_due_drafts_are_listed_by_the_stores_clock(any_store: AnyStore) -> None:
    """A draft that is scheduled anew stays."""
    store = any_store
    now = (await store.due_drafts(5)).now_ms
    assert now > AT
    await store.schedule("x", "late", now + 60_000)
    await store.schedule("x", "b", now - 10)
    await store.schedule("x", "a", now - 20)
    due = (await store.due_drafts(5)).drafts
    assert due == (DueDraft("x", "a", now - 20), DueDraft("x", "b", now - 10))
    assert len((await store.due_drafts(1)).drafts) == 1
    await store.schedule("x", "b", now - 5)  # scheduled anew: a member of its own
    await store.unschedule(due)
    await store.unschedule(())
    assert (await store.due_drafts(5)).drafts == (DueDraft("x", "b", now - 5),)


async def test_a_desk_log_left_by_an_earlier_release_is_ignored(
    store: RedisStore, server: Server
) -> None:
    """That release deletes a feed without its desk log."""
    await saved(store, "d")
    keys = feed_keys("x")
    with server.client() as client:
        client.delete(*keys)
        client.zrem("stoppress:feeds", *client.zrange("stoppress:feeds", 0, -1))
    await made(store)
    with pytest.raises(NotFound):
        await store.publish_draft(write(published("d")), leaves("d"))
    await store.open_desk_log("x")
    with pytest.raises(NotFound):
        await store.post(LOG, "d")


async def test_no_earlier_state_of_a_draft_is_kept(
    store: RedisStore, server: Server
) -> None:
    """A deleted draft is deleted whole."""
    await saved(store, "d")
    await store.write(write(draft("d", 1, "other"), feed=LOG))
    await store.write(write(leaves("d", 2, published=False), feed=LOG))
    with server.client() as client:
        for key in client.scan_iter():
            assert b"other" not in (client.dump(key) or b""), key


async def test_a_desk_log_is_followed_like_a_feed(
    store: RedisStore, follower: Follower, cursor: Cursor
) -> None:
    """Opened before its first entry, pushed, and ended with its feed."""
    sink = Recorder()
    await follower.open(LOG, sink)
    done = await store.write(write(draft("d"), feed=LOG))
    await sink.at(done.cursor)
    assert sink.events[-1].body == body("d")
    await store.publish_draft(write(published("d")), leaves("d"))
    await sink.until(lambda: len(sink.events) == 2)
    assert sink.events[-1].type is EventType.DRAFT_PUBLISHED
    await store.drop_feed("x", None, None)
    await sink.until(lambda: sink.ended)
