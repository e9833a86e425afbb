"""Every store keeps earlier states in the step that replaces them, and puts back."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from stoppress.desk.desk import Desk
from stoppress.desk.feeds import read_new_feed
from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.domain.errors import Gone, NotFound, StaleRevision
from stoppress.domain.fold import Json, ReaderState, fold, from_snapshot
from stoppress.domain.store_requests_and_results import Change, PostState
from stoppress.log.log_metrics import StoreMetrics
from stoppress.log.pool import Pool
from stoppress.log.redis_keys import feed_keys
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from stoppress.web.encoded_snapshot import encode_snapshot
from stoppress.wire import encode_messages
from tests.contract.store.news import (
    AnyStore,
    body,
    made,
    published,
    updated,
    withdrawn,
    write,
)
from tests.contract.store.servers import Server
from tests.tally import Tally

pytestmark = pytest.mark.asyncio
ME = Requester("me")


def restored(post: str, expected: int, text: str = "new") -> Change:
    """A withdrawn post put back."""
    change = published(post, text)
    return change._replace(expected=expected, rev=expected + 1, restores=True)


async def test_the_former_state_is_kept(any_store: AnyStore) -> None:
    """With time and author of its write; a new post has none."""
    store = any_store
    await made(store)
    await store.write(write(published("p"))._replace(about=b'{"by":1}'))
    assert (await store.revisions("x", "p")).revisions == ()
    await store.write(write(updated("p", 1))._replace(about=b'{"by":2}'))
    await store.write(write(withdrawn("p", 2))._replace(about=b'{"by":3}'))
    history = await store.revisions("x", "p")
    assert (history.rev, history.state) == (3, PostState.WITHDRAWN)
    assert history.revisions == (
        (2, b'{"by":2}', body("p", "new")),
        (1, b'{"by":1}', body("p")),
    )
    assert history.last == history.revisions[0]
    with pytest.raises(NotFound):
        await store.revisions("x", "q")
    with pytest.raises(NotFound):
        await store.revisions("y", "p")


async def test_restoring_needs_the_withdrawn_revision(any_store: AnyStore) -> None:
    """Any other write finds the post gone."""
    store = any_store
    await made(store)
    await store.write(write(published("p")))
    with pytest.raises(StaleRevision):
        await store.write(write(restored("p", 1)))
    await store.write(write(withdrawn("p", 1)))
    for refused in (published("p"), updated("p", 2), restored("p", 1)):
        with pytest.raises(Gone) as gone:
            await store.write(write(refused))
        assert gone.value.rev == 2
    with pytest.raises(Gone) as gone:
        await store.post("x", "p")
    assert gone.value.rev == 2
    await store.write(write(restored("p", 2)))
    assert await store.post("x", "p") == body("p", "new")
    assert [len((await store.page("x", None, 9)).posts)] == [1]
    assert (await store.withdrawn("x", "", 9)).posts == ()


async def test_revisions_are_bounded(server: Server, link: Pool) -> None:
    """By count and bytes; the newest is kept whatever its size; drops are counted."""
    counts = Tally()

    settings = replace(Settings(), post_revisions=3)
    store = RedisStore(link, settings, StoreMetrics(counts))
    await made(store)
    await store.write(write(published("p")))
    for rev in range(1, 7):
        await store.write(write(updated("p", rev, f"text {rev}")))
    history = await store.revisions("x", "p")
    assert [one.rev for one in history.revisions] == [6, 5, 4]
    assert counts.sum("stoppress_revisions_dropped") == 3
    await store.write(write(updated("p", 7, "n" * (700 << 10))))
    await store.write(write(updated("p", 8, "m" * (2 << 20))))
    history = await store.revisions("x", "p")
    assert [one.rev for one in history.revisions] == [8, 7, 6]
    await store.write(write(updated("p", 9)))
    assert [one.rev for one in (await store.revisions("x", "p")).revisions] == [9]
    with server.client() as client:
        assert client.hlen(feed_keys("x").revisions) == 2
    none = RedisStore(link, replace(Settings(), post_revisions=0))
    await none.write(write(withdrawn("p", 10)))
    assert (await none.revisions("x", "p")).last is None
    await none.drop_feed("x", None, None)
    with server.client() as client:
        assert client.exists(feed_keys("x").revisions) == 0


async def test_an_older_release_writes_without_revisions(
    server: Server, store: RedisStore
) -> None:
    """The state it replaces is not kept, and no older one stands in for it."""
    await made(store)
    await store.write(write(published("p"))._replace(about=b'{"by":1}'))
    await store.write(write(updated("p", 1))._replace(about=b'{"by":2}'))
    posts = feed_keys("x").posts
    with server.client() as client:
        client.hset(posts, "p", b"3 " + body("p", "theirs"))
    await store.write(write(updated("p", 3, "ours"))._replace(about=b'{"by":4}'))
    history = await store.revisions("x", "p")
    assert [(one.rev, one.about) for one in history.revisions] == [
        (3, b""),
        (1, b'{"by":1}'),
    ]
    with server.client() as client:
        client.hset(posts, "p", b"5 ")
    assert (await store.revisions("x", "p")).last is None


class Reader:
    """Folds what the line says, over a snapshot it took at some time."""

    def __init__(self, state: ReaderState) -> None:
        self.state = state

    def hear(self, said: list[Json]) -> None:
        """Take what followed; what is known already changes nothing."""
        for message in said:
            self.state = fold(self.state, message)


@pytest.mark.parametrize("seed", range(3))
async def test_replays_converge_in_any_order_of_changes(
    any_store: AnyStore, seed: int
) -> None:
    """Publish, edit, withdraw, restore, in any order; readers from any cursor agree.

    Nothing that a replay says of a post that is withdrawn now shows it.
    """
    chance, desk = random.Random(seed), Desk(any_store)
    await desk.feeds.make(read_new_feed(b'{"slug":"x","title":"X"}'), ME)
    readers: list[Reader] = []
    live: set[str] = set()
    gone: set[str] = set()
    for step in range(60):
        deed = chance.choice(("publish", "edit", "withdraw", "restore", "read"))
        one = chance.choice(sorted(live | gone) or [""])
        text = msgspec.json.encode({"body": f"step {step}"})
        if deed == "publish" or not one:
            live.add((await desk.posts.publish("x", text, ME)).post)
        elif deed == "edit" and one in live:
            await desk.posts.edit("x", one, text, None, ME)
        elif deed == "withdraw":
            await desk.posts.withdraw("x", one, None, ME)
            live.discard(one)
            gone.add(one)
        elif deed == "restore":
            await desk.revisions.restore("x", one, ME)
            gone.discard(one)
            live.add(one)
        elif deed == "read":
            readers.append(Reader(from_snapshot(await _snapshot(any_store))))
    window = await any_store.window("x")
    said: list[Any] = [
        msgspec.json.decode(encode_messages.event("x", window.cursor.epoch, event, ""))
        for event in window.events
    ]
    for message in said:
        if message["post"]["id"] in gone:
            assert message["type"] == "post.withdrawn" and len(message["post"]) == 1
    end = from_snapshot(await _snapshot(any_store))
    assert set(end.posts) == live and len(readers) > 5
    for reader in readers:
        reader.hear(said)
        assert reader.state == end


async def _snapshot(store: AnyStore) -> Json:
    kept = await store.snapshot("x", 100)
    shown: Json = msgspec.json.decode(encode_snapshot("x", kept, "").body)
    return shown
