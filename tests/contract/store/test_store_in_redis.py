"""What the store in Redis keeps under which keys, for how long, and how much of it."""

from __future__ import annotations

import dataclasses

import pytest

from stoppress.log.pool import Pool
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.store.news import (
    AT,
    FEED,
    body,
    made,
    published,
    updated,
    withdrawn,
    write,
)
from tests.contract.store.servers import Server

pytestmark = pytest.mark.asyncio


async def test_only_revisions_hold_the_text_of_a_withdrawn_post(
    store: RedisStore, server: Server
) -> None:
    """Neither the log, nor the posts, nor idempotency records."""
    await made(store)
    secret = "a-text-to-be-gone"
    await store.write(write(published("p", secret, external_id="ext-1"), key="k"))
    await store.write(write(updated("p", 1, secret + "2")))
    await store.write(write(withdrawn("p", 2)))
    with server.client() as client:
        for key in client.scan_iter():
            is_private = key.endswith(b":revisions")
            assert (secret.encode() in client.dump(key)) is is_private, key


async def test_an_idempotency_record_lasts_a_day(
    store: RedisStore, server: Server
) -> None:
    """Then its key may be used again."""
    await made(store)
    await store.write(write(published("p"), key="k"))
    with server.client() as client:
        (record,) = client.scan_iter("*:idem:*")
        assert 86_000 < client.ttl(record) <= 86_400


async def test_a_dropped_feed_leaves_idempotency_records_and_its_audit(
    store: RedisStore, server: Server
) -> None:
    """The node's record stays too: it belongs to no feed."""
    await made(store)
    await store.write(write(published("p", external_id="e"), key="k"))
    await store.drop_feed("x", 1, None)
    with server.client() as client:
        left = [name for name in client.scan_iter() if b":idem:" not in name]
    audit = {b"stoppress:{x}:audit", b"stoppress:audit:feeds"}
    assert set(left) == {b"stoppress:node", *audit}


async def test_a_part_of_the_log_is_read_after_a_seq(store: RedisStore) -> None:
    """It is the rest of the window; beyond the head it is empty."""
    await made(store)
    for name in ("p", "q", "r"):
        await store.write(write(published(name)))
    window = await store.window("x")
    piece = await store.since("x", 1)
    assert piece.head == window.cursor
    assert piece.events == window.events[1:]
    assert (await store.since("x", 1, 1)).events == window.events[1:2]
    assert (await store.since("x", 3)).events == ()


async def test_a_window_is_bounded(link: Pool, settings: Settings) -> None:
    """By events, and by bytes as a ring counts them; it has no hole."""
    few = RedisStore(link, dataclasses.replace(settings, ring_events=600))
    await few.make_feed("x", FEED, AT, None)
    for i in range(1300):
        await few.write(write(published(f"p{i}")))
    window = await few.window("x")
    assert 600 <= len(window.events) < 1300
    seqs = [event.seq for event in window.events]
    assert seqs == list(range(window.first, 1301))
    small = RedisStore(link, dataclasses.replace(settings, ring_bytes=1 << 20))
    for i in range(60):
        await small.write(write(published(f"big{i}", "x" * 50_000)))
    window = await small.window("x")
    assert sum(len(event.body) for event in window.events) < (2 << 20) + 60_000
    assert window.cursor.seq == 1360
    assert window.events[-1].seq == 1360
    assert len(window.events) < 60


async def test_the_log_is_trimmed(link: Pool, settings: Settings) -> None:
    """About `log_events` stay; posts are not touched."""
    store = RedisStore(link, dataclasses.replace(settings, log_events=100))
    await store.make_feed("x", FEED, AT, None)
    for i in range(500):
        await store.write(write(published(f"p{i}")))
    window = await store.window("x")
    assert 100 <= len(window.events) <= 300
    assert await store.post("x", "p0") == body("p0")
