"""The way to Redis: what is asked of a server before it is trusted with the news.

The address is that of one server, or of the Sentinels who know it (`sentinels.py`).

Rules: Redis 7.0 or newer, or Valkey; a primary; not a cluster; a memory policy that
never throws data away; and for `durability=fsync` a server that can do it. Whatever
does not fit is one line that says what to do. A managed Redis may refuse to show
its settings: that is a warning, and what can't be seen counts as not so.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple
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

from stoppress.log import sentinels
from stoppress.log.keys import NODE
from stoppress.log.link import Link, NotPrimary, unavailable
from stoppress.log.sentinels import Sentinels
from stoppress.log.talk import Command, Confirm, Lives, Script, Talk, new_epoch
from stoppress.settings import BadSetting, Settings

OLDEST = (7, 0)
WAITAOF_SINCE = (7, 2)
_CONFIG = ("appendonly", "appendfsync", "no-appendfsync-on-rewrite")
_MEMORY = ("maxmemory", "maxmemory-policy")

_NODE = Script("primary", "node")

log = logging.getLogger(__name__)


class Unfit(BadSetting):
    """This Redis can't be used: why, and what would do."""


class Facts(NamedTuple):
    """What a server says of itself. `config` is empty where it may not be seen."""

    version: tuple[int, ...]
    is_valkey: bool
    is_cluster: bool
    has_aof: bool
    config: dict[str, str]

    @property
    def is_sure(self) -> bool:
        """Whether it fsyncs every write before it answers."""
        return is_sure(self.config)


def is_sure(config: dict[str, str]) -> bool:
    """Whether a server with these settings fsyncs every write before it answers."""
    return (
        config.get("appendonly") == "yes"
        and config.get("appendfsync") == "always"
        and config.get("no-appendfsync-on-rewrite") == "no"
    )


def confirmation(facts: Facts, settings: Settings) -> Confirm:
    """What writes wait for. Raises Unfit, also where the server doesn't fit at all."""
    _check(facts)
    # Twice within the time of a call: a script that is not known yet is sent twice.
    wait_ms = int(settings.redis_timeout * 400)
    wanted = settings.durability
    if wanted == "memory":
        return Confirm()
    if wanted == "fsync":
        if facts.is_sure:
            return Confirm(sure=True)
        if facts.has_aof and facts.version >= WAITAOF_SINCE:
            return Confirm(("WAITAOF", 1, 0, wait_ms), 1)
        if facts.config or not facts.has_aof:
            raise Unfit(
                "this Redis may lose writes it has confirmed; set `appendonly yes` and "
                "`appendfsync always` there, or durability=memory (or replicas:N) here"
            )
        log.warning("Redis hides its settings; whether it fsyncs writes is unknown")
        return Confirm()
    kind, _, count = wanted.partition(":")
    if kind != "replicas" or not count.isdecimal() or int(count) < 1:
        raise BadSetting(
            f"durability={wanted!r} can't be: it is memory, fsync, or replicas:N"
        )
    return Confirm(("WAIT", int(count), wait_ms), int(count))


def _check(facts: Facts) -> None:
    version = ".".join(map(str, facts.version))
    if facts.version < OLDEST and not facts.is_valkey:
        raise Unfit(f"Redis {version} is too old; 7.0 or newer is needed, or Valkey")
    if facts.is_cluster:
        raise Unfit("this Redis is a cluster; give the address of a single primary")
    policy = facts.config.get("maxmemory-policy", "noeviction")
    if facts.config.get("maxmemory", "0") != "0" and policy != "noeviction":
        raise Unfit(
            f"this Redis throws data away when it is full (maxmemory-policy {policy}); "
            "set it to noeviction"
        )


async def connect(url: str, settings: Settings) -> Link:
    """A link to the Redis or Valkey at `url`, checked.

    Raises Unfit if it can't be used, BadSetting if `url` or `durability` can't be
    read, Unavailable if it is away.
    """
    lives: Lives = WeakKeyDictionary()
    try:
        # Nothing is retried behind our back: a write may be sent once. RESP2, as
        # RESP3 brings nothing we use, and redis-py more to say at each connect.
        address = sentinels.parse(url)
        pool: ConnectionPool = ConnectionPool.from_url(
            address.servers if address else url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,
            socket_connect_timeout=settings.redis_timeout,
            redis_connect_func=partial(_greet, lives),
        )
        guide = Sentinels(address) if address else None
    except ValueError as wrong:
        raise BadSetting(f"redis={url!r} is no address of a Redis: {wrong}") from None
    link = Link(pool, lives, settings.redis_timeout, guide)
    try:
        async with link.talk() as talk:
            facts = await _facts(talk)
        link.confirm = confirmation(facts, settings)
    except NotPrimary:
        await link.aclose()
        if guide is not None:
            raise  # another will be, soon
        raise Unfit(
            "this Redis is a replica; give the address of its primary"
        ) from None
    except BaseException:
        await link.aclose()
        raise
    return link


async def _greet(lives: Lives, connection: AbstractConnection) -> None:
    """What happens on each new connection, before it is used."""
    if connection in lives:  # redis-py would make it again, wherever that leads
        raise ConnectionError("the connection to Redis was lost")
    await connection.on_connect()
    await connection.send_command("CONFIG", "GET", *_CONFIG, check_health=False)
    config: dict[str, str] = {}
    with suppress(ResponseError):  # it may not be seen: then it is not sure
        config = _pairs(await connection.read_response(disable_decoding=True))
    sure = is_sure(config)
    await connection.send_command(*descent(sure=sure), check_health=False)
    life = b""
    with suppress(MovedError, ClusterDownError):  # a cluster is refused, but later
        life = await connection.read_response(disable_decoding=True)
    lives[connection] = life.decode() if sure else ""


def descent(*, sure: bool, place: str = "") -> Command:
    """The command that tells of which line of descent a server's data are."""
    return ("EVAL", _NODE.source, 1, NODE, new_epoch(), "1" if sure else "0", place)


async def _facts(talk: Talk) -> Facts:
    info = _info(await talk.one("INFO", "everything"))
    answers = await talk.ask(("CONFIG", "GET", *_CONFIG, *_MEMORY))
    config: dict[str, str] = {}
    if isinstance(answers[0], ResponseError):
        log.warning("Redis does not show its settings (%s); going on", answers[0])
    else:
        config = _pairs(answers[0])
    with unavailable():
        version = tuple(int(part) for part in info["redis_version"].split(".")[:3])
    return Facts(
        version,
        "valkey_version" in info,
        info.get("cluster_enabled") == "1",
        info.get("aof_enabled") == "1",
        config,
    )


def _pairs(flat: list[Any]) -> dict[str, str]:
    texts = [part.decode() for part in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def _info(text: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in text.decode().splitlines())
    return {name: value for name, _, value in lines if value}
