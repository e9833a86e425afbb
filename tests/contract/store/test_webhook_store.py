"""Webhooks in every store: kept with their feed, held by one, cursors, dead letters."""

from __future__ import annotations

import asyncio

import pytest

from stoppress.desk.webhooks_and_dead_letters import (
    MAX_WEBHOOKS,
    DeadLetter,
    Webhook,
)
from stoppress.desk.write_outcome_and_checks import now_ms
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import DeletedSince, IdempotencyKeyReused, NotFound
from stoppress.domain.store_requests_and_results import Idempotency
from stoppress.log.redis_keys import feed_keys, idem_key, webhook_keys
from stoppress.log.store import RedisStore
from tests.contract.store.news import AT, FEED, AnyStore, made, published, write
from tests.contract.store.servers import Server
from tests.waiting import until

pytestmark = pytest.mark.asyncio

HOOK = Webhook("h", "https://hooks.example.com/", "whsec_c2VjcmV0", "a")


async def test_a_webhook_begins_at_the_head(any_store: AnyStore) -> None:
    """Deleting its feed deletes it."""
    store = any_store
    with pytest.raises(NotFound):
        await store.webhooks("x")
    await made(store)
    head = (await store.write(write(published("p")))).cursor
    await store.add_webhook("x", HOOK)
    other = Webhook("i", HOOK.url, HOOK.secret, "b", ("post.updated",))
    await store.add_webhook("x", other)
    assert list(await store.webhooks("x")) == [HOOK, other]
    assert await store.webhook_cursor("x", "h") == head
    await store.put_webhook_cursor("x", "h", Cursor("k", 7))
    assert await store.webhook_cursor("x", "h") == Cursor("k", 7)
    assert list(await store.webhook_feeds()) == ["x"]
    assert await store.drop_webhook("x", "h")
    assert not await store.drop_webhook("x", "h")
    assert list(await store.webhooks("x")) == [other]
    await store.drop_feed("x", None, None)
    with pytest.raises(NotFound):
        await store.webhooks("x")
    await made(store)
    assert list(await store.webhooks("x")) == []


async def test_a_feed_is_forgotten_unless_a_webhook_was_added_since(
    any_store: AnyStore,
) -> None:
    """One that is not listed stays so; a later webhook lists it again."""
    store = any_store
    await made(store)
    await store.make_feed("y", FEED, AT, None)
    await store.add_webhook("x", HOOK)
    before_ms = now_ms() + 1
    await until(lambda: now_ms() > before_ms)
    await store.add_webhook("y", HOOK)
    await store.forget_webhook_feeds(["x", "y", "z"], before_ms)
    assert list(await store.webhook_feeds()) == ["y"]
    await store.add_webhook("x", Webhook("i", HOOK.url, HOOK.secret, "b"))
    await store.forget_webhook_feeds(["x"], before_ms)
    assert sorted(await store.webhook_feeds()) == ["x", "y"]


async def test_dead_letters_are_listed_per_feed(any_store: AnyStore) -> None:
    """The newest first."""
    await made(any_store)
    for n in range(3):
        letter = DeadLetter(f"e-{n}", "post.published", "no", 9)
        await any_store.add_dead_letter("x", "h", letter)
    found = await any_store.dead_letters("x", 2)
    assert [one.cursor for one in found] == ["e-2", "e-1"]
    assert list(await any_store.dead_letters("y", 2)) == []


async def test_a_dead_letter_is_queued_once(any_store: AnyStore) -> None:
    """It is queued until it is delivered, fails again, or its webhook is deleted."""
    store = any_store
    await made(store)
    await store.add_webhook("x", HOOK)
    for hook, n in (("h", 1), ("h", 2), ("h", 10), ("i", 1)):
        letter = DeadLetter(f"e-{n}", "post.published", "no", 9)
        await store.add_dead_letter("x", hook, letter)
    assert list(await store.resends("x", "h")) == []
    assert await store.queue_resends("x", "h", []) == 0
    assert await store.queue_resends("x", "h", ["h.e-10", "h.e-1", "i.e-1"]) == 3
    assert await store.queue_resends("x", "h", ["h.e-1", "h.e-2"]) == 1
    queued = await store.resends("x", "h")
    assert [one.id for one in queued] == ["h.e-1", "h.e-2", "h.e-10"]
    await store.drop_dead_letter("x", "h.e-1")
    again = DeadLetter("e-2", "post.published", "still no", 18)
    await store.add_dead_letter("x", "h", again)
    listed = [
        (one.id, one.webhook, one.reason, one.attempts, one.resending)
        for one in await store.dead_letters("x")
    ]
    assert listed == [
        ("h.e-2", "h", "still no", 18, False),
        ("i.e-1", "i", "no", 9, True),
        ("h.e-10", "h", "no", 9, True),
    ]
    assert await store.drop_webhook("x", "h")
    assert list(await store.resends("x", "h")) == []
    assert [one.id for one in await store.resends("x", "i")] == ["i.e-1"]
    await store.drop_feed("x", None, None)
    assert list(await store.dead_letters("x")) == []
    assert list(await store.resends("x", "i")) == []


async def test_a_queued_id_without_a_letter_is_dropped(store: RedisStore) -> None:
    """The letter was delivered or dropped between a request's read and its write."""
    await made(store)
    assert await store.queue_resends("x", "h", ["h.e-1"]) == 1
    assert list(await store.resends("x", "h")) == []
    assert await store.queue_resends("x", "h", ["h.e-1"]) == 1


async def test_dead_letters_of_earlier_releases_have_ids(
    store: RedisStore, server: Server
) -> None:
    """Their records contain none."""
    await made(store)
    record = (
        '{"cursor":"e-1","type":"post.published","reason":"no","attempts":9,'
        '"at":"2026-11-22T09:30:00.000Z","webhook":"h"}'
    )
    with server.client() as client:
        client.xadd(webhook_keys("x").dead, {"letter": record})
    assert [one.id for one in await store.dead_letters("x")] == ["h.e-1"]
    await store.drop_dead_letter("x", "h.e-1")
    assert list(await store.dead_letters("x")) == []


async def test_one_process_holds_a_webhook(store: RedisStore, server: Server) -> None:
    """Until its lease ends, or for as long as it renews it."""
    key = f"{webhook_keys('x').hooks}:h"
    assert await store.hold_webhook("x", "h", "a", 300)
    assert not await store.hold_webhook("x", "h", "b", 900)
    assert await store.hold_webhook("x", "i", "b", 300)
    with server.client() as client:
        assert 0 < client.pttl(key) <= 300_000
        assert await store.hold_webhook("x", "h", "a", 900)
        assert client.pttl(key) > 300_000
    assert not await store.hold_webhook("x", "h", "b", 300)
    assert await store.hold_webhook("x", "h", "a", 0.2)
    await until(lambda: store.hold_webhook("x", "h", "b", 300))


async def test_webhooks_of_a_deleted_feed_do_not_count(
    store: RedisStore, server: Server
) -> None:
    """An earlier release deletes a feed without its webhooks."""
    await made(store)
    await store.add_webhook("x", HOOK)
    with server.client() as client:
        client.delete(*feed_keys("x"))
        client.delete("stoppress:feeds")
    await made(store)
    assert list(await store.webhooks("x")) == []
    await store.add_webhook("x", Webhook("j", HOOK.url, HOOK.secret, "c"))
    assert [one.id for one in await store.webhooks("x")] == ["j"]
    with pytest.raises(NotFound):
        await store.webhook_cursor("x", "h")


async def test_a_key_makes_one_webhook(any_store: AnyStore) -> None:
    """Also at the same moment; none after it was deleted, except in a later feed."""
    key = Idempotency("me", "k", "f1")
    with pytest.raises(NotFound):
        await any_store.recall_webhook("x", key)
    with pytest.raises(NotFound):
        await any_store.add_webhook("x", HOOK, key)
    await made(any_store)
    assert await any_store.recall_webhook("x", key) is None
    assert list(await any_store.webhooks("x")) == []
    other = Webhook("i", HOOK.url, HOOK.secret, "b")
    one, two = await asyncio.gather(
        any_store.add_webhook("x", HOOK, key), any_store.add_webhook("x", other, key)
    )
    assert one == two == await any_store.recall_webhook("x", key)
    assert list(await any_store.webhooks("x")) == [one]
    with pytest.raises(IdempotencyKeyReused):
        await any_store.recall_webhook("x", key._replace(fingerprint="f2"))
    with pytest.raises(IdempotencyKeyReused):
        await any_store.add_webhook("x", other, key._replace(fingerprint="f2"))
    gone = key._replace(key="gone")
    assert await any_store.drop_webhook("x", one.id, gone)
    assert await any_store.drop_webhook("x", one.id, gone)
    assert not await any_store.drop_webhook("x", one.id)
    assert not await any_store.drop_webhook("x", "none", key._replace(key="none"))
    with pytest.raises(IdempotencyKeyReused):
        await any_store.drop_webhook("x", "i", gone._replace(fingerprint="f2"))
    with pytest.raises(DeletedSince):
        await any_store.add_webhook("x", other, key)
    assert list(await any_store.webhooks("x")) == []
    await any_store.drop_feed("x", None, None)
    await made(any_store)
    assert await any_store.add_webhook("x", other, key) == other


async def test_a_feed_has_a_limit_of_webhooks(any_store: AnyStore) -> None:
    """Also for requests at the same moment; a repeat of a key is none more."""
    store = any_store
    await made(store)
    hooks = [
        Webhook(f"{n:02}", HOOK.url, HOOK.secret, "a") for n in range(MAX_WEBHOOKS + 6)
    ]
    keys = [Idempotency("me", hook.id, "f1") for hook in hooks]
    adding = (store.add_webhook("x", *one) for one in zip(hooks, keys, strict=True))
    done = await asyncio.gather(*adding, return_exceptions=True)
    added = [one for one in done if isinstance(one, Webhook)]
    assert list(await store.webhooks("x")) == added
    assert len(added) == MAX_WEBHOOKS
    refused = [one for one in done if isinstance(one, OverflowError)]
    assert len(refused) == 6
    key = keys[hooks.index(added[0])]
    assert await store.add_webhook("x", HOOK, key) == added[0]
    await store.put_webhook_cursor("x", added[0].id, Cursor("k", 7))
    assert await store.drop_webhook("x", added[0].id)
    await store.put_webhook_cursor("x", added[0].id, Cursor("k", 8))
    assert await store.add_webhook("x", HOOK) == HOOK
    with pytest.raises(OverflowError):
        await store.add_webhook("x", Webhook("z", HOOK.url, HOOK.secret, "a"))
    await store.drop_feed("x", None, None)
    await made(store)
    assert await store.add_webhook("x", HOOK) == HOOK


async def test_the_idempotency_record_of_a_webhook_expires(
    store: RedisStore, server: Server
) -> None:
    """As those of the feed's posts do."""
    await made(store)
    key = Idempotency("me", "k", "f1")
    await store.add_webhook("x", HOOK, key)
    with server.client() as client:
        assert 0 < client.ttl(idem_key("x", key)) <= 24 * 3600


async def test_a_key_queues_resends_once(any_store: AnyStore) -> None:
    """A repeat gets the same number, also when all are sent by then."""
    await made(any_store)
    await any_store.add_webhook("x", HOOK)
    key = Idempotency("me", "k", "f1")
    letter = DeadLetter("e-1", "post.published", "no", 9)
    await any_store.add_dead_letter("x", "h", letter)
    assert await any_store.queue_resends("x", "h", ["h.e-1"], key) == 1
    await any_store.add_dead_letter("x", "h", letter)
    assert await any_store.queue_resends("x", "h", ["h.e-1"], key) == 1
    assert list(await any_store.resends("x", "h")) == []
    assert await any_store.value_under_key("x", key) == "1"
    with pytest.raises(IdempotencyKeyReused):
        await any_store.queue_resends("x", "h", [], key._replace(fingerprint="f2"))
