"""What is answered 2xx is confirmed, by any process, and when it is repeated."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from stoppress.desk.desk import Desk
from stoppress.desk.feeds import read_new_feed
from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.domain.errors import ExternalIdTaken, Unavailable
from stoppress.domain.store_requests_and_results import Idempotency
from stoppress.log.connect import connect
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.store.news import FEED, IN_VAIN, published, write
from tests.contract.store.servers import Server
from tests.ports import reserve_port
from tests.waiting import until

pytestmark = pytest.mark.asyncio

NOBODY = Requester("token-1")
SOME = Settings(durability="replicas:1", redis_timeout_s=60.0)


class Pair(NamedTuple):
    """A primary and its replica, which hangs when it is told to."""

    primary: Server
    replica: Server

    @asynccontextmanager
    async def storing(self, *, in_vain: bool = False) -> AsyncIterator[RedisStore]:
        """A store over connections that have written nothing yet."""
        link = await connect(self.primary.url, SOME)
        if in_vain:
            link.confirm = IN_VAIN
        try:
            yield RedisStore(link, SOME)
        finally:
            await link.aclose()


@pytest_asyncio.fixture
async def pair(kind: str, tmp_path: Path) -> AsyncIterator[Pair]:
    """Both, with a feed that has a post, which both have."""
    first = Server(kind, tmp_path / "a", port=reserve_port())
    second = Server(kind, tmp_path / "b")
    try:
        first.start()
        second.start("--replicaof", "127.0.0.1", str(first.port))
        with first.client() as client:
            client.set("anything", "to be waited for")
            await until(lambda: client.wait(1, 100) == 1)
        yield Pair(first, second)
    finally:
        first.kill()
        second.kill()


async def unknown(pair: Pair, call: Callable[[RedisStore], Awaitable[object]]) -> None:
    """The outcome has to be called unknown."""
    async with pair.storing(in_vain=True) as store:
        with pytest.raises(Unavailable):
            await call(store)


async def test_a_repeated_write_waits_for_the_majority(pair: Pair) -> None:
    """While the replica hangs the outcome is unknown, on a new connection too."""
    asked = write(published("p"), key="k")
    key = asked.idempotency
    assert isinstance(key, Idempotency)
    async with pair.storing() as store:
        await store.make_feed("x", FEED, 0, None)
    pair.replica.freeze()
    for _ in range(2):
        await unknown(pair, lambda store: store.write(asked))
    await unknown(pair, lambda store: store.recall("x", key))
    pair.replica.thaw()
    async with pair.storing() as store:
        assert (await store.write(asked)).repeated


async def test_a_repeated_change_without_a_key_is_confirmed(pair: Pair) -> None:
    """An edit without change, a second withdrawal, an agency's repeat."""
    feed = json.dumps({"slug": "x", "title": "X"}).encode()
    async with pair.storing() as store:
        desk = Desk(store)
        await desk.feeds.make(read_new_feed(feed), NOBODY)
        draft = b'{"body": "one", "external_id": "wire-1"}'
        kept = await desk.posts.publish("x", draft, NOBODY)
        gone = await desk.posts.publish("x", b'{"body": "two"}', NOBODY)
    edit = b'{"body": "edited"}'
    title = b'{"title": "Y"}'
    pair.replica.freeze()
    for _ in range(2):
        # The first does it, and can't say so; the second finds it done.
        await unknown(
            pair,
            lambda store: Desk(store).posts.edit("x", kept.post, edit, None, NOBODY),
        )
        await unknown(
            pair, lambda store: Desk(store).posts.withdraw("x", gone.post, None, NOBODY)
        )
        await unknown(
            pair, lambda store: Desk(store).feeds.edit("x", title, None, NOBODY)
        )
    await unknown(pair, lambda store: Desk(store).posts.publish("x", draft, NOBODY))
    pair.replica.thaw()
    async with pair.storing() as store:
        desk = Desk(store)
        done = await desk.posts.edit("x", kept.post, edit, None, NOBODY)
        assert await desk.posts.withdraw("x", gone.post, None, NOBODY) is None
        assert (await desk.feeds.edit("x", title, None, NOBODY)).cursor == done.cursor
        assert done.cursor.seq == 5
        with pytest.raises(ExternalIdTaken):
            await desk.posts.publish("x", draft, NOBODY)
