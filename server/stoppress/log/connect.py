"""The way to Redis: what its address says, and how each new connection is greeted.

The address is that of one server, of the Sentinels who know it (`sentinels.py`), or of
a cluster's servers (`cluster.py`). What does not fit (`redis_address.py`,
`permissions.py`, `server_checks.py`) is refused at the start.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple
from weakref import WeakKeyDictionary

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    ClusterDownError,
    ConnectionError,
    MovedError,
    NoPermissionError,
    ResponseError,
)

from stoppress.domain.errors import NotPermitted, Unavailable
from stoppress.log import permissions, sentinel
from stoppress.log.cluster import Cluster, seeds
from stoppress.log.pool import Pool
from stoppress.log.quorum import ServerAddress
from stoppress.log.redis_address import check_address, user_of
from stoppress.log.redis_commands import (
    Command,
    Durability,
    Lives,
    LuaScript,
    RedisCommands,
    new_epoch,
)
from stoppress.log.redis_errors import LoginRefused, NotPrimary, WrongAddress
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
from stoppress.settings import Settings

_NODE = LuaScript("require_primary", "data_lineage")
_ROLE = LuaScript("require_primary", "read_role")

_TO_BE_CHANGED = (VolatileServer, NotPermitted, LoginRefused, WrongAddress)
"""What stays as it is until somebody changes it: the start is refused."""

Greet = Callable[[AbstractConnection], Awaitable[None]]


async def reach(url: str, settings: Settings) -> Shards:
    """The links to the store at `url`, one for each shard of a cluster, checked.

    Raises what `connect` does.
    """
    check_address(url)
    named = seeds(url)
    if not named:
        return await connect(url, settings)
    asking = _Permissions.of(url, settings, permissions.CLUSTER_RULES)
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
            async with link.talk() as talk:
                facts = await facts_of(talk)
                # Of one that is promoted later the same is expected.
                confirm = confirmation(facts, settings, in_cluster=True)
                await asking.of_confirmation(talk, confirm)
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
    """A link to the Redis or Valkey at `url`, or to whom its Sentinels name, checked.

    Raises UnfitServer if it can't be used, BadSetting if `url` or `durability` can't be
    read, Unavailable if it is away.
    """
    check_address(url)
    lives: Lives = WeakKeyDictionary()
    asking = _Permissions.of(url, settings, permissions.RULES)
    address = sentinel.parse(url)
    servers = address.servers if address else url
    pool = _pool(servers, settings, partial(_greet, lives, asking))
    guide = Sentinels(address) if address else None
    link = Pool(pool, lives, settings.redis_timeout_s, guide)
    try:
        async with link.talk() as talk:
            facts = await facts_of(talk)
            confirm = confirmation(facts, settings)
            await asking.of_confirmation(talk, confirm)
        link.confirm = confirm
    except NotPrimary:
        await link.aclose()
        if guide is not None:
            raise  # another will be, soon
        raise UnfitServer(
            "this Redis is a replica; give the address of its primary"
        ) from None
    except _TO_BE_CHANGED as wrong:
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


class _Permissions(NamedTuple):
    """What a user is asked for, and the rights that it should have."""

    user: str
    rules: str
    commands: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, url: str, settings: Settings, rules: str) -> _Permissions:
        """Of the user in an address."""
        commands = permissions.COMMANDS
        if rules == permissions.CLUSTER_RULES:
            commands += (("CLUSTER", "NODES"),)
        if settings.durability.startswith("replicas:"):
            commands += (("WAIT", "1", "1"),)
        return cls(user_of(url), rules, commands)

    async def of_connection(self, connection: AbstractConnection) -> None:
        """Ask for all of them. Raises NotPermitted."""
        question = permissions.question(self.commands)
        await connection.send_command(*question, check_health=False)
        try:
            missing = await connection.read_response(disable_decoding=True)
        except NoPermissionError:
            raise permissions.no_scripts(self.user, self.rules) from None
        except ResponseError as refused:
            if str(refused).startswith("unknown command"):
                raise permissions.renamed("EVAL") from None
            raise
        # Another answer is no Redis': the checks that follow say what it is.
        if isinstance(missing, list):
            self._check(self.commands, missing)

    async def of_confirmation(self, talk: RedisCommands, confirm: Durability) -> None:
        """Ask for what writes wait for. Raises NotPermitted."""
        if confirm.command:
            commands = (tuple(str(part) for part in confirm.command),)
            missing = await talk.one(*permissions.question(commands))
            self._check(commands, missing)

    def _check(self, commands: tuple[tuple[str, ...], ...], missing: list[int]) -> None:
        lacking = permissions.lacking(commands, missing, self.user, self.rules)
        if lacking is not None:
            raise lacking


async def _greet(
    lives: Lives,
    asking: _Permissions,
    connection: AbstractConnection,
    *,
    in_cluster: bool = False,
) -> None:
    """What happens on each new connection, before it is used."""
    if connection in lives:  # redis-py would make it again, wherever that leads
        raise ConnectionError("the connection to Redis was lost")
    await connection.on_connect()
    await asking.of_connection(connection)
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
