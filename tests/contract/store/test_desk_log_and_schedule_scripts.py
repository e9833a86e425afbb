"""The scripts of desk logs: what they touch, and what they refuse before it."""

from __future__ import annotations

import pytest

from stoppress.domain.errors import Damaged, NotPermitted
from stoppress.log import desk_log_and_schedule_scripts
from stoppress.log.connect import reach
from stoppress.log.redis_user_rights import RULES
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.store.news import body, published, write
from tests.contract.store.redis_users import ON, address, allow, everything_kept
from tests.contract.store.servers import Server
from tests.contract.store.test_desk_log_schedule_and_presence_store import (
    LOG,
    draft,
    leaves,
    saved,
)
from tests.contract.store.test_redis_user_rights import _commands

SCRIPTS = {
    "open": desk_log_and_schedule_scripts._OPEN,
    "publish": desk_log_and_schedule_scripts._PUBLISH,
    "touch": desk_log_and_schedule_scripts._TOUCH,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_script_checks_every_right_it_needs(name: str) -> None:
    """Before it writes."""
    source = SCRIPTS[name].source
    called = _commands(source, rb"redis\.call")
    assert called - _commands(source, rb"need") <= {"INFO", "HMGET"}


@pytest.mark.asyncio
@pytest.mark.parametrize("command", ["XADD", "HSET", "SPUBLISH", "ZREM", "XREVRANGE"])
async def test_a_missing_right_is_reported_before_any_write(
    server: Server, settings: Settings, command: str
) -> None:
    """The outcome is known: nothing was written."""
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
async def test_a_damaged_desk_log_affects_nothing_else(
    store: RedisStore, server: Server, name: str
) -> None:
    """Its drafts can't be published; the feed is unchanged, and posts go on."""
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
    """Otherwise half of the publication would be written."""
    await saved(store, "d")
    with server.client() as client:
        client.xadd("stoppress:{x}:desk:log", {"type": "t"}, "99-0")
    window = await store.window("x")
    with pytest.raises(Damaged):
        await store.publish_draft(write(published("d")), leaves("d"))
    assert await store.window("x") == window
    with pytest.raises(Damaged):
        await store.write(write(draft("e"), feed=LOG))
