"""Snapshots: made once a cursor, never older than a write acknowledged here."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import NotFound, Unavailable
from stoppress.domain.store_requests_and_results import Snapshot
from stoppress.web import snapshot_cache as module
from stoppress.web.snapshot_cache import SnapshotCache
from tests.unit.web.desk_harness import DeskHarness, open_harness


async def read(harness: DeskHarness, feed: str = "quay") -> dict[str, Any]:
    """The snapshot over HTTP."""
    answer = await harness.public.get(f"/v1/feeds/{feed}")
    assert answer.status_code == 200, answer.text
    value: dict[str, Any] = answer.json()
    return value


@pytest.mark.asyncio
async def test_a_snapshot_is_made_once_a_cursor() -> None:
    """Any number of readers, in any number of turns, cost one read of the log."""
    async with open_harness() as harness:
        await harness.feed()
        await harness.post()
        harness.store.calls.clear()
        await asyncio.gather(*(read(harness) for _ in range(20)))
        await asyncio.gather(*(read(harness) for _ in range(20)))
        # One look whether the feed may be known, and one read.
        assert harness.store.calls == ["feed_body", "snapshot"]


@pytest.mark.asyncio
async def test_your_own_write_is_in_the_next_snapshot() -> None:
    """Though the line has not brought it yet."""
    async with open_harness() as harness:
        await harness.feed()
        await read(harness)
        harness.upstream.held = True
        made = (await harness.post()).json()
        assert (await read(harness))["cursor"] == made["cursor"]
        harness.store.calls.clear()
        await read(harness)
        assert harness.store.calls == []
        path = f"/v1/feeds/quay/posts/{made['post']['id']}"
        await harness.client.delete(path)
        assert (await read(harness))["posts"] == []


@pytest.mark.asyncio
async def test_a_read_that_began_before_a_write_does_not_answer_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A request after the write waits for a read of its own."""
    async with open_harness() as harness:
        await harness.feed()
        began, held = asyncio.Event(), asyncio.Event()
        real = harness.store.snapshot

        async def slow(feed: str, limit: int) -> Snapshot:
            found = await real(feed, limit)
            began.set()
            await held.wait()
            return found

        monkeypatch.setattr(harness.store, "snapshot", slow)
        early = asyncio.create_task(harness.services.snapshots.snapshot("quay"))
        await began.wait()
        harness.upstream.held = True
        await harness.post()
        late = asyncio.create_task(harness.services.snapshots.snapshot("quay"))
        await asyncio.sleep(0)
        held.set()
        assert len((await late).posts) == 1
        await early


@pytest.mark.asyncio
async def test_redis_away_memory_answers_with_its_age() -> None:
    """Continued by what came since; the age is a header."""
    async with open_harness() as harness:
        await harness.feed()
        await read(harness)
        await harness.post()
        harness.services.snapshots._entries["quay"].own_writes = 0
        harness.services.snapshots._entries["quay"].acknowledged = None
        harness.store.away = True
        answer = await harness.public.get("/v1/feeds/quay")
        assert answer.status_code == 200
        assert len(answer.json()["posts"]) == 1
        assert answer.headers["age"] == "0"
        # It is held as it is, and looked at again without another failed read.
        harness.fresh[0] = False
        again = await harness.public.get("/v1/feeds/quay")
        assert again.content == answer.content and "age" in again.headers
        harness.store.away = False


@pytest.mark.asyncio
async def test_redis_away_a_withdrawn_post_does_not_come_back() -> None:
    """Its withdrawal was acknowledged here, and memory does not know it: 503."""
    async with open_harness() as harness:
        await harness.feed()
        made = (await harness.post()).json()
        await read(harness)
        harness.upstream.held = True
        path = f"/v1/feeds/quay/posts/{made['post']['id']}"
        assert (await harness.client.delete(path)).status_code == 204
        harness.store.away = True
        answer = await harness.public.get("/v1/feeds/quay")
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        # As soon as the line brings it, memory can answer again.
        harness.upstream.lose("quay")
        answer = await harness.public.get("/v1/feeds/quay")
        assert answer.json()["posts"] == []


@pytest.mark.asyncio
async def test_redis_away_what_was_never_read_is_503() -> None:
    """There is nothing in memory; it is not 404."""
    async with open_harness() as harness:
        await harness.feed()
        harness.store.away = True
        assert (await harness.public.get("/v1/feeds/quay")).status_code == 503


@pytest.mark.asyncio
async def test_a_head_that_may_be_old_is_read_from_the_log() -> None:
    """A head that may be old proves nothing."""
    async with open_harness() as harness:
        await harness.feed()
        await read(harness)
        harness.upstream.held = True
        harness.fresh[0] = False
        # Written by another process: nobody notes it here.
        await harness.services.desk.posts.publish(
            "quay", b'{"headline":"x"}', Requester("me")
        )
        assert len((await read(harness))["posts"]) == 1


@pytest.mark.asyncio
async def test_a_hung_log_does_not_hold_readers_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a snapshot at hand, they wait for a moment; the next ones don't."""
    monkeypatch.setattr(module, "STALE_WAIT_S", 0.01)
    async with open_harness() as harness:
        await harness.feed()
        await read(harness)
        hung = asyncio.Event()

        async def hang(feed: str, limit: int) -> Snapshot:
            await hung.wait()
            raise Unavailable("late")

        monkeypatch.setattr(harness.store, "snapshot", hang)
        harness.fresh[0] = False
        answer = await harness.public.get("/v1/feeds/quay")
        assert answer.status_code == 200 and "age" in answer.headers
        hung.set()


@pytest.mark.asyncio
async def test_at_a_cursor_that_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for the log; here the post comes while it does."""
    monkeypatch.setattr(module, "AT_STEP_S", 0.001)
    async with open_harness() as harness:
        await harness.feed()
        snapshot = await read(harness)
        epoch = Cursor.parse(snapshot["cursor"]).epoch
        asked = asyncio.Event()
        real = harness.store.snapshot

        async def watched(feed: str, limit: int) -> Snapshot:
            asked.set()
            return await real(feed, limit)

        monkeypatch.setattr(harness.store, "snapshot", watched)
        waiting = asyncio.create_task(
            harness.public.get(f"/v1/feeds/quay?at={epoch}-1")
        )
        await asked.wait()
        await harness.post()
        answer = await waiting
        assert answer.status_code == 200
        assert answer.json()["cursor"] == f"{epoch}-1"
        later = await harness.public.get(f"/v1/feeds/quay?at={epoch}-0")
        assert later.json()["cursor"] == f"{epoch}-1"


@pytest.mark.asyncio
async def test_at_a_cursor_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with Retry-After: beyond the head after a wait, another epoch at once."""
    monkeypatch.setattr(module, "AT_WAIT_S", 0.0)
    async with open_harness() as harness:
        await harness.feed()
        epoch = Cursor.parse((await read(harness))["cursor"]).epoch
        for at in (f"{epoch}-99", "other-0"):
            answer = await harness.public.get(f"/v1/feeds/quay?at={at}")
            assert answer.status_code == 503, at
            assert "retry-after" in answer.headers
        answer = await harness.public.get("/v1/feeds/quay?at=nonsense")
        assert answer.status_code == 400
        assert "k3v9-120" in answer.json()["detail"]


@pytest.mark.asyncio
async def test_a_feed_deleted_and_made_again_is_another() -> None:
    """Nothing of the old one is shown."""
    async with open_harness() as harness:
        await harness.feed(title="Old")
        await harness.post()
        first = await read(harness)
        assert (await harness.client.delete("/v1/feeds/quay")).status_code == 204
        assert (await harness.public.get("/v1/feeds/quay")).status_code == 404
        await harness.feed(title="New")
        second = await read(harness)
        assert second["feed"]["title"] == "New" and second["posts"] == []
        assert second["cursor"].split("-")[0] != first["cursor"].split("-")[0]


@pytest.mark.asyncio
async def test_the_bytes_and_feeds_of_the_cache_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In bytes and in feeds; the least recently used goes first."""
    async with open_harness() as harness:
        for slug in ("a", "b", "c"):
            await harness.feed(slug)
        held: SnapshotCache = harness.services.snapshots
        size = (await held.snapshot("a")).size
        monkeypatch.setattr(module, "CACHED_SNAPSHOT_BYTES", size * 2 + 10)
        await held.snapshot("b")
        await held.snapshot("a")
        await held.snapshot("c")
        assert list(held._entries) == ["a", "c"]
        assert held._bytes == size * 2
        monkeypatch.setattr(module, "MAX_CACHED_FEEDS", 1)
        await held.snapshot("b")
        assert len(held._entries) <= 2
        for slug in ("a", "b", "c"):
            held.record_deletion(slug)
        assert held._bytes == 0


@pytest.mark.asyncio
async def test_a_hidden_feed_does_not_come_back_in_a_list() -> None:
    """Redis away, the list is from memory, unless we changed it since."""
    async with open_harness() as harness:
        await harness.feed("a")
        await harness.feed("b")
        listed = (await harness.public.get("/v1/feeds")).json()["feeds"]
        assert [feed["slug"] for feed in listed] == ["b", "a"]
        harness.store.away = True
        answer = await harness.public.get("/v1/feeds")
        assert answer.json()["feeds"] == listed and "age" in answer.headers
        harness.store.away = False
        await harness.client.patch("/v1/feeds/b", json={"visibility": "private"})
        harness.store.away = True
        assert (await harness.public.get("/v1/feeds")).status_code == 503


@pytest.mark.asyncio
async def test_visibility_is_that_of_now() -> None:
    """A feed made private here is hidden before the line says so."""
    async with open_harness() as harness:
        await harness.feed()
        await harness.public.get("/v1/feeds/quay/posts")
        harness.upstream.held = True
        await harness.client.patch("/v1/feeds/quay", json={"visibility": "private"})
        for path in ("/v1/feeds/quay", "/v1/feeds/quay/posts"):
            assert (await harness.public.get(path)).status_code == 404, path
        with pytest.raises(NotFound):
            await harness.services.snapshots.visibility("nowhere")
