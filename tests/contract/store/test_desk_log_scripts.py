"""The scripts of desk logs: what they touch, and what they refuse before it."""

from __future__ import annotations

import pytest

from stoppress.domain.errors import Damaged, NotPermitted
from stoppress.log import desk_log_scripts
from stoppress.log.connect import reach
from stoppress.log.redis_user_rights import RULES
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.store.news import body, published, write
from tests.contract.store.servers import Server
from tests.contract.store.test_desk_log_store import LOG, draft, leaves, saved
from tests.contract.store.test_redis_user_rights import (
    ON,
    _commands,
    address,
    allow,
    everything_kept,
)

SCRIPTS = {
    "open": desk_log_scripts._OPEN,
    "publish": desk_log_scripts._PUBLISH,
    "touch": desk_log_scripts._TOUCH,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_asks_for_all_that_it_calls(name: str) -> None:
    """Before it writes."""
    source = SCRIPTS[name].source
    called = _commands(source, rb"redis\.call")
    assert called - _commands(source, rb"need") <= {"INFO", "HMGET"}


@pytest.mark.asyncio
@pytest.mark.parametrize("command", ["XADD", "HSET", "SPUBLISH", "ZREM", "XREVRANGE"])
async def test_a_right_taken_away_is_told_before_anything_is_written(
    server: Server, settings: Settings, command: str
) -> None:
    """The outcome is known: nothing."""
    allow(server, *ON, *RULES.split(" "))
    shards = await reach(address(server), settings)
    try:
        store = RedisStore(shards, settings)
        await saved(store, "d")
        allow(server, f"-{command.lower()}")
        before = everything_kept(server)
        with pytest.raises(NotPermitted):
            await store.publish_draft(write(published("d")), leaves("d"))
        assert everything_kept(server) == before
        allow(server, f"+{command.lower()}")
        done = await store.publish_draft(write(published("d")), leaves("d"))
        assert (done.cursor.seq, done.repeated) == (1, False)
    finally:
        await shards.aclose()


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["meta", "log", "posts", "order", "ext", "revisions"])
async def test_a_desk_log_that_is_damaged_hurts_nothing_else(
    store: RedisStore, server: Server, name: str
) -> None:
    """A draft there can't be published; the feed is as before, and posts go on."""
    await saved(store, "d")
    with server.client() as client:
        key = f"stoppress:{{x}}:desk:{name}"
        client.delete(key)
        client.rpush(key, "junk")
    window = await store.window("x")
    with pytest.raises(Damaged):
        await store.publish_draft(write(published("d")), leaves("d"))
    assert await store.window("x") == window
    await store.write(write(published("p")))
    assert await store.post("x", "p") == body("p")
    await store.drop_feed("x", None, None)
    with server.client() as client:
        assert not list(client.scan_iter("stoppress:{x}:desk:*"))


@pytest.mark.asyncio
async def test_a_log_ahead_of_its_meta_is_damaged(
    store: RedisStore, server: Server
) -> None:
    """Half of the publication would be written otherwise."""
    await saved(store, "d")
    with server.client() as client:
        client.xadd("stoppress:{x}:desk:log", {"type": "t"}, "99-0")
    window = await store.window("x")
    with pytest.raises(Damaged):
        await store.publish_draft(write(published("d")), leaves("d"))
    assert await store.window("x") == window
    with pytest.raises(Damaged):
        await store.write(write(draft("e"), feed=LOG))
