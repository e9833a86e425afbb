"""A takedown withdraws, erases and says what it did, in that order."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from stoppress.desk.caller import Caller
from stoppress.desk.desk import Desk
from stoppress.desk.feeds import read_new_feed
from stoppress.desk.takedown import Confirmation, PurgeResult
from stoppress.domain.errors import (
    Conflict,
    Invalid,
    NotFound,
    StaleRevision,
    Unavailable,
)
from stoppress.domain.event import EventType
from stoppress.domain.store_requests_and_results import Write, Written
from tests.memory_store import MemoryStore
from tests.unit.desk.test_posts import ME, NOW, Clock, js, kinds

pytestmark = pytest.mark.asyncio


class Erasing:
    """Writes down what it is asked for; `live` times the post is live again."""

    def __init__(self, live: int = 0, disk: bool = True) -> None:
        self.asked: list[object] = []
        self._live = live
        self._disk = disk

    async def erase(self, feed: str, post: str, about: bytes) -> int | None:
        """Nothing, in truth."""
        self.asked.append((feed, post, json.loads(about)["note"]))
        self._live -= 1
        return None if self._live >= 0 else 3

    async def erase_refused(self, feed: str, texts: Sequence[str]) -> int:
        """None was there."""
        self.asked.append(sorted(texts))
        return 0

    async def rewrite_disk(self, feed: str) -> bool:
        """As it was made."""
        return self._disk

    async def confirmations(self, feed: str) -> tuple[Confirmation, ...]:
        """One did, one did not answer."""
        return Confirmation("w1", NOW, 7), Confirmation("", None, 0)


async def purge(
    feed: str, post: str, addresses: Sequence[str]
) -> tuple[PurgeResult, ...]:
    """One cache in front."""
    return (PurgeResult(f"https://cdn.example/{feed}/{post}", NOW, None),)


async def a_desk(eraser: Erasing | None, store: MemoryStore) -> tuple[Desk, str]:
    """A desk with a feed and a post that was edited."""
    desk = Desk(store, Clock(), eraser=eraser, purge=purge)
    await desk.feeds.make(read_new_feed(js(slug="quay", title="Quay")), ME)
    given = js(headline="One", body="*b*", external_id="e")
    made = await desk.posts.publish("quay", given, ME)
    await desk.posts.edit("quay", made.post, js(headline="Two"), None, ME)
    return desk, made.post


async def test_drafts_that_were_to_change_it_are_deleted() -> None:
    """They hold what it said; the others stay."""
    store = MemoryStore()
    desk, name = await a_desk(Erasing(), store)
    editor = Caller(id="me", name="Me", kind="session", scopes=("publish",))
    for base in ({"id": name, "rev": 2}, None, {"id": name, "rev": 1}):
        given = js(headline="Two, and more", **({"base": base} if base else {}))
        await desk.drafts.create("quay", given, editor, ME)
    await desk.takedowns.take_down("quay", name, b"{}", ME)
    left = (await store.page("quay/desk", None, 10)).posts
    assert len(left) == 1 and b"base" not in left[0]


async def test_a_draft_that_goes_while_it_is_being_deleted_is_gone() -> None:
    """Changed, and then deleted by somebody else: the takedown goes on."""

    class Raced(MemoryStore):
        async def write(self, write: Write) -> Written:
            kind = write.changes[-1].type
            if kind is EventType.DRAFT_DELETED and self.races:
                self.races = False
                await super().write(write)
                raise StaleRevision(1, 2, b"{}")
            return await super().write(write)

        races = False

    store = Raced()
    desk, name = await a_desk(Erasing(), store)
    editor = Caller(id="me", name="Me", kind="session", scopes=("publish",))
    given = js(headline="Two, and more", base={"id": name, "rev": 2})
    await desk.drafts.create("quay", given, editor, ME)
    store.races = True
    assert (await desk.takedowns.take_down("quay", name, b"{}", ME)).receipt
    assert not store.kept["quay/desk"].posts


async def test_the_receipt_says_what_was_done() -> None:
    """Each part with its time; every text that it ever had is looked for."""
    eraser, store = Erasing(), MemoryStore()
    desk, name = await a_desk(eraser, store)
    done = await desk.takedowns.take_down("quay", name, js(reason="order"), ME)
    assert done.cursor and kinds(store)[-1] == ("post.withdrawn", name)
    texts = ["*b*", "One", "Two", "e"]
    assert eraser.asked == [texts, ("quay", name, "order"), texts]
    receipt = done.receipt
    assert (receipt.post, receipt.readers) == (name, 7)
    assert receipt.at < receipt.store < receipt.disk
    assert [one["at"] is None for one in receipt.workers] == [False, True]
    assert receipt.purge[0]["url"] == f"https://cdn.example/quay/{name}"


async def test_what_fails_after_the_texts_are_gone_leaves_no_refused_copy() -> None:
    """A repeat can't look for them: only the erased states told the texts."""
    copies = {"Two"}

    class Failing(Erasing):
        async def erase_refused(self, feed: str, texts: Sequence[str]) -> int:
            copies.difference_update(texts)
            return await super().erase_refused(feed, texts)

        async def erase(self, feed: str, post: str, about: bytes) -> int | None:
            done = await super().erase(feed, post, about)
            store.kept[feed].revisions.clear()
            store.away = fails
            return done

    store, fails = MemoryStore(), True
    desk, name = await a_desk(Failing(), store)
    with pytest.raises(Unavailable):
        await desk.takedowns.take_down("quay", name, b"{}", ME)
    store.away = fails = False
    assert (await desk.takedowns.take_down("quay", name, b"{}", ME)).receipt
    assert not copies


async def test_a_withdrawn_post_has_no_second_event() -> None:
    """And where the file may not be rewritten, that is said."""
    store = MemoryStore()
    desk, name = await a_desk(Erasing(disk=False), store)
    await desk.posts.withdraw("quay", name, None, ME)
    events = len(store.kept["quay"].events)
    done = await desk.takedowns.take_down("quay", name, b"", ME)
    assert done.cursor is None and done.receipt.disk == "pending"
    assert len(store.kept["quay"].events) == events


async def test_a_post_restored_meanwhile_is_withdrawn_again() -> None:
    """It is withdrawn again; not for ever."""
    desk, name = await a_desk(Erasing(live=2), MemoryStore())
    assert (await desk.takedowns.take_down("quay", name, b"{}", ME)).receipt
    desk, name = await a_desk(Erasing(live=99), MemoryStore())
    with pytest.raises(Conflict, match="too often"):
        await desk.takedowns.take_down("quay", name, b"{}", ME)


async def test_invalid_takedowns_are_refused() -> None:
    """An unknown field, a post that never was, a server that can't."""
    desk, name = await a_desk(Erasing(), MemoryStore())
    with pytest.raises(Invalid, match="why"):
        await desk.takedowns.take_down("quay", name, js(why="x"), ME)
    with pytest.raises(NotFound):
        await desk.takedowns.take_down("quay", "nothing", b"{}", ME)
    desk, name = await a_desk(None, MemoryStore())
    with pytest.raises(Unavailable):
        await desk.takedowns.take_down("quay", name, b"{}", ME)


async def test_a_post_withdrawn_meanwhile_is_erased_all_the_same() -> None:
    """Between the look at it and its text."""

    class Raced(MemoryStore):
        async def post(self, feed: str, post: str) -> bytes:
            if self.race:
                self.race = False
                await desk.posts.withdraw(feed, post, None, ME)
            return await super().post(feed, post)

        race = False

    store = Raced()
    desk, name = await a_desk(Erasing(), store)
    store.race = True
    assert (await desk.takedowns.take_down("quay", name, b"{}", ME)).receipt
