"""The pool is bounded, and no answer ever reaches somebody else's question."""

from __future__ import annotations

import asyncio
import random

import pytest

from stoppress.domain.errors import NotFound, Unavailable
from stoppress.log.pool import CONNECTIONS, Pool
from stoppress.log.pubsub_connection_without_reconnect import PubSubConnection
from stoppress.log.store import RedisStore
from tests.contract.store.news import AT, FEED, body, published, write
from tests.contract.store.servers import Server
from tests.waiting import until

pytestmark = pytest.mark.asyncio


async def test_cancelled_callers_leave_no_answer_behind(
    store: RedisStore, link: Pool, server: Server
) -> None:
    """Whenever they are cancelled: the next caller gets its own answer."""
    await store.make_feed("x", FEED, AT, None)
    names = [f"p{i}" for i in range(20)]
    for name in names:
        await store.write(write(published(name)))
    rng = random.Random(3)

    async def ask(name: str) -> None:
        assert await store.post("x", name) == body(name)

    for _ in range(30):
        tasks = [asyncio.create_task(ask(rng.choice(names))) for _ in range(50)]
        for _ in range(rng.randrange(12)):
            await asyncio.sleep(0)
        for task in rng.sample(tasks, 25):
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(
            one is None or isinstance(one, asyncio.CancelledError) for one in done
        )
    # And no permit was lost on the way.
    await asyncio.gather(*(ask(name) for name in names * 10))
    with server.client() as client:
        assert len(client.client_list(_type="normal")) <= CONNECTIONS + 1


async def test_a_burst_takes_a_bounded_number_of_connections(
    store: RedisStore, server: Server
) -> None:
    """The other calls queue."""
    await store.make_feed("x", FEED, AT, None)
    written = await asyncio.gather(
        *(store.write(write(published(f"p{i}"))) for i in range(500))
    )
    assert len({one.cursor.seq for one in written}) == 500
    with server.client() as client:
        assert len(client.client_list(_type="normal")) <= CONNECTIONS + 1


async def test_idle_connections_can_be_closed(
    store: RedisStore, link: Pool, server: Server
) -> None:
    """Those in use stay, and calls get new ones."""
    await store.make_feed("x", FEED, AT, None)
    await asyncio.gather(*(store.write(write(published(f"p{i}"))) for i in range(50)))
    with server.client() as client:

        def are_left(count: int) -> bool:
            others = client.client_list(_type="normal")
            return len(others) == count + 1

        async with link.borrow():
            await link.close_idle()
            await until(lambda: are_left(1))
        assert await store.post("x", "p7") == body("p7")
        assert are_left(1)


async def test_domain_errors_keep_the_connection(
    store: RedisStore, server: Server
) -> None:
    """A refused write is an answer like any other."""
    await store.make_feed("x", FEED, AT, None)
    with server.client() as client:
        before = client.info("stats")["total_connections_received"]
        for _ in range(10):
            with pytest.raises(NotFound):
                await store.feed("nothing")
        after = client.info("stats")["total_connections_received"]
    assert after == before


async def test_a_closed_pool_has_no_connection(
    store: RedisStore, link: Pool, server: Server
) -> None:
    """No connection is left open."""
    await store.feeds()
    await link.aclose()
    with pytest.raises(Unavailable):
        await store.feeds()
    with server.client() as client:
        await until(lambda: len(client.client_list()) == 1)


async def test_a_subscription_that_ended_stays_ended(
    link: Pool, server: Server
) -> None:
    """redis-py would reconnect on its own, without its channels."""
    received: list[bytes] = []
    line = PubSubConnection(
        await link.connect(), lambda channel, message: received.append(message), 3.0
    )
    listening = asyncio.create_task(line.listen())
    await line.subscribe([b"a", b"b"])
    with server.client() as client:
        client.execute_command("SPUBLISH", "a", "1")
        await until(lambda: received == [b"1"])
        client.client_kill_filter(_type="pubsub")
        with pytest.raises(Unavailable):
            await listening
        with pytest.raises(Unavailable):
            await line.subscribe([b"c"])
        with pytest.raises(Unavailable):
            await line.unsubscribe(b"a")
        await line.close()
        assert client.client_list(_type="pubsub") == []


async def test_a_pending_subscription_fails_with_its_connection(link: Pool) -> None:
    """The caller does not wait for an answer that can't come."""
    line = PubSubConnection(await link.connect(), lambda channel, message: None, 30.0)
    # Nobody listens, so the answer is never read.
    waiting = asyncio.create_task(line.subscribe([b"a"]))
    await asyncio.sleep(0)
    await line.close()
    with pytest.raises(Unavailable):
        await waiting
