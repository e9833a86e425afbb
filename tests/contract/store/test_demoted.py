"""A server that is the primary no longer, though it answers, is not taken for one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio.connection import Connection
from redis.exceptions import ConnectionError

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Unavailable
from stoppress.log.follower import Follower
from stoppress.log.pool import Pool
from stoppress.log.pubsub_connection_without_reconnect import PubSubConnection
from stoppress.log.redis_errors import NotPrimary
from stoppress.log.store import RedisStore
from tests.contract.store.following import QUICK_S, up
from tests.contract.store.news import AT, FEED, published, write
from tests.contract.store.servers import ALWAYS, Server
from tests.contract.store.sinks import Recorder
from tests.ports import reserve_port
from tests.waiting import until

pytestmark = pytest.mark.asyncio


def demote(server: Server) -> None:
    """Make it a replica of nobody there; its connections stay as they are."""
    with server.client() as client:
        client.replicaof("127.0.0.1", "1")


def promote(server: Server) -> None:
    """Make it a primary again."""
    with server.client() as client:
        client.replicaof("NO", "ONE")


@pytest.mark.parametrize("probe_s", [QUICK_S])
async def test_a_quiet_subscription_to_a_replica_is_unhealthy(
    follower: Follower, store: RedisStore, server: Server, cursor: Cursor
) -> None:
    """Without writes, PING is answered and the connection stands: the probe fails."""
    sink = Recorder()
    await follower.open("x", sink)
    await up(follower)
    demote(server)
    await up(follower, healthy=False)
    assert sink.cursor == cursor
    with pytest.raises(Unavailable):
        await follower.head("x")
    promote(server)
    await up(follower)
    last = await store.write(write(published("p")))
    assert last.cursor.epoch != cursor.epoch  # who knows what the other one took
    await sink.at(last.cursor)


async def test_reads_from_a_replica_are_refused(
    store: RedisStore, server: Server, cursor: Cursor
) -> None:
    """It may be old; also on connections opened earlier."""
    await store.feed("x")
    demote(server)
    for _ in range(3):
        with pytest.raises(NotPrimary):
            await store.feed("x")
        with pytest.raises(NotPrimary):
            await store.heads(["nothing"])
        with pytest.raises(NotPrimary):
            await store.write(write(published("p")))
        with pytest.raises(NotPrimary):
            await store.make_feed("y", FEED, AT, None)
    with pytest.raises(NotPrimary):
        await store.post("x", "p")  # a plain command: no connection is left for it
    with server.client() as client:
        await until(lambda: len(client.client_list(_type="normal")) == 1)
    promote(server)
    assert (await store.feed("x")).body == FEED


async def test_a_call_in_progress_ends_when_the_primary_is_left(
    link: Pool, store: RedisStore, server: Server, cursor: Cursor
) -> None:
    """All connections lead to the same server: one READONLY answer closes them all."""
    await asyncio.gather(store.feed("x"), store.feed("x"))
    listener = await link.connect()
    listening = asyncio.create_task(listener.read_response())
    async with link.borrow() as waiting:
        demote(server)
        with pytest.raises(NotPrimary):
            await store.feed("x")
        with pytest.raises(ConnectionError):
            await waiting.one("PING")
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(60):
                await listening
    with server.client() as client:
        await until(lambda: len(client.client_list(_type="normal")) == 1)
        client.replicaof("NO", "ONE")


@pytest_asyncio.fixture
async def node(kind: str, tmp_path: Path) -> AsyncIterator[Server]:
    """A cluster of one."""
    server = Server(kind, tmp_path / "node", ALWAYS, reserve_port())
    server.start("--cluster-enabled", "yes", "--cluster-port", str(reserve_port()))
    with server.client() as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        await until(lambda: b"cluster_state:ok" in _info(client))
    yield server
    server.kill()


def _info(client: object) -> bytes:
    answer = client.execute_command("CLUSTER INFO")  # type: ignore[attr-defined]
    return b"\n".join(b"%b:%b" % (k.encode(), v.encode()) for k, v in answer.items())


async def test_a_subscription_that_redis_ends_is_ended(node: Server) -> None:
    """A slot that moves takes its channels along; the line stands, and hears nothing.

    What was given up by its own listener ends nothing.
    """
    received: list[bytes] = []
    connection = Connection(host="127.0.0.1", port=node.port, protocol=2)
    await connection.connect()  # type: ignore[no-untyped-call]
    line = PubSubConnection(
        connection, lambda _, message: received.append(message), 3.0
    )
    listening = asyncio.create_task(line.listen())
    await line.subscribe([b"{x}a"])
    await line.subscribe([b"{x}b"])
    await line.unsubscribe(b"{x}b")
    with node.client() as client:
        client.execute_command("SPUBLISH", "{x}a", "1")
        await until(lambda: received == [b"1"])
        slot = client.execute_command("CLUSTER", "KEYSLOT", "{x}a")
        client.execute_command("CLUSTER", "DELSLOTS", slot)
    with pytest.raises(Unavailable, match="ended a subscription"):
        async with asyncio.timeout(60):
            await listening
    await line.close()
