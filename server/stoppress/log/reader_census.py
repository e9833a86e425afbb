"""Counts the readers of each feed over all processes, in one hash with leases.

Rules:
- One script stores a process's counts and returns those of all processes: one round
  trip per process and round, however many feeds and processes there are.
- Leases run on the server's clock; the next call deletes those that ended.
- No call waits for the disk: lost counts are sent again seconds later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from stoppress.log.redis_commands_scripts_and_durability import LuaScript, new_epoch
from stoppress.log.redis_keys import READERS
from stoppress.log.shard_pools import Shards, at

_CENSUS = LuaScript("need_acl_rights", "exchange_reader_counts")


class RedisCensus:
    """The census of one process: `hub.send_reader_counts.Census`."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._process = new_epoch()

    async def count(self, here: Mapping[str, int], lease_s: float) -> Mapping[str, int]:
        """Store this process's readers per feed; returns the sums over all processes.

        Raises Unavailable.
        """
        ours = " ".join(f"{feed} {count}" for feed, count in here.items())
        args = (self._process, int(lease_s * 1000), ours)
        counts: list[bytes] = await at(
            self._shards, READERS, lambda redis: redis.read(_CENSUS, (READERS,), args)
        )
        total: Counter[str] = Counter()
        for one in counts:
            words = one.decode().split(" ")
            for feed, count in zip(words[::2], words[1::2], strict=True):
                total[feed] += int(count)
        return total
