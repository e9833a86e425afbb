"""A server without scripts, away, hanging or full: nothing is lost, and it is told."""

from __future__ import annotations

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Damaged, NotFound, Unavailable
from stoppress.domain.store_requests_and_results import Idempotency
from stoppress.log.pool import Pool
from stoppress.log.store import RedisStore
from tests.contract.store.news import body, made, published, write
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


async def test_away_is_unavailable_and_comes_back(
    store: RedisStore, server: Server
) -> None:
    """Killed: 503, at once. Started again: all that was written is there."""
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
    """After `redis_timeout_s`; the outcome is settled by the same key."""
    await made(store)
    link.timeout_s = 0.3
    server.freeze()
    with pytest.raises(Unavailable):
        await store.write(write(published("p"), key="k"))
    server.thaw()
    link.timeout_s = 3.0
    await store.write(write(published("p"), key="k"))
    assert (await store.feed("x")).cursor.seq == 1


async def test_a_write_that_fails_in_the_middle_does_not_half_happen(
    store: RedisStore, server: Server
) -> None:
    """A log that is ahead of meta (tampered with) refuses, and nothing is kept."""
    await made(store)
    with server.client() as client:
        client.xadd("stoppress:{x}:log", {"type": "t"}, id="9-0")
    with pytest.raises(Damaged):
        await store.write(write(published("p", external_id="e"), key="k"))
    with pytest.raises(NotFound):
        await store.post("x", "p")
    assert await store.recall("x", Idempotency("token-1", "k", "f1")) is None


async def test_a_full_server_is_unavailable(store: RedisStore, server: Server) -> None:
    """Out of memory: nothing is written, and all can be read."""
    await made(store)
    with server.client() as client:
        client.config_set("maxmemory", "1mb")
        with pytest.raises(Unavailable, match="memory"):
            await store.write(write(published("p")))
        assert (await store.feed("x")).cursor.seq == 0
        client.config_set("maxmemory", "0")
    await store.write(write(published("p")))
