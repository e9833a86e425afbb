"""An edition continued by events equals the one the log would give."""

from __future__ import annotations

import random

import msgspec
import pytest

from stoppress.desk.desk import Desk
from stoppress.desk.feeds import read_new_feed
from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.domain.errors import Gap
from stoppress.domain.timestamps import instant
from stoppress.web.encoded_snapshot import (
    EncodedSnapshot,
    continued,
    encode_snapshot,
)
from stoppress.web.paginate_posts_as_json import PAGE_POSTS
from stoppress.wire import encode_messages
from tests.memory_store import MemoryStore

BASE = "https://x.example"
ME = Requester("me")
encode = msgspec.json.encode


async def now(store: MemoryStore) -> EncodedSnapshot:
    """The edition of what the store holds."""
    return encode_snapshot("quay", await store.snapshot("quay", PAGE_POSTS), BASE)


def since(store: MemoryStore, seq: int) -> list[bytes]:
    """The messages of the events after `seq`."""
    kept = store.kept["quay"]
    return [
        encode_messages.event("quay", kept.epoch, e, BASE) for e in kept.events[seq:]
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize("seed", range(20))
async def test_an_edition_continued_is_the_edition_drawn(seed: int) -> None:
    """Posts, edits, moves, pins, withdrawals and feed changes, in any order."""
    chance = random.Random(seed)
    store = MemoryStore()
    desk = Desk(store)
    await desk.feeds.make(read_new_feed(b'{"slug":"quay","title":"Quay"}'), ME)

    async def act() -> None:
        posts = list(store.kept["quay"].posts)
        time = instant(chance.randrange(10**12))
        match chance.randrange(8):
            case 0 | 1 | 2 | 3:
                draft = {"headline": "a", "pinned": chance.random() < 0.2}
                if chance.random() < 0.5:
                    draft["published_at"] = time
                await desk.posts.publish("quay", encode(draft), ME)
            case 4 if posts:
                patch = {"published_at": time, "pinned": chance.random() < 0.3}
                await desk.posts.edit(
                    "quay", chance.choice(posts), encode(patch), None, ME
                )
            case 5 | 6 if posts:
                await desk.posts.withdraw("quay", chance.choice(posts), None, ME)
            case 7:
                patch = {"standfirst": str(chance.random())}
                await desk.feeds.edit("quay", encode(patch), None, ME)

    for _ in range(chance.randrange(60)):
        await act()
    held = await now(store)
    for _ in range(chance.randrange(30)):
        await act()
    after = continued(held, since(store, held.cursor.seq))
    drawn = await now(store)
    assert after.cursor == drawn.cursor
    assert (after.feed, after.pinned) == (drawn.feed, drawn.pinned)
    # More may be known to the log than an old edition and its events tell; what is
    # there is the same, and in the same order.
    assert after.posts == drawn.posts[: len(after.posts)]
    if held.next is None:
        assert (after.posts, after.next) == (drawn.posts, drawn.next)
    elif len(after.posts) < PAGE_POSTS:
        assert after.next is not None


@pytest.mark.asyncio
async def test_a_missing_event_is_a_gap() -> None:
    """Nothing is guessed."""
    store = MemoryStore()
    desk = Desk(store)
    await desk.feeds.make(read_new_feed(b'{"slug":"quay","title":"Quay"}'), ME)
    held = await now(store)
    for _ in range(2):
        await desk.posts.publish("quay", b'{"headline":"x"}', ME)
    with pytest.raises(Gap):
        continued(held, since(store, 1))


@pytest.mark.asyncio
async def test_the_tag_names_what_is_shown() -> None:
    """Another address of the site is another answer, at the same cursor."""
    store = MemoryStore()
    await Desk(store).feeds.make(read_new_feed(b'{"slug":"quay","title":"Quay"}'), ME)
    kept = await store.snapshot("quay", PAGE_POSTS)
    one, two = (
        encode_snapshot("quay", kept, BASE),
        encode_snapshot("quay", kept, "http://y"),
    )
    assert one.etag == encode_snapshot("quay", kept, BASE).etag == one.aged(3).etag
    assert one.etag != two.etag
    assert str(one.cursor) in one.etag
    assert (one.age_s, one.aged(3).age_s) == (None, 3)
    assert one.visibility == "public"
