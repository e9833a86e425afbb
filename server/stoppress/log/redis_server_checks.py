"""Checks of a Redis server: its version, role, persistence and eviction.

Rules: Redis 7.0 or newer, or Valkey; a memory policy that never evicts data; and for
`durability=fsync` a server that supports it. A server that does not fit is refused in
one line that says what to do. A managed Redis may hide its settings: then the server
warns, and a hidden setting counts as unset.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from redis.exceptions import ResponseError

from stoppress.domain.errors import Unavailable
from stoppress.log.redis_commands_scripts_and_durability import (
    Durability,
    RedisCommands,
)
from stoppress.log.redis_errors import unavailable
from stoppress.settings import BadSetting, Settings

OLDEST = (7, 0)
WAITAOF_SINCE = (7, 2)
CONFIG = (
    "appendonly",
    "appendfsync",
    "no-appendfsync-on-rewrite",
    "maxmemory",
    "maxmemory-policy",
)

log = logging.getLogger(__name__)


class UnfitServer(BadSetting):
    """This Redis can't be used; the text says why, and what is needed."""


class VolatileServer(Unavailable):
    """The server at the address now evicts data."""


class ServerInfo(NamedTuple):
    """What a server reports about itself. `config` is empty if it is hidden."""

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


def check_memory(config: dict[str, str]) -> None:
    """Raise VolatileServer if a server with these settings evicts data."""
    policy = config.get("maxmemory-policy", "noeviction")
    if config.get("maxmemory", "0") != "0" and policy != "noeviction":
        raise VolatileServer(
            f"this Redis deletes data when it is full (maxmemory-policy {policy}): "
            "set it to noeviction"
        )


def confirmation(
    facts: ServerInfo, settings: Settings, *, in_cluster: bool = False
) -> Durability:
    """What writes wait for.

    Raises UnfitServer, also if the server can't be used at all.
    """
    _check(facts, in_cluster=in_cluster)
    # Two such waits fit into one call: the call is sent twice if its script is not
    # loaded yet.
    wait_ms = int(settings.redis_timeout_s * 400)
    wanted = settings.durability
    if wanted == "memory":
        return Durability()
    if wanted == "fsync":
        if facts.is_sure:
            return Durability(sure=True)
        if facts.has_aof and facts.version >= WAITAOF_SINCE:
            return Durability(("WAITAOF", 1, 0, wait_ms), 1)
        if facts.config or not facts.has_aof:
            raise UnfitServer(
                "this Redis may lose writes it has confirmed: set `appendonly yes` and "
                "`appendfsync always` there, or durability=memory (or replicas:N) here"
            )
        log.warning("Redis hides its settings; whether it fsyncs writes is unknown")
        return Durability()
    kind, _, count = wanted.partition(":")
    if kind != "replicas" or not count.isdecimal() or int(count) < 1:
        raise BadSetting(
            f"durability={wanted!r} is invalid: use memory, fsync, or replicas:N"
        )
    return Durability(("WAIT", int(count), wait_ms), int(count))


def _check(facts: ServerInfo, *, in_cluster: bool) -> None:
    version = ".".join(map(str, facts.version))
    if facts.version < OLDEST and not facts.is_valkey:
        raise UnfitServer(f"Redis {version} is too old: use 7.0 or newer, or Valkey")
    if facts.is_cluster and not in_cluster:
        raise UnfitServer("this Redis is a cluster: use redis+cluster://host:port,…")


async def facts_of(redis: RedisCommands) -> ServerInfo:
    """Read the facts of a server."""
    info = _info(await redis.one("INFO", "everything"))
    answers = await redis.ask(("CONFIG", "GET", *CONFIG))
    config: dict[str, str] = {}
    if isinstance(answers[0], ResponseError):
        log.warning("Redis does not show its settings (%s); continuing", answers[0])
    else:
        config = pairs(answers[0])
    with unavailable():
        version = tuple(int(part) for part in info["redis_version"].split(".")[:3])
    return ServerInfo(
        version,
        "valkey_version" in info,
        info.get("cluster_enabled") == "1",
        info.get("aof_enabled") == "1",
        config,
    )


def pairs(flat: list[Any]) -> dict[str, str]:
    """The answer to CONFIG GET."""
    texts = [part.decode() for part in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def _info(text: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in text.decode().splitlines())
    return {name: value for name, _, value in lines if value}
