"""What a PUT by external id makes of a post, and what it refuses."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stoppress.desk.desk import Desk
from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.domain.errors import Gone, Invalid, NotFound, StaleRevision
from tests.memory_store import MemoryStore
from tests.unit.desk.test_posts import ME, desk_with_feed, held, js, kinds


async def put(
    desk: Desk, name: str = "cms-1", /, key: str | None = None, **fields: object
) -> Any:
    """PUT without If-Match."""
    me = Requester("me", key)
    return await desk.external_posts.put("quay", name, js(**fields), None, me)


@pytest.mark.asyncio
async def test_the_first_put_creates_and_later_ones_merge() -> None:
    """Absent keeps what the desk set, null clears; the same again writes nothing."""
    desk, store = await desk_with_feed()
    made = await put(desk, headline="a", body="one", tags=["x"])
    assert made.created and (await held(store, made.post))["external_id"] == "cms-1"
    await desk.posts.edit("quay", made.post, js(key=True, tags=["y"]), None, ME)
    same = await put(desk, headline="a", body="one", published_at=None)
    assert (same.created, same.rev, same.cursor.seq) == (False, 2, 2)
    merged = await put(desk, headline=None, body="two", external_id="cms-1")
    post = await held(store, merged.post)
    assert (post["body"], post["tags"], post["key"]) == ("two", ["y"], True)
    assert "headline" not in post and merged.post == made.post
    assert len(kinds(store)) == 3


class MeetingStore(MemoryStore):
    """A store whose first reads all end before any write begins."""

    def __init__(self, readers: int) -> None:
        super().__init__()
        self.barrier = asyncio.Barrier(readers)
        self.met = 0

    async def external_post(self, feed: str, external_id: str) -> str | None:
        """Read, then wait for the others."""
        found = await super().external_post(feed, external_id)
        self.met += 1
        if self.met <= self.barrier.parties:
            await self.barrier.wait()
        return found


@pytest.mark.asyncio
async def test_puts_of_several_processes_at_once_make_one_post() -> None:
    """The others are merged into it."""
    store = MeetingStore(5)
    desks = [Desk(store) for _ in range(5)]
    await store.make_feed("quay", b'{"slug":"quay","title":"Quay"}', 0, None)
    made = await asyncio.gather(
        *(put(desk, body=f"{number}") for number, desk in enumerate(desks))
    )
    assert len({one.post for one in made}) == 1
    assert sorted(one.created for one in made) == [False] * 4 + [True]
    assert len(store.kept["quay"].posts) == 1 and len(kinds(store)) == 5


@pytest.mark.asyncio
async def test_puts_of_one_process_wait_for_each_other() -> None:
    """Fifty at once are fifty revisions."""
    desk, store = await desk_with_feed()
    made = await asyncio.gather(*(put(desk, body=f"{n}") for n in range(50)))
    assert {one.rev for one in made} == set(range(1, 51))
    assert len(store.kept["quay"].posts) == 1


@pytest.mark.asyncio
async def test_a_key_counts() -> None:
    """The same key again: the first cursor, and no event."""
    desk, store = await desk_with_feed()
    first = await put(desk, key="k", body="a")
    await put(desk, body="b")
    again = await put(desk, key="k", body="a")
    assert again.repeated and again.cursor == first.cursor and again.rev == 2
    assert len(kinds(store)) == 2


@pytest.mark.asyncio
async def test_a_withdrawn_post_stays_withdrawn() -> None:
    """The error has its revision; a withdrawal repeated writes nothing."""
    desk, store = await desk_with_feed()
    made = await put(desk, body="a")
    assert await desk.external_posts.withdraw("quay", "cms-1", None, ME)
    assert await desk.external_posts.withdraw("quay", "cms-1", None, ME) is None
    for expected in (None, frozenset({1}), frozenset({7})):
        with pytest.raises(Gone) as gone:
            await desk.external_posts.put("quay", "cms-1", js(body="b"), expected, ME)
        assert (gone.value.post, gone.value.rev) == (made.post, 2)
    assert len(kinds(store)) == 2


@pytest.mark.asyncio
async def test_a_put_on_the_withdrawal_puts_the_post_back() -> None:
    """With id, published_at and what the desk set; once, however often it is sent."""
    desk, store = await desk_with_feed()
    made = await put(desk, headline="a", body="one")
    await desk.posts.edit("quay", made.post, js(tags=["y"], pinned=True), None, ME)
    before = await held(store, made.post)
    await desk.external_posts.withdraw("quay", "cms-1", None, ME)
    other = await desk.posts.publish("quay", js(headline="o", pinned=True), ME)
    me, raw = Requester("me", "k"), js(body="two")
    for _ in range(2):
        back = await desk.external_posts.put("quay", "cms-1", raw, frozenset({3}), me)
        assert (back.post, back.rev, back.created) == (made.post, 4, False)
    after = await held(store, made.post)
    assert (after["body"], after["tags"], after["headline"]) == ("two", ["y"], "a")
    assert after["published_at"] == before["published_at"]
    assert after["html"] == "<p>two</p>" and "pinned" not in after
    assert store.kept["quay"].pinned == other.post
    assert kinds(store)[-1] == ("post.published", made.post)
    with pytest.raises(StaleRevision):
        await desk.external_posts.put("quay", "cms-1", js(body="x"), frozenset({3}), ME)
    # Nothing but the withdrawal is undone; a pin may be asked for.
    await desk.external_posts.withdraw("quay", "cms-1", None, ME)
    raw = js(pinned=True)
    back = await desk.external_posts.put("quay", "cms-1", raw, frozenset({5}), ME)
    assert back.rev == 6 and store.kept["quay"].pinned == made.post


@pytest.mark.asyncio
async def test_expectations() -> None:
    """A revision that is not current, and a post that is not there."""
    desk, _ = await desk_with_feed()
    call = desk.external_posts.put
    with pytest.raises(NotFound) as absent:
        await call("quay", "cms-1", js(body="a"), None, ME, must_exist=True)
    assert absent.value.post == "cms-1"
    with pytest.raises(NotFound):
        await desk.external_posts.withdraw("quay", "cms-1", None, ME)
    await put(desk, body="a")
    with pytest.raises(StaleRevision):
        await call("quay", "cms-1", js(body="b"), frozenset({7}), ME)
    made = await call("quay", "cms-1", js(body="b"), frozenset({1}), ME)
    assert made.rev == 2


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("external_id", "fields", "field"),
    [
        ("", {"body": "a"}, "external_id"),
        ("é" * 201, {"body": "a"}, "external_id"),
        ("a\x00b", {"body": "a"}, "external_id"),
        ("a", {"body": "a", "external_id": "b"}, "external_id"),
        ("a", {"body": "a", "text": "b"}, "text"),
        ("a", {"headline": None}, ""),
        (".", {"body": "a"}, "external_id"),
        ("..", {"body": "a"}, "external_id"),
    ],
)
async def test_an_invalid_field_is_named(
    external_id: str, fields: dict[str, object], field: str
) -> None:
    """And nothing is written."""
    desk, store = await desk_with_feed()
    with pytest.raises(Invalid) as wrong:
        await desk.external_posts.put("quay", external_id, js(**fields), None, ME)
    assert wrong.value.field == field
    assert kinds(store) == []


@pytest.mark.asyncio
async def test_a_post_keeps_an_external_id_from_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that new posts may not have: it is found, merged and withdrawn."""
    desk, _ = await desk_with_feed()
    with monkeypatch.context() as before:
        before.setattr("stoppress.desk.posts.check_new_external_id", lambda draft: None)
        made = await put(desk, "..", body="a")
    assert (await put(desk, "..", body="b")).rev == 2
    assert await desk.external_posts.find("quay", "..") == made.post
    assert await desk.external_posts.withdraw("quay", "..", None, ME)
