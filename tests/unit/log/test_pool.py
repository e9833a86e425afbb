"""A pool whose primary moves before anything was sent."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

import pytest
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from stoppress.log.pool import Pool
from stoppress.log.quorum_query import ServerAddress
from stoppress.log.redis_errors import SlotMoving
from tests.unit.log.scripted_redis import bulk, scripted

pytestmark = pytest.mark.asyncio


class Guide:
    """Names the primary."""

    def __init__(self, place: ServerAddress) -> None:
        self.place = place

    async def primary(self) -> ServerAddress:
        """As it was told."""
        return self.place

    async def aclose(self) -> None:
        """Nothing."""


async def _greet(connection: AbstractConnection) -> None:
    await connection.on_connect()
    await connection.send_command("GREET", check_health=False)
    await connection.read_response(disable_decoding=True)


async def test_a_call_that_was_connecting_goes_to_the_new_primary() -> None:
    """Nothing was sent to the former one, so the call need not fail."""
    greeted = asyncio.Event()

    async def former(command: list[str]) -> bytes | None:
        greeted.set()
        await asyncio.Event().wait()
        return None

    async def new(command: list[str]) -> bytes:
        return bulk(command[-1])

    async with scripted(former) as one, scripted(new) as other:
        guide = Guide(ServerAddress("127.0.0.1", one.port))
        connections = ConnectionPool.from_url(
            one.url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            redis_connect_func=_greet,
        )
        pool = Pool(connections, WeakKeyDictionary(), 60.0, guide)

        async def call() -> object:
            async with pool.borrow() as redis:
                return await redis.one("ECHO", "a")

        calling = asyncio.create_task(call())
        await greeted.wait()
        guide.place = ServerAddress("127.0.0.1", other.port)
        assert await call() == b"a"
        assert await calling == b"a"
        await pool.aclose()


async def test_a_call_to_a_server_without_slots_is_repeated_elsewhere() -> None:
    """Nothing was done: the slot has moved."""
    pool = Pool(ConnectionPool(), WeakKeyDictionary(), 60.0)
    await pool.quit("it has no slots any more")
    with pytest.raises(SlotMoving):
        async with pool.borrow():
            pass
