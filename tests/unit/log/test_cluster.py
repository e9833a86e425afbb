"""Who has which slot, from what several servers say."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

import pytest
from redis.asyncio.connection import ConnectionPool
from redis.crc import key_slot

from stoppress.domain.errors import Unavailable
from stoppress.log import quorum_query
from stoppress.log.cluster import Cluster, ClusterShard, owners, seeds
from stoppress.log.pool import Pool
from stoppress.log.quorum_query import ServerAddress
from stoppress.log.redis_errors import NobodyAnswers, SlotMoving
from stoppress.log.shard_pools import followed
from tests.unit.log.scripted_redis import bulk, scripted

A, B, C = (ServerAddress("127.0.0.1", port) for port in (1, 2, 3))


def link_to(place: ServerAddress) -> Pool:
    """A pool that never connects."""
    return Pool(ConnectionPool(), WeakKeyDictionary(), 1.0, place=place)


def test_addresses() -> None:
    """Some servers; user, password and options are all of theirs."""
    assert seeds("redis://a:1/0") == ()
    assert seeds("redis+cluster://a:1") == ("redis://a:1",)
    assert seeds("rediss+cluster://u:p%40@a:1,[::1]:2?ssl_ca_certs=x") == (
        "rediss://u:p%40@a:1?ssl_ca_certs=x",
        "rediss://u:p%40@[::1]:2?ssl_ca_certs=x",
    )


def test_each_slot_has_a_server() -> None:
    """One slot, many, none."""
    slots = owners(
        [ClusterShard(1, A, ((0, 99),)), ClusterShard(2, B, ((100, 100), (102, 200)))]
    )
    assert slots[0] == slots[99] == A
    assert slots[100] == slots[102] == slots[200] == B
    assert slots[101] is slots[201] is None
    assert len(slots) == 1 << 14


def test_the_newest_counts() -> None:
    """Of a slot that two claim, and of what is said of one server."""
    moved = [
        ClusterShard(1, A, ((0, 99),)),
        ClusterShard(7, B, ((50, 50),)),
        ClusterShard(2, B, ()),
    ]
    for order in (moved, moved[::-1]):
        slots = owners(order)
        assert slots[49] == slots[51] == A
        assert slots[50] == B
    promoted = [ClusterShard(1, A, ((0, 99),)), ClusterShard(8, C, ((0, 99),))]
    for order in (promoted, promoted[::-1]):
        assert set(owners(order)) == {C, None}


def test_a_failed_one_has_nothing() -> None:
    """Some know it already, some do not."""
    said = [ClusterShard(1, A, ((0, 99),)), ClusterShard(1, A, ())]
    for order in (said, said[::-1]):
        assert set(owners(order)) == {None}


@pytest.mark.asyncio
async def test_a_server_that_lost_its_last_slot() -> None:
    """Its link is closed, all are told, and nobody looks for a name there for ever."""
    cluster = Cluster(("redis://127.0.0.1:1",), link_to, 1.0)
    await cluster._set(
        owners([ClusterShard(1, A, ((0, 16382),)), ClusterShard(2, B, ((16383,) * 2,))])
    )
    first, second = cluster.links()
    if cluster.of("{a}") is second:
        first, second = second, first
    name = cluster.name_at(second, "stoppress:probe:")
    assert key_slot(name.encode()) == 16383
    moved = cluster.moved
    await cluster._set(owners([ClusterShard(3, A, ((0, 16383),))]))
    assert moved.is_set()
    assert not cluster.moved.is_set()
    assert cluster.links() == (first,)
    assert cluster.of(name) is first
    with pytest.raises(Unavailable):
        cluster.name_at(second, "stoppress:probe:")
    # Nothing was done: the call is repeated where the keys are now.
    with pytest.raises(SlotMoving):
        await second.connect()
    await cluster.aclose()


@pytest.mark.asyncio
async def test_a_call_waits_until_a_server_has_its_slot() -> None:
    """A replica takes over, or a busy server was taken for failed, a moment later."""
    cluster = Cluster(("redis://127.0.0.1:1",), link_to, 60.0)
    await cluster._set(owners([ClusterShard(1, A, ((0, 99),))]))
    lost = next(f"{n}" for n in range(999) if key_slot(f"{n}".encode()) > 99)
    with pytest.raises(SlotMoving):
        cluster.of(lost)
    looks = 0

    async def learn() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            await cluster._set(owners([ClusterShard(2, A, ((0, 16383),))]))

    cluster.learn = learn  # type: ignore[method-assign]

    async def pool() -> Pool:
        return cluster.of(lost)

    assert await followed(cluster, pool) is cluster.links()[0]
    assert looks == 3
    await cluster.aclose()


@pytest.mark.asyncio
async def test_servers_that_answer_late_or_not_at_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The slots are learnt from them nevertheless; nobody is asked over and over."""
    monkeypatch.setattr(quorum_query, "ASK_S", 0.01)
    nodes = "{id} 127.0.0.1:7000@17000 master - 0 0 1 connected 0-16383\n"
    asked = 0

    async def answer(command: list[str]) -> bytes | None:
        nonlocal asked
        asked += 1
        if asked <= 2:
            return None  # each closes the connection, once
        await asyncio.sleep(5 * quorum_query.ASK_S)
        return bulk(nodes.format(id="a" * 40))

    async with scripted(answer) as first, scripted(answer) as second:
        cluster = Cluster((first.url, second.url), link_to, 3600.0)
        with pytest.raises(NobodyAnswers):
            await cluster.learn()
        await cluster.learn()
        assert cluster.of("x") is cluster.links()[0]
        assert {len(first.asked), len(second.asked)} == {2}
        await cluster.aclose()
