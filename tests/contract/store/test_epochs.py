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

LAX = Settings(durability="memory", redis_timeout_s=5.0)


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


async def test_survives_kill_9_under_appendfsync_always(
    kind: str, tmp_path: Path
) -> None:
    """One node that fsyncs every write has lost nothing: the log goes on."""
    async with running(Server(kind, tmp_path, ALWAYS)) as server:
        async with storing(server) as store:
            epoch = await filled(store)
            for seq in range(11, 14):
                await server.restart()
                written = await store.write(write(published(f"p{seq}")))
                assert written.cursor == (epoch, seq)
        assert len((await _window(server)).events) == 13


async def test_dies_with_a_tail_that_was_lost(kind: str, tmp_path: Path) -> None:
    """Save points, kill -9: what comes back is older, and says so by its epoch."""
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


async def test_dies_with_a_restart_that_may_have_lost_something(
    kind: str, tmp_path: Path
) -> None:
    """Under everysec nobody knows; a clean stop is not told from another."""
    async with running(Server(kind, tmp_path, EVERYSEC)) as server:
        async with storing(server) as store:
            epoch = await filled(store)
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
            written = await store.write(write(published("new")))
            assert written.cursor.epoch != epoch
            assert written.cursor.seq == 1


async def test_a_history_once_unsure_stays_unsure(kind: str, tmp_path: Path) -> None:
    """Fsync always, from now on, proves nothing of what was written before."""
    async with running(Server(kind, tmp_path, EVERYSEC)) as server:
        async with storing(server) as store:
            epoch = await filled(store)
        await server.restart(ALWAYS)
        async with storing(server) as store:
            second = (await store.feed("x")).cursor
            assert second.epoch != epoch
            await store.write(write(published("more")))
            await server.restart()
            # This one was sure from its first event on.
            assert (await store.feed("x")).cursor == (second.epoch, 1)


async def test_a_server_that_no_longer_fsyncs_is_found_out(
    kind: str, tmp_path: Path
) -> None:
    """One restart with other settings in between is enough."""
    async with running(Server(kind, tmp_path, ALWAYS)) as server:
        async with storing(server) as store:
            epoch = await filled(store)
            await server.restart(EVERYSEC)
            assert (await store.feed("x")).cursor.epoch != epoch


async def test_dies_when_a_replica_takes_over(kind: str, tmp_path: Path) -> None:
    """Also where both fsync always, and the copy had everything."""
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
async def test_a_copy_that_was_left_behind_is_not_believed(
    kind: str, tmp_path: Path, restart_first: bool
) -> None:
    """A feed sleeps while a copy is made, left behind, and then put in charge."""
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


async def test_a_primary_that_was_a_replica_meanwhile(
    kind: str, tmp_path: Path
) -> None:
    """On one and the same connection: it is promoted, and has lost what it wrote."""
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


async def test_fsync_turned_off_for_a_while(kind: str, tmp_path: Path) -> None:
    """What was written then may be lost, though now all is well."""
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


async def test_deleting_the_node_begins_all_epochs_anew(
    kind: str, tmp_path: Path
) -> None:
    """What an operator does who puts a back-up under an outside server."""
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
