"""What the tests of the follower look at, and how they break its line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stoppress.log import feed_read_scripts as reads
from stoppress.log.follower import Follower
from stoppress.log.log_metrics import FollowerMetrics
from stoppress.log.shard_pools import Shards
from stoppress.log.store import RedisStore
from tests.contract.store.servers import Server
from tests.tally import Tally
from tests.waiting import WITHIN_S, until, wait_until


class Counts(Tally):
    """Counts, for tests that ask."""

    @property
    def how(self) -> list[str]:
        """How feeds were mended, in their order."""
        return [one.label for one in self.of("stoppress_mended")]

    @property
    def malformed_messages(self) -> int:
        """Messages that could not be read."""
        return self.sum("stoppress_malformed")

    @property
    def missed(self) -> int:
        """Probes that did not come back."""
        return self.sum("stoppress_probes_missed")

    @property
    def ups(self) -> int:
        """How often the line was made."""
        return self.sum("stoppress_redis_line_up")


PATIENT_S, QUICK_S = WITHIN_S, 0.5
"""How long a probe may take: on a busy machine the second is missed now and then."""


@asynccontextmanager
async def following(
    shards: Shards, store: RedisStore, counts: Counts, probe_s: float = PATIENT_S
) -> AsyncIterator[Follower]:
    """A follower that runs."""
    follower = Follower(shards, store, FollowerMetrics(counts), probe_s=probe_s)
    running = asyncio.create_task(follower.run())
    try:
        yield follower
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def cut(server: Server) -> int:
    """Cut every line that listens."""
    with server.client() as client:
        return int(client.client_kill_filter(_type="pubsub"))


def until_cut(server: Server) -> None:
    """Cut the line, which may just be coming back."""
    wait_until(lambda: cut(server))


async def up(follower: Follower, healthy: bool = True) -> None:
    """Wait until the follower says so."""
    await until(lambda: follower.healthy is healthy)


async def heard_nothing_more(follower: Follower) -> None:
    """Send one more probe, and wait for it: what was sent before has arrived."""
    (line,) = follower._lines.values()
    line.probed.clear()
    async with line.link.borrow() as redis:
        await reads.probe(redis, line._channel, line._nonce)
    async with asyncio.timeout(WITHIN_S):
        await line.probed.wait()
