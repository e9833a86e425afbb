"""Templates and notes on posts in every store: bounded, erased with the post."""

from __future__ import annotations

import pytest

from stoppress.desk.templates_and_post_notes import (
    DeskTextChange,
    OtherText,
    tag_of,
)
from stoppress.domain.errors import Gone, IdempotencyKeyReused, NotFound
from stoppress.domain.store_requests_and_results import Idempotency
from stoppress.log.audit_log import RedisAudit
from stoppress.log.erase_post_in_all_processes import PostErasure
from stoppress.log.redis_keys import desk_texts_key
from stoppress.log.store import RedisStore
from tests.contract.store.news import AnyStore, made, published, withdrawn, write
from tests.contract.store.servers import Server

pytestmark = pytest.mark.asyncio


def template(
    name: str, record: bytes, key: Idempotency | None = None
) -> DeskTextChange:
    return DeskTextChange(*("", name, record, 2, "template.put", name), idempotency=key)


def noted(post: str, record: bytes, key: Idempotency | None = None) -> DeskTextChange:
    about = ("x", f"notes {post}", record, 3, "post.noted", post)
    return DeskTextChange(*about, post, key)


async def test_texts_of_the_newsroom(any_store: AnyStore) -> None:
    """As many as may be; a key does its change once."""
    store, key = any_store, Idempotency("t", "k", "f")
    assert await store.desk_texts("") == []
    assert await store.change_desk_text(template("a", b"1", key)) is None
    assert await store.change_desk_text(template("a", b"2", key)) == b"1"
    with pytest.raises(IdempotencyKeyReused):
        other = Idempotency("t", "k", "g")
        await store.change_desk_text(template("a", b"2", other))
    assert await store.change_desk_text(template("b", b"3")) is None
    with pytest.raises(OverflowError):
        await store.change_desk_text(template("c", b"4"))
    assert await store.change_desk_text(template("b", b"5")) is None
    assert sorted(await store.desk_texts("")) == [b"1", b"5"]
    assert await store.change_desk_text(template("a", b"")) is None
    assert await store.change_desk_text(template("a", b"1", key)) == b""
    with pytest.raises(LookupError):
        await store.change_desk_text(template("a", b""))
    assert await store.desk_text("", "b") == b"5"
    assert await store.desk_text("", "a") is None


async def test_notes_need_their_post(any_store: AnyStore) -> None:
    """A live one of a feed that is there; they go with the feed."""
    store = any_store
    for asked in (store.desk_text("x", "notes p"), store.desk_texts("x")):
        with pytest.raises(NotFound):
            await asked
    with pytest.raises(NotFound):
        await store.change_desk_text(noted("p", b"1"))
    await made(store)
    with pytest.raises(NotFound):
        await store.change_desk_text(noted("p", b"1"))
    await store.write(write(published("p")))
    key = Idempotency("t", "n", "f")
    assert await store.change_desk_text(noted("p", b"1", key)) is None
    assert await store.desk_text("x", "notes p") == b"1"
    assert await store.change_desk_text(noted("p", b"2", key)) == b"1"
    await store.write(write(withdrawn("p", 1)))
    with pytest.raises(Gone):
        await store.change_desk_text(noted("p", b"2"))
    assert await store.desk_texts("x") == [b"1"]
    await store.drop_feed("x", None, None)
    await made(store)
    assert await store.desk_text("x", "notes p") is None
    assert await store.desk_texts("x") == []


async def test_a_text_is_changed_on_top_of_a_known_one(any_store: AnyStore) -> None:
    """By its tag, also where there is none yet; otherwise nothing changes."""
    store = any_store
    await made(store)
    await store.write(write(published("p")))

    async def put(record: bytes, *tags: str, key: str = "") -> None:
        given = Idempotency("t", key, key) if key else None
        change = noted("p", record, given)._replace(tags=frozenset(tags))
        await store.change_desk_text(change)

    for tags in ((tag_of(b"1"),), ("*",), ("",), (tag_of(b"")[:-1],)):
        with pytest.raises(OtherText) as other:
            await put(b"1", *tags)
        assert other.value.record == b""
    await put(b"1", "old", tag_of(b""), key="k")
    await put(b"1", "old", tag_of(b""), key="k")
    with pytest.raises(OtherText) as other:
        await put(b"", tag_of(b""))
    assert other.value.record == b"1"
    assert await store.desk_texts("x") == [b"1"]
    await put(b"", tag_of(b"1"))
    assert await store.desk_texts("x") == []


async def test_a_takedown_erases_the_notes(store: RedisStore) -> None:
    """Of that post alone, in the step that erases it."""
    await made(store)
    for post in ("p", "q"):
        await store.write(write(published(post)))
        await store.change_desk_text(noted(post, post.encode()))
    await store.write(write(withdrawn("p", 1)))
    shards = store._shards
    await PostErasure(shards, RedisAudit(shards, 0)).erase("x", "p", b"{}")
    assert await store.desk_texts("x") == [b"q"]


async def test_what_a_former_feed_left_counts_no_more(
    store: RedisStore, server: Server
) -> None:
    """A release that does not know the texts leaves them when it deletes the feed."""
    await made(store)
    await store.write(write(published("p")))
    await store.change_desk_text(noted("p", b"1"))
    with server.client() as client:
        client.hset(desk_texts_key("x"), "of", "another")
        assert await store.desk_texts("x") == []
        await store.change_desk_text(noted("p", b"2"))
        assert client.hlen(desk_texts_key("x")) == 2
    assert await store.desk_texts("x") == [b"2"]
