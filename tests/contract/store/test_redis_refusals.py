"""If Redis refuses a write or a connection, nothing is kept and the reason is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from redis import Redis

from stoppress.domain.errors import Unavailable
from stoppress.domain.store_requests_and_results import (
    Idempotency,
)
from stoppress.log import (
    redis_user_rights,
)
from stoppress.log.connect import connect
from stoppress.log.redis_server_checks import UnfitServer
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.store.following import QUICK_S, Counts, following, up
from tests.contract.store.news import AT, FEED, body, published, write
from tests.contract.store.redis_users import (
    ON,
    address,
    allow,
    connected,
    everything_kept,
)
from tests.contract.store.servers import Server
from tests.contract.store.sinks import Recorder
from tests.waiting import until


@pytest.mark.asyncio
async def test_a_full_server_keeps_nothing_of_a_write(
    server: Server, store: RedisStore
) -> None:
    """maxmemory with noeviction: 503, and the key works once there is memory."""
    await store.make_feed("x", FEED, AT, None)
    await _refused_then_done(server, store, ("maxmemory", "1mb", "0"), "full")


@pytest.mark.asyncio
async def test_a_server_that_can_not_save_keeps_nothing_of_a_write(
    server: Server, store: RedisStore
) -> None:
    """stop-writes-on-bgsave-error, after a failed save."""
    await store.make_feed("x", FEED, AT, None)
    with server.client() as client:
        client.config_set("save", "3600 1000000")
        (server.folder / "dump.rdb").mkdir()
        client.bgsave()
        await until(
            lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err"
        )
    setting = ("stop-writes-on-bgsave-error", "yes", "no")
    await _refused_then_done(server, store, setting, "can't save")


@pytest.mark.asyncio
async def test_too_few_replicas_keep_nothing_of_a_write(
    server: Server, store: RedisStore
) -> None:
    """min-replicas-to-write."""
    await store.make_feed("x", FEED, AT, None)
    setting = ("min-replicas-to-write", "1", "0")
    await _refused_then_done(server, store, setting, "too few replicas")


async def _refused_then_done(
    server: Server, store: RedisStore, setting: tuple[str, str, str], why: str
) -> None:
    name, bad, good = setting
    asked = write(published("p", external_id="e"), pins=("", "p"), key="k")
    with server.client() as client:
        client.config_set(name, bad)
        before = everything_kept(server)
        for _ in range(2):
            with pytest.raises(Unavailable, match=why):
                await store.write(asked)
        with pytest.raises(Unavailable, match=why):
            await store.drop_feed("x", None, Idempotency("t", "d", "f"))
        assert everything_kept(server) == before
        client.config_set(name, good)
    assert (await store.write(asked)).cursor.seq == 1
    assert (await store.write(asked)).repeated


@pytest.mark.asyncio
async def test_a_replica_keeps_nothing_of_a_write(
    server: Server, store: RedisStore
) -> None:
    """READONLY: the server was demoted, and is promoted again."""
    await store.make_feed("x", FEED, AT, None)
    asked = write(published("p"), key="k")
    with server.client() as client:
        client.replicaof("127.0.0.1", "1")
        with pytest.raises(Unavailable, match="replica"):
            await store.write(asked)
        client.replicaof("NO", "ONE")
    done = await store.write(asked)
    assert (done.repeated, done.cursor.seq) == (False, 1)


@pytest.mark.asyncio
async def test_messages_of_another_database_are_ignored(
    server: Server, settings: Settings
) -> None:
    """Database 2 is a copy of 0; events published there stay there."""
    async with (
        connected(f"{server.url}?db=0", settings) as zero,
        connected(f"{server.url}?db=2", settings) as two,
    ):
        first, second = RedisStore(zero, settings), RedisStore(two, settings)
        await first.make_feed("x", FEED, AT, None)
        with server.client() as client:
            for key in client.scan_iter():
                assert client.copy(key, key, destination_db=2, replace=True)
        counts = Counts()
        async with (
            following(zero, first, counts) as follower,
            following(two, second, Counts()) as other,
        ):
            sink, copy = Recorder(), Recorder()
            await up(follower)
            await up(other)
            await follower.open("x", sink)
            await other.open("x", copy)
            there = await second.write(write(published("there")))
            await copy.at(there.cursor)
            here = await first.write(write(published("here")))
            await sink.at(here.cursor)
            assert [event.body for event in sink.events] == [body("here")]
            assert counts.how == []  # nothing was missed, and nothing else heard


@pytest.mark.asyncio
async def test_too_many_connections_are_reported_and_retried(
    server: Server, settings: Settings
) -> None:
    """The error names `maxclients`."""
    with server.client() as client:
        client.ping()
        client.config_set("maxclients", 1)
        with pytest.raises(Unavailable, match="raise its maxclients") as full:
            await connect(server.url, settings)
        assert not isinstance(full.value, UnfitServer)
        client.config_set("maxclients", 100)
    async with connected(server.url, settings):
        pass


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("account", "why"),
    [
        ("stoppress:wr0ng", "WRONGPASS"),
        ("stran%20ger:wr0ng", "WRONGPASS"),
        ("", "NOAUTH"),
    ],
)
async def test_a_wrong_password_is_refused(
    server: Server, settings: Settings, account: str, why: str
) -> None:
    """At the start; the message does not contain it."""
    allow(server, *ON, *redis_user_rights.RULES.split(" "))
    allow(server, "resetpass", ">other", user="default")
    try:
        with pytest.raises(UnfitServer, match=why) as unfit:
            await connect(f"unix://{account}@{server.socket}", settings)
        assert "wr0ng" not in str(unfit.value)
    finally:
        with Redis(unix_socket_path=str(server.socket), password="other") as client:
            client.execute_command("ACL", "SETUSER", "default", "nopass")


@pytest.mark.asyncio
async def test_an_absent_database_is_refused(
    server: Server, settings: Settings
) -> None:
    """The message names the number."""
    with pytest.raises(UnfitServer, match="database number"):
        await connect(f"{server.url}?db=99", settings)


@pytest.mark.asyncio
async def test_the_follower_logs_the_error_of_redis(
    server: Server, settings: Settings
) -> None:
    """For lost rights to channels, then to everything."""
    allow(server, *ON, *redis_user_rights.RULES.split(" "))
    async with connected(address(server), settings) as shards:
        store = RedisStore(shards, replace(settings, redis_timeout_s=1.0))
        async with following(shards, store, Counts(), QUICK_S) as follower:
            await up(follower)
            allow(server, "resetchannels")
            await until(lambda: "&stoppress:*" in follower.reason)
            allow(server, "&stoppress:*")
            await up(follower)
            server.kill()
            await up(follower, healthy=False)
            await until(lambda: "Redis is away" in follower.reason)
