"""Limits of several processes through one store."""

from __future__ import annotations

import pytest

from stoppress.domain.errors import Unavailable
from stoppress.guard.token_buckets import TokenBuckets
from stoppress.log.pool import Pool
from stoppress.log.shared_limits import SharedLimits, limit_key
from tests.contract.store.servers import Server

pytestmark = pytest.mark.asyncio


def process(link: Pool) -> tuple[TokenBuckets, SharedLimits]:
    """The buckets of one process, with 100 tokens and a rate of one per second."""
    buckets = TokenBuckets(1, 100, is_shared=True)
    return buckets, SharedLimits(link, {"caller": buckets})


def take_all(buckets: TokenBuckets, key: str) -> int:
    """Takes tokens until there are none; how many there were."""
    taken = 0
    while not buckets.take(key):
        taken += 1
    return taken


async def test_an_allowance_used_in_one_process_counts_in_all(link: Pool) -> None:
    """Also in one that starts later; each key has its own allowance."""
    (one, first), (two, second), (late, third) = (process(link) for _ in range(3))
    assert 100 <= take_all(one, "cms") <= 101
    await first.share()
    assert two.take("cms") == 0
    await second.share()
    assert two.take("cms") > 0
    assert two.take("other") == 0
    assert late.take("cms") == 0
    await third.share()
    assert late.take("cms") > 0
    await first.share()
    assert one.wait_s("cms") > 0.5


async def test_a_full_bucket_is_deleted(link: Pool) -> None:
    """A full bucket needs no record; Redis keys contain no address."""
    buckets, shared = process(link)
    buckets.take("192.0.2.1", 5)
    await shared.share()
    key = limit_key("caller", "192.0.2.1")
    async with link.borrow() as redis:
        assert 3000 < await redis.one("PTTL", key) <= 5000


async def test_without_the_store_each_process_limits_alone(
    link: Pool, server: Server
) -> None:
    """Tokens taken meanwhile are not shared later: they have refilled by then."""
    buckets, shared = process(link)
    buckets.take("cms")
    server.kill()
    with pytest.raises(Unavailable):
        await shared.share()
    assert take_all(buckets, "cms") in (99, 100)
