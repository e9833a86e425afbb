"""An epoch lives only as long as its history provably does: with real restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis import Redis

from stoppress.domain.errors import Unavailable
from stoppress.domain.store_requests_and_results import LogWindow
from stoppress.log.connect import connect
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.store.news import AT, FEED, body, published, write
from tests.contract.store.servers import (
    ALWAYS,
    EVERYSEC,
    SAVE_POINTS,
    Server,
)
from tests.ports import reserve_port
from tests.waiting import until

pytestmark = pytest.mark.asyncio

LAX = Settings(durability="memory", redis_timeout_s=60.0)


@asynccontextmanager
async def storing(
    server: Server, settings: Settings = LAX
) -> AsyncIterator[RedisStore]:
    """A store in the server, over a link of its own."""
    link = await connect(server.url, settings)
    try:
        yield RedisStore(link, settings)
    finally:
        await link.aclose()


@asynccontextmanager
async def running(server: Server) -> AsyncIterator[Server]:
    """The server, killed at the end."""
    try:
        server.start()
        yield server
    finally:
        server.kill()


async def filled(store: RedisStore) -> str:
    """The epoch of a feed that has ten events."""
    cursor = (await store.make_feed("x", FEED, AT, None)).cursor
    for i in range(10):
        await store.write(write(published(f"p{i}")))
    return cursor.epoch


async def test_the_epoch_survives_kill_9_under_appendfsync_always(
    kind: str, tmp_path: Path
) -> None:
    """A single node that fsyncs every write has lost nothing."""
    async with running(Server(kind, tmp_path, ALWAYS)) as server:
        async with storing(server) as store:
            epoch = await filled(store)
            for seq in range(11, 14):
                await server.restart()
                written = await store.write(write(published(f"p{seq}")))
                assert written.cursor == (epoch, seq)
        assert len((await _window(server)).events) == 13


async def test_a_lost_tail_begins_a_new_epoch(kind: str, tmp_path: Path) -> None:
    """Save points, kill -9: the data that returns is older, and the epoch tells."""
    async with running(Server(kind, tmp_path, SAVE_POINTS)) as server:
        async with storing(server) as store:
            epoch = await filled(store)
            with server.client() as client:
                client.save()
            for i in range(10, 30):
                await store.write(write(published(f"p{i}")))
            await server.restart()
            # A reading finds it out, before anybody writes.
            (head,) = await store.heads(["x"])
            assert head is not None
            assert head.epoch != epoch
            assert head.seq == 0
            assert (await store.window("x")).events == ()
            assert await store.post("x", "p9") == body("p9")
            written = await store.write(write(published("new")))
            assert written.cursor == (head.epoch, 1)


async def test_a_restart_under_everysec_begins_a_new_epoch(
    kind: str, tmp_path: Path
) -> None:
    """Writes may be lost; a clean stop can't be told from another."""
    async with running(Server(kind, tmp_path, EVERYSEC)) as server:
        async with storing(server) as store:
            epoch = await filled(store)
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
            written = await store.write(write(published("new")))
            assert written.cursor.epoch != epoch
            assert written.cursor.seq == 1


async def test_fsync_enabled_later_does_not_make_earlier_writes_safe(
    kind: str, tmp_path: Path
) -> None:
    """Fsync always, from now on, proves nothing about writes before it."""
    async with running(Server(kind, tmp_path, EVERYSEC)) as server:
        async with storing(server) as store:
            epoch = await filled(store)
        # Killed, it may lose all of it: it writes nothing while an fsync is under way.
        await asyncio.to_thread(server.stop)
        server.settings = ALWAYS
        await asyncio.to_thread(server.start)
        async with storing(server) as store:
            second = (await store.feed("x")).cursor
            assert second.epoch != epoch
            await store.write(write(published("more")))
            await server.restart()
            # This one was sure from its first event on.
            assert (await store.feed("x")).cursor == (second.epoch, 1)


async def test_a_restart_without_fsync_begins_a_new_epoch(
    kind: str, tmp_path: Path
) -> None:
    """One restart with other settings in between is enough."""
    async with running(Server(kind, tmp_path, ALWAYS)) as server:
        async with storing(server) as store:
            epoch = await filled(store)
            await server.restart(EVERYSEC)
            assert (await store.feed("x")).cursor.epoch != epoch


async def test_a_failover_begins_a_new_epoch(kind: str, tmp_path: Path) -> None:
    """Also if both fsync always and the replica had every write."""
    ports = [reserve_port(), reserve_port()]
    first = Server(kind, tmp_path / "a", ALWAYS, ports[0])
    second = Server(kind, tmp_path / "b", ALWAYS, ports[1])
    async with running(first), running(second):
        async with storing(first) as store:
            await filled(store)
            with second.client() as client:
                client.replicaof("127.0.0.1", str(ports[0]))
                await until(
                    lambda: client.info("replication")["master_link_status"] == "up"
                )
                # The first copy gives a primary a new id: that is an epoch too.
                epoch = (await store.feed("x")).cursor.epoch
                cursor = (await store.write(write(published("last")))).cursor
                assert cursor == (epoch, 1)
                await until(lambda: client.hexists("stoppress:{x}:posts", "last"))
                first.kill()
                client.replicaof("NO", "ONE")
        async with storing(second) as store:
            cursor = (await store.feed("x")).cursor
            assert cursor.epoch != epoch
            assert cursor.seq == 0
            assert await store.post("x", "last") == body("last")


async def _window(server: Server) -> LogWindow:
    async with storing(server) as store:
        return await store.window("x")


@pytest.mark.parametrize("restart_first", [False, True])
async def test_a_promoted_stale_replica_begins_a_new_epoch(
    kind: str, tmp_path: Path, restart_first: bool
) -> None:
    """A feed is idle while the replica is made, left behind and promoted."""
    first = Server(kind, tmp_path / "a", ALWAYS, reserve_port())
    second = Server(kind, tmp_path / "b", ALWAYS)
    async with running(first), running(second):
        async with storing(first) as store:
            epoch = await filled(store)
            await store.make_feed("other", FEED, AT, None)
            with second.client() as client:
                client.replicaof("127.0.0.1", str(first.port))
                await until(
                    lambda: client.info("replication")["master_link_status"] == "up"
                )
                client.replicaof("NO", "ONE")
                with first.client() as there:
                    await until(
                        lambda: there.info("replication")["connected_slaves"] == 0
                    )
            for i in range(10, 15):
                await store.write(write(published(f"p{i}")))
        first.kill()
        if restart_first:
            # Somebody asks the copy for another feed, before and after a restart.
            async with storing(second) as store:
                await store.feed("other")
            with second.client() as client:
                await until(lambda: _has_its_aof(client.info("persistence")))
            await second.restart()
            async with storing(second) as store:
                await store.feed("other")
        async with storing(second) as store:
            cursor = (await store.feed("x")).cursor
            assert cursor.epoch != epoch
            assert cursor.seq == 0


async def test_a_primary_demoted_and_promoted_begins_a_new_epoch(
    kind: str, tmp_path: Path
) -> None:
    """On the same connection: it lost the writes it had accepted."""
    first = Server(kind, tmp_path / "a", ALWAYS, reserve_port())
    second = Server(kind, tmp_path / "b", ALWAYS, reserve_port())
    async with running(first), running(second):
        with first.client() as one, second.client() as two:

            def synced(client: Redis) -> bool:
                return bool(client.info("replication")["master_link_status"] == "up")

            async with storing(first) as store:
                epoch = await filled(store)
                two.replicaof("127.0.0.1", str(first.port))
                await until(lambda: synced(two))
                two.replicaof("NO", "ONE")
                await until(lambda: one.info("replication")["connected_slaves"] == 0)
                one.replicaof("127.0.0.1", str(second.port))
                await until(lambda: synced(one))
                with pytest.raises(Unavailable):
                    await store.write(write(published("q")))
                one.replicaof("NO", "ONE")
                await until(lambda: two.info("replication")["connected_slaves"] == 0)
                assert (await store.feed("x")).cursor.epoch != epoch


async def test_fsync_turned_off_for_a_while_begins_a_new_epoch(
    kind: str, tmp_path: Path
) -> None:
    """Writes of that time may be lost, though fsync is on again."""
    async with running(Server(kind, tmp_path, ALWAYS)) as server:
        async with storing(server) as store:
            epoch = await filled(store)
        with server.client() as client:
            client.config_set("appendfsync", "everysec")
            async with storing(server) as store:
                await store.write(write(published("risky")))
            client.config_set("appendfsync", "always")
        await server.restart()
        async with storing(server) as store:
            assert (await store.feed("x")).cursor.epoch != epoch


async def test_deleting_the_node_record_begins_new_epochs(
    kind: str, tmp_path: Path
) -> None:
    """The documented step after restoring a backup of an external server."""
    async with running(Server(kind, tmp_path, ALWAYS)) as server:
        async with storing(server) as store:
            epoch = await filled(store)
        await server.restart()
        with server.client() as client:
            client.delete("stoppress:node")
        async with storing(server) as store:
            assert (await store.feed("x")).cursor.epoch != epoch


def _has_its_aof(info: dict[str, int]) -> bool:
    """A copy writes its AOF anew, and has none until that is done."""
    return not info["aof_rewrite_in_progress"] and not info["aof_rewrite_scheduled"]
