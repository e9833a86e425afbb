"""A server without scripts, away, hanging or full: nothing is lost, and it is told."""

from __future__ import annotations

import asyncio

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Damaged, NotFound, Unavailable
from stoppress.domain.store_requests_and_results import Idempotency, Written
from stoppress.log.pool import Pool
from stoppress.log.store import RedisStore
from tests.contract.store.news import AT, body, made, published, updated, write
from tests.contract.store.servers import Server

pytestmark = pytest.mark.asyncio


async def test_scripts_may_be_flushed_at_any_time(
    store: RedisStore, server: Server
) -> None:
    """A server that forgot the scripts is sent them again, and writes once."""
    await made(store)
    with server.client() as client:
        for i in range(3):
            client.script_flush()
            written = await store.write(write(published(f"p{i}")))
            assert written.cursor.seq == i + 1
            client.script_flush()
            assert await store.heads(["x", "y"]) == [written.cursor, None]
            client.script_flush()
            await store.snapshot("x", 20)


async def test_a_write_is_one_command(store: RedisStore, server: Server) -> None:
    """One EVALSHA; nothing beside it."""
    await made(store)
    await store.write(write(published("p0"), key="k0"))
    with server.client() as client:
        before = client.info("commandstats")
        await store.write(write(published("p"), key="k"))
        after = client.info("commandstats")
    calls = {
        name: after[name]["calls"] - before.get(name, {"calls": 0})["calls"]
        for name in after
    }
    assert calls["cmdstat_evalsha"] == 1
    assert not [
        name for name in ("cmdstat_eval", "cmdstat_config|get") if calls.get(name)
    ]


async def test_concurrent_writes_are_one_command_per_feed(
    store: RedisStore, server: Server
) -> None:
    """One EVALSHA for a feed's writes, with one update of the feed's record."""
    await made(store)
    await store.make_feed("y", b"{}", AT, None)
    await store.write(write(published("p0"), key="k0"))
    with server.client() as client:
        before = client.info("commandstats")
        done = await asyncio.gather(
            *(store.write(write(published(f"p{i}"), key=f"k{i}")) for i in range(1, 9)),
            store.write(write(published("q"), feed="y")),
        )
        after = client.info("commandstats")
    calls = {
        name: after[name]["calls"] - before.get(name, {"calls": 0})["calls"]
        for name in ("cmdstat_evalsha", "cmdstat_hmget", "cmdstat_info", "cmdstat_xadd")
    }
    assert calls == {
        **{"cmdstat_evalsha": 2, "cmdstat_hmget": 2, "cmdstat_info": 3},
        "cmdstat_xadd": 18,
    }
    assert [one.cursor.seq for one in done] == [*range(2, 10), 1]


async def test_damaged_data_fails_only_its_own_write(
    store: RedisStore, server: Server
) -> None:
    """A post without a revision, a record of another type: the others are written."""
    await made(store)
    await store.write(write(published("p"), key="k"))
    with server.client() as client:
        client.hset("stoppress:{x}:posts", "p", "junk")
        (record,) = client.scan_iter("*:idem:*")
        client.delete(record)
        client.hset(record, "a", "b")
    found = await asyncio.gather(
        store.write(write(published("a"))),
        store.write(write(updated("p", 1))),
        store.write(write(published("b"), key="k")),
        store.write(write(published("c"))),
        return_exceptions=True,
    )
    assert [type(one) for one in found] == [Written, Damaged, Damaged, Written]
    with server.client() as client:
        client.hset("stoppress:{x}:posts", "p", b"1 " + body("p"))
    window = await store.window("x")
    assert [event.seq for event in window.events] == [1, 2, 3]
    assert [event.subject.id for event in window.events] == ["p", "a", "c"]
    with pytest.raises(NotFound):
        await store.post("x", "b")


async def test_a_killed_server_is_unavailable_and_recovers(
    store: RedisStore, server: Server
) -> None:
    """503 at once; after a restart every write is there."""
    epoch = (await made(store)).epoch
    await store.write(write(published("p"), key="k"))
    server.kill()
    with pytest.raises(Unavailable):
        await store.write(write(published("q")))
    with pytest.raises(Unavailable):
        await store.feed("x")
    server.start()
    assert await store.post("x", "p") == body("p")
    again = await store.write(write(published("p"), key="k"))
    assert again.repeated
    assert again.cursor == Cursor(epoch, 1)


async def test_a_server_that_hangs_is_unavailable(
    store: RedisStore, server: Server, link: Pool
) -> None:
    """After `redis_timeout_s`; a repeat with the same key settles the outcome."""
    await made(store)
    link.timeout_s = 0.3
    server.freeze()
    with pytest.raises(Unavailable):
        await store.write(write(published("p"), key="k"))
    server.thaw()
    link.timeout_s = 3.0
    await store.write(write(published("p"), key="k"))
    assert (await store.feed("x")).cursor.seq == 1


async def test_a_write_is_never_half_done(store: RedisStore, server: Server) -> None:
    """A log ahead of its record (tampered with) refuses it whole."""
    await made(store)
    with server.client() as client:
        client.xadd("stoppress:{x}:log", {"type": "t"}, id="9-0")
    with pytest.raises(Damaged):
        await store.write(write(published("p", external_id="e"), key="k"))
    found = await asyncio.gather(
        store.write(write(published("q"))),
        store.write(write(published("r"))),
        return_exceptions=True,
    )
    assert [type(one) for one in found] == [Damaged, Damaged]
    for name in ("p", "q", "r"):
        with pytest.raises(NotFound):
            await store.post("x", name)
    assert await store.recall("x", Idempotency("token-1", "k", "f1")) is None


async def test_a_full_server_is_unavailable(store: RedisStore, server: Server) -> None:
    """Out of memory: nothing is written; reads work."""
    await made(store)
    with server.client() as client:
        client.config_set("maxmemory", "1mb")
        with pytest.raises(Unavailable, match="memory"):
            await store.write(write(published("p")))
        found = await asyncio.gather(
            *(store.write(write(published(name))) for name in "pq"),
            return_exceptions=True,
        )
        assert [type(one) for one in found] == [Unavailable, Unavailable]
        assert (await store.feed("x")).cursor.seq == 0
        client.config_set("maxmemory", "0")
    await store.write(write(published("p")))
