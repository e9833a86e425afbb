"""How many read each feed in all processes, in one hash under leases.

Rules:
- One script leaves a process's counts and answers with everyone's: one round trip
  a process and round, however many feeds and processes there are.
- Leases run on the server's clock; whoever asks next forgets those that ended.
- Nobody waits for the disk: what is lost is counted again seconds later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from stoppress.log.redis_commands import LuaScript, new_epoch
from stoppress.log.redis_keys import READERS
from stoppress.log.shards import Shards, at

_CENSUS = LuaScript("check_rights", "exchange_reader_counts")


class RedisCensus:
    """The census of one process: `hub.reader_counts.Census`."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._process = new_epoch()

    async def count(self, here: Mapping[str, int], lease_s: float) -> Mapping[str, int]:
        """Leave the readers of each feed here; those of all processes, ours too.

        Raises Unavailable.
        """
        ours = " ".join(f"{feed} {count}" for feed, count in here.items())
        args = (self._process, int(lease_s * 1000), ours)
        counts: list[bytes] = await at(
            self._shards, READERS, lambda talk: talk.read(_CENSUS, (READERS,), args)
        )
        total: Counter[str] = Counter()
        for one in counts:
            words = one.decode().split(" ")
            for feed, count in zip(words[::2], words[1::2], strict=True):
                total[feed] += int(count)
        return total
