"""What the desk decides, and what it hands the store."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stoppress.desk.desk import Desk
from stoppress.desk.feeds import read_new_feed
from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.desk.posts import LONG_MARKUP
from stoppress.domain.errors import (
    BrokenJson,
    ExternalIdTaken,
    Gone,
    IdempotencyKeyReused,
    Invalid,
    NotFound,
    PinMoved,
    StaleRevision,
)
from stoppress.domain.event import EventType
from stoppress.domain.store_requests_and_results import Write, Written
from stoppress.log.event_record import recorded_post
from tests.memory_store import MemoryStore

ME = Requester("me")
NOW = 1_795_340_000_000


class Clock:
    """A clock that goes on by a second at each look."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        self.now += 1000
        return self.now


def js(**value: object) -> bytes:
    """A request body."""
    return json.dumps(value).encode()


async def desk_with_feed() -> tuple[Desk, MemoryStore]:
    """A desk with the feed `quay`."""
    store = MemoryStore()
    desk = Desk(store, Clock())
    await desk.feeds.make(read_new_feed(js(slug="quay", title="Quay")), ME)
    store.calls.clear()
    return desk, store


def kinds(store: MemoryStore) -> list[tuple[str, str]]:
    """The events of the feed, as type and post."""
    return [(e.type.name, recorded_post(e.subject)) for e in store.kept["quay"].events]


async def held(store: MemoryStore, post: str) -> dict[str, Any]:
    """The post as kept."""
    value: dict[str, Any] = json.loads(await store.post("quay", post))
    return value


@pytest.mark.asyncio
async def test_a_plain_publish_is_one_call_of_the_store() -> None:
    """Nothing is read first."""
    desk, store = await desk_with_feed()
    made = await desk.posts.publish("quay", js(headline="x", body="*y*"), ME)
    assert store.calls == ["write"]
    post = json.loads(made.body)
    assert post["id"] == made.post and all(post.values())
    assert post["html"] == "<p><em>y</em></p>"
    assert (made.rev, made.cursor.seq, made.repeated) == (1, 1, False)


@pytest.mark.asyncio
async def test_long_markup_is_rendered_too() -> None:
    """In a thread, with the same result."""
    desk, store = await desk_with_feed()
    made = await desk.posts.publish("quay", js(body="*y*" + "n " * LONG_MARKUP), ME)
    assert json.loads(made.body)["html"].startswith("<p><em>y</em>n n")


@pytest.mark.asyncio
async def test_too_much_markup_is_invalid() -> None:
    """The error names the body."""
    desk, _ = await desk_with_feed()
    with pytest.raises(Invalid) as error:
        await desk.posts.publish("quay", js(body="&" * 60_000), ME)
    assert error.value.field == "body"


@pytest.mark.asyncio
async def test_pinning_unpins_the_former_in_the_same_step() -> None:
    """Two events; the answer is at the second."""
    desk, store = await desk_with_feed()
    first = await desk.posts.publish("quay", js(headline="a", pinned=True), ME)
    second = await desk.posts.publish("quay", js(headline="b", pinned=True), ME)
    third = await desk.posts.publish("quay", js(headline="c"), ME)
    assert kinds(store)[:3] == [
        ("post.published", first.post),
        ("post.updated", first.post),
        ("post.published", second.post),
    ]
    assert second.cursor.seq == 3
    assert "pinned" not in await held(store, first.post)
    await desk.posts.edit("quay", third.post, b'{"pinned":true}', frozenset({1}), ME)
    assert kinds(store)[4:] == [
        ("post.updated", second.post),
        ("post.updated", third.post),
    ]
    assert store.kept["quay"].pinned == third.post
    await desk.posts.edit("quay", third.post, b'{"pinned":false}', None, ME)
    assert store.kept["quay"].pinned == ""
    assert len(kinds(store)) == 7


@pytest.mark.asyncio
async def test_withdrawing_the_pinned_post_leaves_none() -> None:
    """And a later pin starts from there."""
    desk, store = await desk_with_feed()
    post = await desk.posts.publish("quay", js(headline="a", pinned=True), ME)
    await desk.posts.withdraw("quay", post.post, None, ME)
    assert store.kept["quay"].pinned == ""
    await desk.posts.publish("quay", js(headline="b", pinned=True), ME)


class Meddler(MemoryStore):
    """Before each of the next writes, somebody else does something."""

    def __init__(self) -> None:
        super().__init__()
        self.meddle: list[Any] = []

    async def write(self, write: Write) -> Written:
        if self.meddle:
            await self.meddle.pop(0)()
        return await super().write(write)


@pytest.mark.asyncio
async def test_a_pin_that_moved_is_decided_again() -> None:
    """Until it holds; no reader sees two pinned posts."""
    store = Meddler()
    desk, other = Desk(store, Clock()), Desk(store, Clock())
    await desk.feeds.make(read_new_feed(js(slug="quay", title="Quay")), ME)
    posts: list[str] = []

    async def pin_another() -> None:
        made = await other.posts.publish("quay", js(headline="other", pinned=True), ME)
        posts.append(made.post)

    store.meddle = [pin_another, pin_another]
    # The second meddler runs inside the first one's own write: order is free.
    mine = await desk.posts.publish("quay", js(headline="mine", pinned=True), ME)
    assert store.kept["quay"].pinned == mine.post
    for post in posts:
        assert "pinned" not in await held(store, post)


@pytest.mark.asyncio
async def test_a_pin_that_always_moves_is_given_up() -> None:
    """Trying again has an end."""
    store = Meddler()
    desk = Desk(store, Clock())
    await desk.feeds.make(read_new_feed(js(slug="quay", title="Quay")), ME)

    async def move() -> None:
        raise PinMoved

    store.meddle = [move] * 100
    with pytest.raises(PinMoved):
        await desk.posts.publish("quay", js(headline="x", pinned=True), ME)
    assert len(store.meddle) > 80
    assert kinds(store) == []


@pytest.mark.asyncio
async def test_an_edit_merges_and_keeps_the_rest() -> None:
    """RFC 7396: null removes, what isn't named stays; html follows the body."""
    desk, store = await desk_with_feed()
    given = js(headline="a", body="b", tags=["t"], source={"name": "n", "url": "/u"})
    made = await desk.posts.publish("quay", given, ME)
    patch = b'{"headline":null,"source":{"url":null},"body":"**c**"}'
    after = await desk.posts.edit("quay", made.post, patch, frozenset({1}), ME)
    post = json.loads(after.body)
    assert "headline" not in post
    assert (post["source"], post["tags"]) == ({"name": "n"}, ["t"])
    assert post["html"] == "<p><strong>c</strong></p>"
    assert (after.rev, post["rev"], after.cursor.seq) == (2, 2, 2)


@pytest.mark.asyncio
@pytest.mark.parametrize("patch", [b"{}", b'{"headline":"a"}', b'{"body":null}'])
async def test_no_change_is_no_event(patch: bytes) -> None:
    """Same rev, and the cursor where the feed stands."""
    desk, store = await desk_with_feed()
    made = await desk.posts.publish("quay", js(headline="a"), ME)
    await desk.posts.publish("quay", js(headline="b"), ME)
    after = await desk.posts.edit("quay", made.post, patch, frozenset({1}), ME)
    assert (after.rev, after.cursor.seq, after.body) == (1, 2, made.body)
    assert len(kinds(store)) == 2


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("patch", "field"),
    [
        (b'{"headlin":null}', "headlin"),
        (b'{"html":"<p>"}', "html"),
        (b'{"source":{"nam":null}}', "source.nam"),
        (b'{"headline":1}', "headline"),
        (b'{"authors":[{"name":"x"},{"name":""}]}', "authors[1].name"),
        (b'{"headline":null}', ""),
        (b'{"external_id":"z"}', "external_id"),
        (b'{"published_at":null}', "published_at"),
        (b"[]", ""),
    ],
)
async def test_a_wrong_edit_changes_nothing(patch: bytes, field: str) -> None:
    """The field is named as in a new post."""
    desk, store = await desk_with_feed()
    made = await desk.posts.publish("quay", js(headline="a"), ME)
    with pytest.raises(Invalid) as error:
        await desk.posts.edit("quay", made.post, patch, None, ME)
    assert error.value.field == field
    assert len(kinds(store)) == 1


@pytest.mark.asyncio
async def test_an_edit_of_an_older_revision_is_refused() -> None:
    """With the post as it is; `None` (If-Match: *) takes whichever is there."""
    desk, _ = await desk_with_feed()
    made = await desk.posts.publish("quay", js(headline="a"), ME)
    after = await desk.posts.edit(
        "quay", made.post, js(headline="b"), frozenset({1}), ME
    )
    with pytest.raises(StaleRevision) as error:
        await desk.posts.edit("quay", made.post, js(headline="c"), frozenset({1}), ME)
    assert (error.value.rev, error.value.current) == (2, after.body)
    last = await desk.posts.edit("quay", made.post, js(headline="c"), None, ME)
    assert last.rev == 3


@pytest.mark.asyncio
async def test_an_edit_meanwhile_is_not_lost() -> None:
    """If-Match: the loser is told. Without: both changes are there."""
    store = Meddler()
    desk, other = Desk(store, Clock()), Desk(store, Clock())
    await desk.feeds.make(read_new_feed(js(slug="quay", title="Quay")), ME)
    post = (await desk.posts.publish("quay", js(headline="a"), ME)).post

    async def tag() -> None:
        await other.posts.edit("quay", post, js(tags=["t"]), None, ME)

    store.meddle = [tag]
    after = await desk.posts.edit("quay", post, js(headline="b"), None, ME)
    assert json.loads(after.body)["tags"] == ["t"] and after.rev == 3
    store.meddle = [lambda: other.posts.edit("quay", post, js(tags=["u"]), None, ME)]
    with pytest.raises(StaleRevision):
        await desk.posts.edit("quay", post, js(headline="c"), frozenset({3}), ME)


@pytest.mark.asyncio
async def test_a_withdrawal_happens_once() -> None:
    """Again: nothing. Editing: gone. Never there: not found."""
    desk, store = await desk_with_feed()
    made = await desk.posts.publish("quay", js(headline="a", external_id="x"), ME)
    cursor = await desk.posts.withdraw("quay", made.post, None, ME)
    assert cursor is not None and cursor.seq == 2
    assert await desk.posts.withdraw("quay", made.post, None, ME) is None
    assert kinds(store)[-1] == ("post.withdrawn", made.post) and len(kinds(store)) == 2
    with pytest.raises(Gone):
        await desk.posts.edit("quay", made.post, b"{}", None, ME)
    with pytest.raises(NotFound):
        await desk.posts.withdraw("quay", "01234567890123", None, ME)
    with pytest.raises(ExternalIdTaken) as error:
        await desk.posts.publish("quay", js(headline="b", external_id="x"), ME)
    assert error.value.current is None


@pytest.mark.asyncio
async def test_a_repeated_publish_is_the_first_one() -> None:
    """Same id and cursor, the post as it is now; another body is refused."""
    desk, store = await desk_with_feed()
    asked = Requester("me", "k1")
    first = await desk.posts.publish("quay", js(headline="a"), asked)
    await desk.posts.edit("quay", first.post, js(headline="b"), None, ME)
    again = await desk.posts.publish("quay", b'{ "headline" : "a" }', asked)
    assert (again.post, again.cursor, again.repeated) == (
        first.post,
        first.cursor,
        True,
    )
    assert json.loads(again.body)["headline"] == "b" and again.rev == 2
    with pytest.raises(IdempotencyKeyReused):
        await desk.posts.publish("quay", js(headline="z"), asked)
    other = await desk.posts.publish("quay", js(headline="a"), Requester("you", "k1"))
    assert other.post != first.post
    await desk.posts.withdraw("quay", first.post, None, ME)
    gone = await desk.posts.publish("quay", js(headline="a"), asked)
    assert (gone.post, gone.body, gone.cursor) == (first.post, b"", first.cursor)
    assert [kind for kind, _ in kinds(store)].count("post.published") == 2


@pytest.mark.asyncio
async def test_a_repeated_edit_or_withdrawal_is_the_first_one() -> None:
    """Though the revision it was for is no longer the current one."""
    desk, store = await desk_with_feed()
    made = await desk.posts.publish("quay", js(headline="a"), ME)
    asked = Requester("me", "k1")
    rev = frozenset({1})
    first = await desk.posts.edit("quay", made.post, js(headline="b"), rev, asked)
    await desk.posts.edit("quay", made.post, js(headline="c"), None, ME)
    again = await desk.posts.edit("quay", made.post, js(headline="b"), rev, asked)
    assert (again.cursor, again.rev, again.repeated) == (first.cursor, 3, True)
    with pytest.raises(IdempotencyKeyReused):
        await desk.posts.edit("quay", made.post, js(headline="z"), rev, asked)
    with pytest.raises(IdempotencyKeyReused):
        await desk.posts.withdraw("quay", made.post, None, asked)
    away = Requester("me", "k2")
    cursor = await desk.posts.withdraw("quay", made.post, frozenset({3}), away)
    assert await desk.posts.withdraw("quay", made.post, frozenset({3}), away) == cursor
    assert len(kinds(store)) == 4


@pytest.mark.asyncio
async def test_broken_input_reaches_no_store() -> None:
    """It is refused before anything is asked."""
    desk, store = await desk_with_feed()
    for raw in (b"{", b'{"x":1}', b"{}"):
        with pytest.raises((BrokenJson, Invalid)):
            await desk.posts.publish("quay", raw, ME)
    assert store.calls == []


@pytest.mark.asyncio
async def test_an_id_that_is_taken_is_made_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two processes may meet in a millisecond."""
    desk, store = await desk_with_feed()
    made = await desk.posts.publish("quay", js(headline="a"), ME)
    ids = [made.post, "zzzzzzzzzzzzzz"]
    monkeypatch.setattr(desk.posts._ids, "next", lambda now: ids.pop(0))
    again = await desk.posts.publish("quay", js(headline="b"), ME)
    assert again.post == "zzzzzzzzzzzzzz"
    assert [e.type for e in store.kept["quay"].events] == [EventType.PUBLISHED] * 2
