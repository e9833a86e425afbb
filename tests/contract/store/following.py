"""What the tests of the follower look at, and how they break its line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stoppress.log.follower import Follower
from stoppress.log.log_metrics import NoFollowerMetrics
from stoppress.log.shards import Shards
from stoppress.log.store import RedisStore
from tests.contract.store.servers import Server
from tests.waiting import until, wait_until


class Counts(NoFollowerMetrics):
    """Counts, for tests that ask."""

    def __init__(self) -> None:
        self.how: list[str] = []
        self.malformed_messages = 0
        self.missed = 0
        self.ups = 0

    def line_up(self, up: bool) -> None:
        """Count it."""
        self.ups += up

    def mended(self, how: str) -> None:
        """Count it."""
        self.how.append(how)

    def malformed(self) -> None:
        """Count it."""
        self.malformed_messages += 1

    def probe_missed(self) -> None:
        """Count it."""
        self.missed += 1


@asynccontextmanager
async def following(
    shards: Shards, store: RedisStore, counts: Counts
) -> AsyncIterator[Follower]:
    """A follower that runs, and probes often."""
    follower = Follower(shards, store, counts, probe_s=0.5)
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
    """Wait for one round of the probe: what was sent before has arrived."""
    (line,) = follower._lines.values()
    line.probed.clear()
    async with asyncio.timeout(10):
        await line.probed.wait()
