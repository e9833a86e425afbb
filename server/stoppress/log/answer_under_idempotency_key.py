"""Keeps a value under an Idempotency-Key of a feed, as the scripts of writes do.

It is for calls that change nothing in the feed, and to look up what a script kept. The
record expires with the key; it is not of a later feed of the slug.
"""

from __future__ import annotations

from typing import Any

from stoppress.domain.errors import IdempotencyKeyReused, NotFound
from stoppress.domain.store_requests_and_results import Idempotency
from stoppress.log.redis_commands_scripts_and_durability import LuaScript, RedisCommands
from stoppress.log.redis_keys import feed_keys, idem_key

_KEEP = LuaScript(
    "need_acl_rights", "find_repeated_write", "keep_under_idempotency_key"
)


async def keep_under_key(
    redis: RedisCommands,
    feed: str,
    idempotency: Idempotency,
    value: str,
    ttl_s: int | None,
) -> str | None:
    """The value that was kept before; None if there was none, and this one is kept.

    Without `ttl_s` nothing is kept. Raises NotFound, IdempotencyKeyReused.
    """
    names = (feed_keys(feed).meta, idem_key(feed, idempotency))
    args = (idempotency.fingerprint, value, "" if ttl_s is None else ttl_s)
    return kept_before(await redis.write(_KEEP, names, args), feed, idempotency)


def kept_before(
    answer: list[Any], feed: str, idempotency: Idempotency | None
) -> str | None:
    """The value in the answer of a script that takes a key; None: the key is new.

    Raises NotFound, IdempotencyKeyReused.
    """
    match answer:
        case [b"nofeed"]:
            raise NotFound(feed)
        case [b"reused"]:
            raise IdempotencyKeyReused("" if idempotency is None else idempotency.key)
        case [b"repeated", _, value]:
            return str(value.decode())
    return None
