"""Counts of readers that processes leave for each other, in Valkey and in Redis."""

from __future__ import annotations

import pytest

from stoppress.domain.errors import Unavailable
from stoppress.hub.send_reader_counts import Census
from stoppress.log.pool import Pool
from stoppress.log.reader_census import RedisCensus
from stoppress.log.redis_keys import READERS
from tests.contract.store.servers import Server
from tests.waiting import until

pytestmark = pytest.mark.asyncio


async def test_each_process_gets_the_sum(link: Pool) -> None:
    """Each call reports its own readers; an empty one removes a process."""
    one: Census = RedisCensus(link)
    two: Census = RedisCensus(link)
    assert await one.count({"x": 3, "flood-2026": 1}, 60) == {"x": 3, "flood-2026": 1}
    assert await two.count({"x": 4}, 60) == {"x": 7, "flood-2026": 1}
    assert await one.count({"x": 2}, 60) == {"x": 6}
    assert await one.count({}, 60) == {"x": 4}
    assert await two.count({}, 60) == {}
    async with link.borrow() as redis:
        assert await redis.one("EXISTS", READERS) == 0


async def test_a_silent_process_is_dropped_after_its_lease(link: Pool) -> None:
    """Once its lease is over, by the server's clock."""
    dead, alive = RedisCensus(link), RedisCensus(link)
    await dead.count({"x": 100}, 0.2)
    assert (await alive.count({"x": 1}, 60))["x"] in (1, 101)

    async def is_forgotten() -> bool:
        """The lease is over."""
        return (await alive.count({"x": 1}, 60))["x"] == 1

    await until(is_forgotten)
    async with link.borrow() as redis:
        assert await redis.one("HLEN", READERS) == 1


async def test_thousands_of_feeds_are_one_round_trip(link: Pool) -> None:
    """As many as one process may have open."""
    census = RedisCensus(link)
    here = {f"feed-{number}": number for number in range(1, 10_001)}
    assert await census.count(here, 60) == here


async def test_an_absent_server_is_unavailable(link: Pool, server: Server) -> None:
    server.kill()
    with pytest.raises(Unavailable):
        await RedisCensus(link).count({"x": 1}, 60)
