"""A server is asked whether it fits, and the answer is one line."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from stoppress.domain.errors import Unavailable
from stoppress.log.connect import connect
from stoppress.log.pool import Pool
from stoppress.log.redis_server_checks import UnfitServer
from stoppress.log.store import RedisStore
from stoppress.settings import BadSetting, Settings
from tests.contract.store.news import AT, FEED, IN_VAIN, published, write
from tests.contract.store.servers import (
    ALWAYS,
    EVERYSEC,
    SAVE_POINTS,
    Server,
)
from tests.ports import reserve_port

pytestmark = pytest.mark.asyncio


async def refused(server: Server, settings: Settings) -> str:
    """Why the server is refused."""
    with pytest.raises(UnfitServer) as unfit:
        await connect(server.url, settings)
    assert "\n" not in str(unfit.value)
    return str(unfit.value)


async def test_a_server_that_fsyncs_is_accepted(link: Pool) -> None:
    """Writes then wait for its answer only."""
    assert link.confirm.sure
    assert link.confirm.command == ()


async def test_a_server_that_evicts_keys_is_refused(
    server: Server, settings: Settings
) -> None:
    """Only if its memory is bounded."""
    with server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        await (await connect(server.url, settings)).aclose()
        client.config_set("maxmemory", "100mb")
    assert "noeviction" in await refused(server, settings)


async def test_a_replica_is_refused(server: Server, settings: Settings) -> None:
    """Writes would fail there."""
    with server.client() as client:
        client.replicaof("127.0.0.1", "1")
    assert "primary" in await refused(server, settings)


async def test_a_cluster_is_refused(
    kind: str, tmp_path: Path, settings: Settings
) -> None:
    """The client speaks to one server."""
    server = Server(kind, tmp_path, ALWAYS, reserve_port())
    server.start("--cluster-enabled", "yes", "--cluster-port", str(reserve_port()))
    try:
        assert "cluster" in await refused(server, settings)
    finally:
        server.kill()


async def test_a_server_without_fsync_is_refused(
    kind: str, tmp_path: Path, settings: Settings
) -> None:
    """Unless the setting allows it."""
    server = Server(kind, tmp_path, SAVE_POINTS)
    server.start()
    try:
        assert "appendfsync always" in await refused(server, settings)
        lax = dataclasses.replace(settings, durability="memory")
        await (await connect(server.url, lax)).aclose()
    finally:
        server.kill()


async def test_everysec_needs_waitaof(
    kind: str, tmp_path: Path, settings: Settings
) -> None:
    """Valkey has it: each write waits for its fsync. Redis 7.0 lacks it."""
    server = Server(kind, tmp_path, EVERYSEC)
    server.start()
    try:
        if kind == "redis":
            assert "appendfsync always" in await refused(server, settings)
            return
        link = await connect(server.url, settings)
        assert link.confirm.command[0] == "WAITAOF"
        store = RedisStore(link, settings)
        await store.make_feed("x", FEED, AT, None)
        await store.write(write(published("p")))
        await server.restart()
        await store.post("x", "p")
        await link.aclose()
    finally:
        server.kill()


async def test_writes_wait_for_replicas(server: Server, settings: Settings) -> None:
    """Without any, the write happens, and its outcome is unknown."""
    some = dataclasses.replace(settings, durability="replicas:1")
    link = await connect(server.url, some)
    link.confirm = IN_VAIN
    store = RedisStore(link, some)
    with pytest.raises(Unavailable):
        await store.make_feed("x", FEED, AT, None)
    with pytest.raises(Unavailable):
        await store.write(write(published("p"), key="k"))
    # Repeating it does not make it safer: it is waited for again.
    with pytest.raises(Unavailable):
        await store.write(write(published("p"), key="k"))
    assert (await store.feed("x")).cursor.seq == 1
    await link.aclose()


async def test_hidden_redis_settings_cause_a_warning(
    server: Server, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """As on a managed Redis; the connection is accepted."""
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-config")
    lax = dataclasses.replace(settings, durability="memory")
    link = await connect(server.url, lax)
    assert "does not show its settings" in caplog.text
    store = RedisStore(link, lax)
    await store.make_feed("x", FEED, AT, None)
    assert (await store.write(write(published("p")))).cursor.seq == 1
    await link.aclose()


async def test_a_server_set_to_fsync_less_is_not_written_to(
    server: Server, store: RedisStore
) -> None:
    """It was restarted with other settings: its answers promise too little."""
    await store.make_feed("x", FEED, AT, None)
    await server.restart(EVERYSEC)
    with pytest.raises(Unavailable, match="appendfsync"):
        await store.write(write(published("p")))
    assert (await store.feed("x")).body == FEED


async def test_a_server_that_began_to_evict_is_refused(
    server: Server, store: RedisStore
) -> None:
    """After a restart or a promotion: it is neither read nor written."""
    await store.make_feed("x", FEED, AT, None)
    forgetful = ("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    await server.restart((*ALWAYS, *forgetful))
    with pytest.raises(Unavailable, match="noeviction"):
        await store.write(write(published("p")))
    with pytest.raises(Unavailable, match="noeviction"):
        await store.feed("x")
    await server.restart(ALWAYS)
    assert (await store.feed("x")).body == FEED


async def test_a_server_absent_at_the_start_is_unavailable(
    server: Server, settings: Settings
) -> None:
    """It may come later."""
    server.kill()
    with pytest.raises(Unavailable):
        await connect(server.url, settings)


@pytest.mark.parametrize(
    ("url", "durability"),
    [("http://x", "fsync"), ("redis://x:y/", "fsync")],
)
async def test_invalid_addresses_are_refused(url: str, durability: str) -> None:
    """One line that names the setting."""
    with pytest.raises(BadSetting, match="redis="):
        await connect(url, Settings(durability=durability))


@pytest.mark.parametrize("durability", ["always", "replicas:0", "replicas:x", ""])
async def test_invalid_durability_is_refused(server: Server, durability: str) -> None:
    """One line that gives a valid value."""
    with pytest.raises(BadSetting, match="replicas:N"):
        await connect(server.url, Settings(durability=durability))


@asynccontextmanager
async def _storing(server: Server, settings: Settings) -> AsyncIterator[RedisStore]:
    link = await connect(server.url, settings)
    try:
        yield RedisStore(link, settings)
    finally:
        await link.aclose()
