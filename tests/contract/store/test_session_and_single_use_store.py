"""Sessions, and what counts once, in memory, Valkey and Redis alike."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from stoppress.domain.errors import Unavailable
from stoppress.identity.session_and_single_use_store_protocol import SessionStore
from stoppress.log.connect import connect
from stoppress.log.pool import Pool
from stoppress.log.redis_keys import ONCE, SESSION
from stoppress.log.session_and_single_use_store import RedisSessionStore
from stoppress.settings import Settings
from tests.contract.store.servers import Server
from tests.memory_sessions import MemorySessionStore

pytestmark = pytest.mark.asyncio

ANNA = "https://id.example/realms/news anna"
"""An id that is no Redis key as it is."""


@pytest_asyncio.fixture(params=["memory", "valkey", "redis"])
async def sessions(
    request: pytest.FixtureRequest, tmp_path: Path, settings: Settings
) -> AsyncIterator[SessionStore]:
    """A store of sessions."""
    if request.param == "memory":
        yield MemorySessionStore()
        return
    server = Server(request.param, tmp_path / "server")
    server.start()
    link = await connect(server.url, settings)
    yield RedisSessionStore(link)
    await link.aclose()
    server.kill()


async def test_a_session_is_kept_listed_and_ended(sessions: SessionStore) -> None:
    """Listed under its owner only; touching an ended session does not revive it."""
    await sessions.put_session(ANNA, "a", b"1", 60, 100)
    await sessions.put_session(ANNA, "b", b"2", 60, 100)
    await sessions.put_session("ben", "c", b"3", 60, 100)
    assert await sessions.sessions(["b", "x", "a"]) == [b"2", None, b"1"]
    assert sorted(await sessions.session_names(ANNA)) == ["a", "b"]
    now_ms = int(time.time() * 1000)
    assert await sessions.session_names(ANNA, now_ms - 60_000) == []
    assert sorted(await sessions.session_names(ANNA, now_ms + 60_000)) == ["a", "b"]
    assert await sessions.touch_session("a", b"4", 60)
    assert await sessions.drop_sessions(ANNA, ["a", "x"]) == 1
    assert not await sessions.touch_session("a", b"5", 60)
    assert await sessions.sessions(["a"]) == [None]
    assert await sessions.session_names(ANNA) == ["b"]
    assert await sessions.drop_sessions(ANNA, []) == 0
    assert await sessions.session_names("nobody") == []


async def test_a_single_use_name_counts_once(sessions: SessionStore) -> None:
    """Taken or claimed."""
    await sessions.put_once("code", 60)
    assert await sessions.take_once("code")
    assert not await sessions.take_once("code")
    assert await sessions.claim_once("state", 60)
    assert not await sessions.claim_once("state", 60)


async def test_sessions_expire_completely(link: Pool) -> None:
    """Redis keeps nothing of expired sessions."""
    sessions = RedisSessionStore(link)
    await sessions.put_session(ANNA, "a", b"1", 60, 100)
    await sessions.put_once("code", 70)
    await sessions.claim_once("state", 80)
    async with link.borrow() as redis:
        keys = await redis.one("KEYS", "stoppress:*")
        times = {key.decode(): await redis.one("TTL", key) for key in keys}
    assert times.pop(SESSION + "a") in (59, 60)
    assert times.pop(ONCE + "code") in (69, 70)
    assert times.pop(ONCE + "state") in (79, 80)
    ours = {key: left for key, left in times.items() if "session" in key}
    assert [left in (99, 100) for left in ours.values()] == [True]


async def test_an_absent_server_is_unavailable(link: Pool, server: Server) -> None:
    """As with every call of a store."""
    server.kill()
    with pytest.raises(Unavailable):
        await RedisSessionStore(link).sessions(["a"])


async def test_the_secret_of_texts_is_created_once(sessions: SessionStore) -> None:
    """The first process creates it; the others read it."""
    assert await sessions.text_secret(b"a" * 32) == b"a" * 32
    assert await sessions.text_secret(b"b" * 32) == b"a" * 32
