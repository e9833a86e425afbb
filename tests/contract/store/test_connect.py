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
from stoppress.log.server_checks import UnfitServer
from stoppress.log.store import RedisStore
from stoppress.settings import BadSetting, Settings
from tests.contract.store.news import AT, FEED, published, write
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


async def test_takes_a_server_that_fsyncs(link: Pool) -> None:
    """And then waits for nothing more than its answer."""
    assert link.confirm.sure
    assert link.confirm.command == ()


async def test_refuses_one_that_throws_data_away(
    server: Server, settings: Settings
) -> None:
    """Only where it would: with a bound on its memory."""
    with server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        await (await connect(server.url, settings)).aclose()
        client.config_set("maxmemory", "100mb")
    assert "noeviction" in await refused(server, settings)


async def test_refuses_a_replica(server: Server, settings: Settings) -> None:
    """Writes would fail there."""
    with server.client() as client:
        client.replicaof("127.0.0.1", "1")
    assert "primary" in await refused(server, settings)


async def test_refuses_a_cluster(kind: str, tmp_path: Path, settings: Settings) -> None:
    """The client speaks to one server."""
    server = Server(kind, tmp_path, ALWAYS, reserve_port())
    server.start("--cluster-enabled", "yes", "--cluster-port", str(reserve_port()))
    try:
        assert "cluster" in await refused(server, settings)
    finally:
        server.kill()


async def test_refuses_one_that_may_lose_what_it_confirmed(
    kind: str, tmp_path: Path, settings: Settings
) -> None:
    """Unless that was asked for."""
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
    """Valkey has it: each write waits for its fsync. Redis 7.0 has not."""
    server = Server(kind, tmp_path, EVERYSEC)
    server.start()
    try:
        if kind == "redis":
            assert "appendfsync always" in await refused(server, settings)
            return
        link = await connect(
            server.url, dataclasses.replace(settings, redis_timeout_s=9)
        )
        assert link.confirm.command[0] == "WAITAOF"
        store = RedisStore(link, settings)
        await store.make_feed("x", FEED, AT, None)
        await store.write(write(published("p")))
        await server.restart()
        await store.post("x", "p")
        await link.aclose()
    finally:
        server.kill()


async def test_replicas_are_waited_for(server: Server, settings: Settings) -> None:
    """None there: the write happened, and its outcome is called unknown."""
    some = dataclasses.replace(settings, durability="replicas:1", redis_timeout_s=1.0)
    link = await connect(server.url, some)
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


async def test_settings_that_may_not_be_seen(
    server: Server, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """A managed Redis hides them: a warning, and it goes on."""
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
    """It was restarted with other settings: what it confirms is no promise."""
    await store.make_feed("x", FEED, AT, None)
    await server.restart(EVERYSEC)
    with pytest.raises(Unavailable, match="appendfsync"):
        await store.write(write(published("p")))
    assert (await store.feed("x")).body == FEED


async def test_a_server_that_throws_data_away_now(
    server: Server, store: RedisStore
) -> None:
    """It was restarted, or another was promoted: nothing is kept or read there."""
    await store.make_feed("x", FEED, AT, None)
    forgetful = ("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    await server.restart((*ALWAYS, *forgetful))
    with pytest.raises(Unavailable, match="noeviction"):
        await store.write(write(published("p")))
    with pytest.raises(Unavailable, match="noeviction"):
        await store.feed("x")
    await server.restart(ALWAYS)
    assert (await store.feed("x")).body == FEED


async def test_away_at_the_start(server: Server, settings: Settings) -> None:
    """Unavailable: it may come."""
    server.kill()
    with pytest.raises(Unavailable):
        await connect(server.url, settings)


@pytest.mark.parametrize(
    ("url", "durability"),
    [("http://x", "fsync"), ("redis://x:y/", "fsync")],
)
async def test_addresses_that_can_t_be_read(url: str, durability: str) -> None:
    """One line that names the setting."""
    with pytest.raises(BadSetting, match="redis="):
        await connect(url, Settings(durability=durability))


@pytest.mark.parametrize("durability", ["always", "replicas:0", "replicas:x", ""])
async def test_durability_that_can_t_be_read(server: Server, durability: str) -> None:
    """One line that says what would do."""
    with pytest.raises(BadSetting, match="replicas:N"):
        await connect(server.url, Settings(durability=durability))


@asynccontextmanager
async def _storing(server: Server, settings: Settings) -> AsyncIterator[RedisStore]:
    link = await connect(server.url, settings)
    try:
        yield RedisStore(link, settings)
    finally:
        await link.aclose()
