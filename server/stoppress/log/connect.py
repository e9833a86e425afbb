"""The way to Redis: what its address says, and how each new connection is greeted.

The address is that of one server, of the Sentinels who know it (`sentinels.py`), or of
a cluster's servers (`cluster.py`). What does not fit (`server_checks.py`) is
refused at the start.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from weakref import WeakKeyDictionary

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    ClusterDownError,
    ConnectionError,
    MovedError,
    ResponseError,
)

from stoppress.domain.errors import Unavailable
from stoppress.log import sentinel
from stoppress.log.cluster import Cluster, seeds
from stoppress.log.commands import Command, Durability, Lives, LuaScript, new_epoch
from stoppress.log.pool import NotPrimary, Pool
from stoppress.log.quorum import ServerAddress
from stoppress.log.redis_keys import NODE
from stoppress.log.sentinel import Sentinels
from stoppress.log.server_checks import (
    CONFIG,
    UnfitServer,
    VolatileServer,
    check_memory,
    confirmation,
    facts_of,
    is_sure,
    pairs,
)
from stoppress.log.shards import Shards
from stoppress.settings import BadSetting, Settings

_NODE = LuaScript("primary", "node")
_ROLE = LuaScript("primary", "role")

Greet = Callable[[AbstractConnection], Awaitable[None]]


async def reach(url: str, settings: Settings) -> Shards:
    """The links to the store at `url`, one for each shard of a cluster, checked.

    Raises what `connect` does.
    """
    named = seeds(url)
    if not named:
        return await connect(url, settings)
    lives: Lives = WeakKeyDictionary()
    confirm = Durability()

    def link_to(place: ServerAddress) -> Pool:
        link = Pool(pool, lives, settings.redis_timeout_s, place=place)
        link.confirm = confirm
        return link

    try:
        pool = _pool(named[0], settings, partial(_greet, lives, in_cluster=True))
        cluster = Cluster(named, link_to, settings.redis_timeout_s)
    except ValueError as wrong:
        raise _unreadable(url, wrong) from None
    try:
        await cluster.learn()
        for link in cluster.links():
            async with link.talk() as talk:
                facts = await facts_of(talk)
            # Of one that is promoted later the same is expected.
            link.confirm = confirm = confirmation(facts, settings, in_cluster=True)
        if not cluster.links():
            raise Unavailable("no server of the cluster has any slots")
    except VolatileServer as wrong:
        await cluster.aclose()
        raise UnfitServer(str(wrong)) from None
    except BaseException:
        await cluster.aclose()
        raise
    return cluster


async def connect(url: str, settings: Settings) -> Pool:
    """A link to the Redis or Valkey at `url`, or to whom its Sentinels name, checked.

    Raises UnfitServer if it can't be used, BadSetting if `url` or `durability` can't be
    read, Unavailable if it is away.
    """
    lives: Lives = WeakKeyDictionary()
    try:
        address = sentinel.parse(url)
        servers = address.servers if address else url
        pool = _pool(servers, settings, partial(_greet, lives))
        guide = Sentinels(address) if address else None
    except ValueError as wrong:
        raise _unreadable(url, wrong) from None
    link = Pool(pool, lives, settings.redis_timeout_s, guide)
    try:
        async with link.talk() as talk:
            facts = await facts_of(talk)
        link.confirm = confirmation(facts, settings)
    except NotPrimary:
        await link.aclose()
        if guide is not None:
            raise  # another will be, soon
        raise UnfitServer(
            "this Redis is a replica; give the address of its primary"
        ) from None
    except VolatileServer as wrong:
        await link.aclose()
        raise UnfitServer(str(wrong)) from None
    except BaseException:
        await link.aclose()
        raise
    return link


def _pool(url: str, settings: Settings, greet: Greet) -> ConnectionPool:
    # Nothing is retried behind our back: a write may be sent once. RESP2, as RESP3
    # brings nothing we use, and redis-py more to say at each connect.
    return ConnectionPool.from_url(
        url,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=None,
        socket_connect_timeout=settings.redis_timeout_s,
        redis_connect_func=greet,
    )


def _unreadable(url: str, wrong: ValueError) -> BadSetting:
    return BadSetting(f"redis={url!r} is no address of a Redis: {wrong}")


async def _greet(
    lives: Lives, connection: AbstractConnection, *, in_cluster: bool = False
) -> None:
    """What happens on each new connection, before it is used."""
    if connection in lives:  # redis-py would make it again, wherever that leads
        raise ConnectionError("the connection to Redis was lost")
    await connection.on_connect()
    await connection.send_command("CONFIG", "GET", *CONFIG, check_health=False)
    config: dict[str, str] = {}
    with suppress(ResponseError):  # it may not be seen: then it is not sure
        config = pairs(await connection.read_response(disable_decoding=True))
    check_memory(config)
    sure = is_sure(config)
    # Keys move between the servers of a cluster: none has a line of descent.
    asked = ("EVAL", _ROLE.source, 0) if in_cluster else descent(sure=sure)
    await connection.send_command(*asked, check_health=False)
    life = b""
    with suppress(MovedError, ClusterDownError):  # a cluster is refused, but later
        life = await connection.read_response(disable_decoding=True)
    lives[connection] = (life.decode() or new_epoch()) if sure else ""


def descent(*, sure: bool, place: str = "") -> Command:
    """The command that tells of which line of descent a server's data are."""
    return ("EVAL", _NODE.source, 1, NODE, new_epoch(), "1" if sure else "0", place)
