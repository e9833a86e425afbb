"""How long several servers are waited for that are asked at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from stoppress.log import quorum_query
from stoppress.log.quorum_query import ask, client
from tests.ports import reserve_port
from tests.unit.log.scripted_redis import ScriptedRedis, bulk, scripted
from tests.waiting import until

pytestmark = pytest.mark.asyncio

FOR_EVER_S = 3600.0


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quorum_query, "ASK_S", 0.01)


class Gate:
    """A server that answers once its gate is open."""

    def __init__(self) -> None:
        self.is_open = asyncio.Event()
        self.redis: ScriptedRedis

    async def answer(self, command: list[str]) -> bytes:
        await self.is_open.wait()
        return bulk(command[-1])


@asynccontextmanager
async def gates(number: int) -> AsyncIterator[list[Gate]]:
    """Some servers, each with a gate."""
    async with AsyncExitStack() as stack:
        made = [Gate() for _ in range(number)]
        for one in made:
            one.redis = await stack.enter_async_context(scripted(one.answer))
        try:
            yield made
        finally:
            for one in made:
                one.is_open.set()


async def asking(urls: Sequence[str], patience_s: float) -> tuple[list[Any], list[Any]]:
    """What the servers at these addresses answer."""
    clients = [client(url) for url in urls]

    async def echo(one: Redis) -> Any:
        return await one.echo("a")

    try:
        said, refusals = await ask(clients, echo, patience_s)
        return list(said), list(refusals)
    finally:
        for one in clients:
            await one.aclose()


async def all_asked(servers: Sequence[Gate]) -> None:
    """Each was asked, and longer ago than the shortest wait."""
    await until(lambda: all(one.redis.asked for one in servers))
    await asyncio.sleep(5 * quorum_query.ASK_S)


async def test_servers_that_are_busy_are_waited_for() -> None:
    """With patience, until one of them answers: they are asked only once."""
    async with gates(3) as servers:
        urls = [one.redis.url for one in servers]
        found = asyncio.create_task(asking(urls, FOR_EVER_S))
        await all_asked(servers)
        assert not found.done()
        servers[1].is_open.set()
        assert await found == ([b"a"], [])
        assert [len(one.redis.asked) for one in servers] == [1, 1, 1]


async def test_patience_ends() -> None:
    """Without any, after the shortest wait; with some, after that."""
    async with gates(2) as servers:
        for patience_s in (0.0, 0.05):
            assert await asking([one.redis.url for one in servers], patience_s) == (
                [],
                [],
            )


async def test_no_patience_with_the_rest_once_one_has_answered() -> None:
    """Though it is fewer than half."""
    async with gates(3) as servers:
        servers[2].is_open.set()
        urls = [one.redis.url for one in servers]
        assert await asking(urls, FOR_EVER_S) == ([b"a"], [])


async def test_a_server_that_refuses_connections_is_not_waited_for() -> None:
    """That nothing listens is known at once."""
    urls = [f"redis://127.0.0.1:{reserve_port()}" for _ in range(3)]
    assert await asking(urls, FOR_EVER_S) == ([], [])


async def test_more_than_half_are_enough() -> None:
    """The others are left."""
    async with gates(3) as servers:
        for one in servers[:2]:
            one.is_open.set()
        urls = [one.redis.url for one in servers]
        assert await asking(urls, FOR_EVER_S) == ([b"a", b"a"], [])
