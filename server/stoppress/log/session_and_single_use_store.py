"""Sessions at the desk, single-use names and the secret of the keys of texts, in Redis
(`identity/session_and_single_use_store_protocol.py`).

Rules: a session is one key that expires. The list of an owner's sessions is another
key, on another server in a cluster; it is written first, so that it lacks no session.
New and ended sessions wait for the configured durability; the time of the last use does
not.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from hashlib import blake2b

from stoppress.log.redis_commands_scripts_and_durability import RedisCommands
from stoppress.log.redis_keys import ONCE, OWNERS_SESSIONS, SESSION, TEXT_SECRET
from stoppress.log.shard_pools import Shards, at, each

BATCH_SESSIONS = 500


class RedisSessionStore:
    """Implements `SessionStore` over the shards of a store."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def put_session(
        self, owner: str, name: str, record: bytes, ttl_s: int, ends_s: int
    ) -> None:
        """Store a session for `ttl_s`, and list it under its owner for `ends_s`."""
        listed, now_ms = _listed(owner), time.time_ns() // 1_000_000

        async def add(redis: RedisCommands) -> None:
            await redis.write_one("ZADD", listed, now_ms, name)
            await redis.write_one("EXPIRE", listed, ends_s)

        await at(self._shards, listed, add)
        await self._set(SESSION + name, record, ttl_s)

    async def touch_session(self, name: str, record: bytes, ttl_s: int) -> bool:
        """Replace the record of a session; returns whether there is one."""
        key = SESSION + name
        done = await at(
            self._shards,
            key,
            lambda redis: redis.one("SET", key, record, "XX", "EX", ttl_s),
        )
        return done is not None

    async def sessions(self, names: Sequence[str]) -> list[bytes | None]:
        """The record of each session; None if there is none."""

        async def read(redis: RedisCommands, some: Sequence[str]) -> list[bytes | None]:
            return await redis.all(*(("GET", SESSION + name) for name in some))

        return await each(
            self._shards, names, lambda name: SESSION + name, read, BATCH_SESSIONS
        )

    async def session_names(
        self, owner: str, before_ms: int | None = None
    ) -> list[str]:
        """The sessions of an owner, oldest first; some may have ended.

        `before_ms`: only those that were listed before (milliseconds since 1970).
        """
        listed = _listed(owner)
        end = "+inf" if before_ms is None else f"({before_ms}"
        found = await at(
            self._shards,
            listed,
            lambda redis: redis.one("ZRANGE", listed, "-inf", end, "BYSCORE"),
        )
        return [name.decode() for name in found]

    async def drop_sessions(self, owner: str, names: Sequence[str]) -> int:
        """End sessions; returns how many there were."""
        dropped = 0
        for name in names:
            dropped += await self._delete(SESSION + name)
        listed = _listed(owner)
        if names:
            await at(
                self._shards,
                listed,
                lambda redis: redis.write_one("ZREM", listed, *names),
            )
        return dropped

    async def put_once(self, name: str, ttl_s: int) -> None:
        """Store a name that can be taken once, for `ttl_s`."""
        await self._set(ONCE + name, b"1", ttl_s)

    async def take_once(self, name: str) -> bool:
        """Remove a stored name; returns whether it was there."""
        return await self._delete(ONCE + name) > 0

    async def claim_once(self, name: str, ttl_s: int) -> bool:
        """Store a name unless it is stored already; returns whether it was new."""
        key = ONCE + name
        done = await at(
            self._shards,
            key,
            lambda redis: redis.write_one("SET", key, b"1", "NX", "EX", ttl_s),
        )
        return done is not None

    async def text_secret(self, new: bytes) -> bytes:
        """The secret of the keys of texts; `new`, stored then, if there is none."""

        async def read(redis: RedisCommands) -> bytes | None:
            found: bytes | None = await redis.one("GET", TEXT_SECRET)
            return found

        async def create(redis: RedisCommands) -> bytes | None:
            await redis.write_one("SET", TEXT_SECRET, new, "NX")
            return await read(redis)

        found = await at(self._shards, TEXT_SECRET, read)
        if found is None:
            found = await at(self._shards, TEXT_SECRET, create)
        return found or new

    async def _set(self, key: str, value: bytes, ttl_s: int) -> None:
        await at(
            self._shards,
            key,
            lambda redis: redis.write_one("SET", key, value, "EX", ttl_s),
        )

    async def _delete(self, key: str) -> int:
        deleted: int = await at(
            self._shards, key, lambda redis: redis.write_one("DEL", key)
        )
        return deleted


def _listed(owner: str) -> str:
    """The key of an owner's list of sessions: a digest, as ids may contain anything."""
    return OWNERS_SESSIONS + blake2b(owner.encode(), digest_size=16).hexdigest()
