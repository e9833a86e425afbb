"""Shares limits between all processes, through the store.

Rules:
- Once per second each process adds what it allowed to the sum of all processes, and
  learns how full each bucket is. No write and no sign-in waits for the store; a flood
  spread over processes can use the burst once in each, before all of them refuse it.
- While the store is away each process limits alone.
- A key expires once its bucket is full again. Its name is a digest, as it stands for an
  address or a feed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from stoppress.domain.errors import Unavailable
from stoppress.guard.token_buckets import TokenBuckets
from stoppress.log.redis_commands_scripts_and_durability import LuaScript, RedisCommands
from stoppress.log.shard_pools import Shards, each

SHARE_S = 1.0
SHARED_KEYS = 256
"""Keys of one limit that are shared per second; others wait for the next second."""

_SHARE = LuaScript("need_acl_rights", "share_limit")

log = logging.getLogger(__name__)


class SharedLimits:
    """The limits of this process that other processes share."""

    def __init__(self, shards: Shards, shared: Mapping[str, TokenBuckets]) -> None:
        self._shards = shards
        self._shared = shared

    async def run(self) -> None:
        """Share once per second, until cancelled."""
        is_away = False
        while True:
            await asyncio.sleep(SHARE_S)
            try:
                await self.share()
                is_away = False
            except Unavailable as away:
                if not is_away:
                    log.warning("limits are not shared between processes: %s", away)
                is_away = True

    async def share(self) -> None:
        """Share what was allowed since. Raises Unavailable: then that is not shared."""
        for kind, buckets in self._shared.items():
            taken = buckets.collect(SHARED_KEYS)
            if not taken:
                continue
            keys = list(taken)

            async def call(
                redis: RedisCommands,
                some: Sequence[str],
                kind: str = kind,
                taken: dict[str, float] = taken,
            ) -> list[int]:
                runs = [
                    ((limit_key(kind, key),), (f"{taken[key] * 1000:.3f}",))
                    for key in some
                ]
                return list(await redis.read_each(_SHARE, runs))

            found = await each(
                *(self._shards, keys, lambda key, kind=kind: limit_key(kind, key)),
                *(call, SHARED_KEYS),
            )
            for key, full_in_ms in zip(keys, found, strict=True):
                if isinstance(full_in_ms, int):  # else its key in the store is damaged
                    buckets.learn(key, full_in_ms / 1000)


def limit_key(kind: str, key: str) -> str:
    """The key of a bucket."""
    name = blake2b(f"{kind} {key}".encode(), digest_size=12).hexdigest()
    return f"stoppress:limit:{name}"
