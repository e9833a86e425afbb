"""A withdrawn post comes back as it was; what it was before is kept for the desk."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stoppress.desk.desk import Desk
from stoppress.desk.feeds import read_new_feed
from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.domain.errors import NotFound, NothingToRestore
from stoppress.domain.store_requests_and_results import Write, Written
from tests.memory_store import MemoryStore
from tests.unit.desk.test_posts import ME, desk_with_feed, js, kinds

pytestmark = pytest.mark.asyncio


async def withdrawn_post(desk: Desk, **fields: object) -> str:
    """A post that was published, edited and withdrawn."""
    made = await desk.posts.publish("quay", js(headline="One", **fields), ME)
    patch = js(headline="Two", correction={"note": "It was one."})
    await desk.posts.edit("quay", made.post, patch, None, Requester("you"))
    await desk.posts.withdraw("quay", made.post, None, ME)
    return made.post


async def test_a_post_comes_back_as_it_was() -> None:
    """With its id and time, as a new revision, as one more `post.published`."""
    desk, store = await desk_with_feed()
    name = await withdrawn_post(desk, external_id="e")
    before = json.loads(store.kept["quay"].revisions[name][0].body)
    done = await desk.revisions.restore("quay", name, ME)
    assert (done.rev, done.cursor.seq, done.repeated) == (4, 4, False)
    assert json.loads(done.body) == before | {"rev": 4}
    assert kinds(store)[-1] == ("post.published", name)
    assert store.kept["quay"].external == {"e": name}
    again = await desk.posts.edit("quay", name, js(headline="Three"), None, ME)
    assert again.rev == 5


async def test_a_restored_post_is_not_pinned() -> None:
    """Another post may be pinned by now."""
    desk, store = await desk_with_feed()
    name = await withdrawn_post(desk, pinned=True)
    other = await desk.posts.publish("quay", js(headline="Now", pinned=True), ME)
    done = await desk.revisions.restore("quay", name, ME)
    assert "pinned" not in json.loads(done.body)
    assert store.kept["quay"].pinned == other.post


async def test_every_earlier_state_is_kept_with_who_and_why() -> None:
    """Newest first; a withdrawal is no state of its own."""
    desk, _ = await desk_with_feed()
    name = await withdrawn_post(desk)
    await desk.revisions.restore("quay", name, Requester("they"))
    await desk.posts.edit("quay", name, js(headline="Three"), None, ME)
    history = await desk.revisions.history("quay", name)
    reported: list[Any] = [
        (one.rev, json.loads(one.body)["headline"], json.loads(one.about))
        for one in history.revisions
    ]
    assert [(rev, text, about["by"]) for rev, text, about in reported] == [
        (4, "Two", "they"),
        (2, "Two", "you"),
        (1, "One", "me"),
    ]
    assert [about["note"] for _, _, about in reported] == [None, "It was one.", None]
    assert reported[1][2]["at"] > reported[2][2]["at"]


async def test_a_live_post_stays_as_it_is() -> None:
    """No event, and the newest cursor."""
    desk, store = await desk_with_feed()
    made = await desk.posts.publish("quay", js(headline="One"), ME)
    done = await desk.revisions.restore("quay", made.post, ME)
    assert (done.body, done.rev, done.cursor) == (made.body, 1, made.cursor)
    assert len(store.kept["quay"].events) == 1 and "confirm" in store.calls


async def test_the_key_counts() -> None:
    """Restored, withdrawn again: the repeated call changes nothing."""
    desk, store = await desk_with_feed()
    name = await withdrawn_post(desk)
    key = Requester("me", "k")
    done = await desk.revisions.restore("quay", name, key)
    await desk.posts.withdraw("quay", name, None, ME)
    again = await desk.revisions.restore("quay", name, key)
    assert again.repeated and (again.cursor, again.body) == (done.cursor, b"")
    assert len(store.kept["quay"].events) == 5


async def test_a_post_without_kept_content_can_not_be_restored() -> None:
    """An imported withdrawal; a post that never was."""
    desk, _ = await desk_with_feed()
    name = "01hx5k3v9q7w2e"
    copy = js(id=name, rev=3)
    await desk.imports.put_withdrawn("quay", name, copy, ME)
    with pytest.raises(NothingToRestore):
        await desk.revisions.restore("quay", name, ME)
    with pytest.raises(NotFound):
        await desk.revisions.restore("quay", "nothing", ME)


async def test_a_change_meanwhile_is_seen() -> None:
    """Restored by another between the read and the write: live already."""

    class Raced(MemoryStore):
        async def write(self, write: Write) -> Written:
            if write.changes[0].restores and not self.raced:
                self.raced = True
                await super().write(write)
            return await super().write(write)

        raced = False

    store = Raced()
    desk = Desk(store)
    await desk.feeds.make(read_new_feed(js(slug="quay", title="Quay")), ME)
    name = await withdrawn_post(desk)
    done = await desk.revisions.restore("quay", name, ME)
    assert done.rev == 4 and kinds(store).count(("post.published", name)) == 2
