"""Connects to Redis by its address, and sets up and checks each new connection.

The address names one server, the Sentinels that know it (`sentinel.py`), or servers of
a cluster (`cluster.py`). An address, a user or a server that can't be used is refused
at the start (`redis_address.py`, `redis_user_rights.py`, `redis_server_checks.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple
from weakref import WeakKeyDictionary

import redis
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import (
    ClusterDownError,
    ConnectionError,
    MovedError,
    NoPermissionError,
    ResponseError,
)

from stoppress.domain.errors import NotPermitted, Unavailable
from stoppress.log import redis_user_rights, sentinel
from stoppress.log.cluster import Cluster, seeds
from stoppress.log.pool import Pool
from stoppress.log.quorum_query import ServerAddress
from stoppress.log.redis_address import check_address, user_of
from stoppress.log.redis_commands_scripts_and_durability import (
    Command,
    Durability,
    Lives,
    LuaScript,
    RedisCommands,
    new_epoch,
)
from stoppress.log.redis_errors import LoginRefused, NotPrimary, WrongAddress
from stoppress.log.redis_keys import NODE
from stoppress.log.redis_server_checks import (
    CONFIG,
    UnfitServer,
    VolatileServer,
    check_memory,
    confirmation,
    facts_of,
    is_sure,
    pairs,
)
from stoppress.log.sentinel import Sentinels
from stoppress.log.shard_pools import Shards
from stoppress.settings import Settings

_NODE = LuaScript("require_primary", "read_data_lineage")
_ROLE = LuaScript("require_primary", "refuse_on_replica")

_TO_BE_CHANGED = (VolatileServer, NotPermitted, LoginRefused, WrongAddress)
"""Problems that last until an operator changes something: the start is refused."""

_DRIVER = DriverInfo(lib_version=redis.__version__)
"""What `CLIENT LIST` names. Left to itself redis-py reads its version from the disk for
each connection, for some milliseconds."""

Greet = Callable[[AbstractConnection], Awaitable[None]]


async def reach(url: str, settings: Settings) -> Shards:
    """The connection pools to the store at `url`, one per shard, checked.

    Raises what `connect` does.
    """
    check_address(url)
    named = seeds(url)
    if not named:
        return await connect(url, settings)
    asking = _Permissions.of(url, settings, redis_user_rights.CLUSTER_RULES)
    lives: Lives = WeakKeyDictionary()
    confirm = Durability()

    def link_to(place: ServerAddress) -> Pool:
        link = Pool(pool, lives, settings.redis_timeout_s, place=place)
        link.confirm = confirm
        return link

    greet = partial(_greet, lives, asking, in_cluster=True)
    pool = _pool(named[0], settings, greet)
    cluster = Cluster(named, link_to, settings.redis_timeout_s)
    try:
        await cluster.learn()
        for link in cluster.links():
            async with link.borrow() as redis:
                facts = await facts_of(redis)
                # A replica may be promoted later: it must allow the same.
                confirm = confirmation(facts, settings, in_cluster=True)
                await asking.of_confirmation(redis, confirm)
            link.confirm = confirm
        if not cluster.links():
            raise Unavailable("no server of the cluster has any slots")
    except _TO_BE_CHANGED as wrong:
        await cluster.aclose()
        raise UnfitServer(str(wrong)) from None
    except BaseException:
        await cluster.aclose()
        raise
    return cluster


async def connect(url: str, settings: Settings) -> Pool:
    """A checked pool to the Redis at `url`, or to the primary that Sentinels name.

    Raises UnfitServer if it can't be used, BadSetting if `url` or `durability` is
    invalid, Unavailable if it does not answer.
    """
    check_address(url)
    lives: Lives = WeakKeyDictionary()
    asking = _Permissions.of(url, settings, redis_user_rights.RULES)
    address = sentinel.parse(url)
    servers = address.servers if address else url
    pool = _pool(servers, settings, partial(_greet, lives, asking))
    guide = Sentinels(address, settings.redis_timeout_s) if address else None
    link = Pool(pool, lives, settings.redis_timeout_s, guide)
    try:
        async with link.borrow() as redis:
            facts = await facts_of(redis)
            confirm = confirmation(facts, settings)
            await asking.of_confirmation(redis, confirm)
        link.confirm = confirm
    except NotPrimary:
        await link.aclose()
        if guide is not None:
            raise  # another server is promoted soon
        raise UnfitServer(
            "this Redis is a replica: use the address of its primary"
        ) from None
    except _TO_BE_CHANGED as wrong:
        await link.aclose()
        raise UnfitServer(str(wrong)) from None
    except BaseException:
        await link.aclose()
        raise
    return link


def _pool(url: str, settings: Settings, greet: Greet) -> ConnectionPool:
    # redis-py must not retry: a write may be sent only once. RESP2: nothing here needs
    # RESP3, with which redis-py sends more at each connect.
    return ConnectionPool.from_url(
        url,
        protocol=2,
        driver_info=_DRIVER,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=None,
        socket_connect_timeout=settings.redis_timeout_s,
        redis_connect_func=greet,
    )


class _Permissions(NamedTuple):
    """The commands that a user must be allowed to call, and the rights for them."""

    user: str
    rules: str
    commands: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, url: str, settings: Settings, rules: str) -> _Permissions:
        """The permissions for the user in an address."""
        commands = redis_user_rights.COMMANDS
        if rules == redis_user_rights.CLUSTER_RULES:
            commands += (("CLUSTER", "NODES"),)
        if settings.durability.startswith("replicas:"):
            commands += (("WAIT", "1", "1"),)
        return cls(user_of(url), rules, commands)

    async def of_connection(self, connection: AbstractConnection) -> None:
        """Check all of them on a new connection. Raises NotPermitted."""
        question = redis_user_rights.question(self.commands)
        await connection.send_command(*question, check_health=False)
        try:
            missing = await connection.read_response(disable_decoding=True)
        except NoPermissionError:
            raise redis_user_rights.no_scripts(self.user, self.rules) from None
        except ResponseError as refused:
            if str(refused).startswith("unknown command"):
                raise redis_user_rights.renamed("EVAL") from None
            raise
        # Any other answer is not from a Redis: the next checks say what it is.
        if isinstance(missing, list):
            self._check(self.commands, missing)

    async def of_confirmation(self, redis: RedisCommands, confirm: Durability) -> None:
        """Check the command that writes wait for. Raises NotPermitted."""
        if confirm.command:
            commands = (tuple(str(part) for part in confirm.command),)
            missing = await redis.one(*redis_user_rights.question(commands))
            self._check(commands, missing)

    def _check(self, commands: tuple[tuple[str, ...], ...], missing: list[int]) -> None:
        lacking = redis_user_rights.lacking(commands, missing, self.user, self.rules)
        if lacking is not None:
            raise lacking


async def _greet(
    lives: Lives,
    asking: _Permissions,
    connection: AbstractConnection,
    *,
    in_cluster: bool = False,
) -> None:
    """Check a new connection, before it is used."""
    if connection in lives:  # redis-py would reconnect, perhaps to another server
        raise ConnectionError("the connection to Redis was lost")
    await connection.on_connect()
    await asking.of_connection(connection)
    await connection.send_command("CONFIG", "GET", *CONFIG, check_health=False)
    config: dict[str, str] = {}
    with suppress(ResponseError):  # hidden settings count as no fsync
        config = pairs(await connection.read_response(disable_decoding=True))
    check_memory(config)
    sure = is_sure(config)
    # Keys move between the servers of a cluster: no server has a data lineage.
    asked = ("EVAL", _ROLE.source, 0) if in_cluster else lineage_command(sure=sure)
    await connection.send_command(*asked, check_health=False)
    life = b""
    with suppress(MovedError, ClusterDownError):  # a cluster: refused later
        life = await connection.read_response(disable_decoding=True)
    lives[connection] = (life.decode() or new_epoch()) if sure else ""


def lineage_command(*, sure: bool, place: str = "") -> Command:
    """The command that returns the data lineage of a server."""
    return ("EVAL", _NODE.source, 1, NODE, new_epoch(), "1" if sure else "0", place)
