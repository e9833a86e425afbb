"""Scheduled drafts on two servers: one is killed, the other's clock is an hour off.

`python -m tests.faults.schedule` saves 2,000 drafts for the same 20 seconds and 200 for
the same second, and reads the line of the server that stays. Each has to go out once;
lateness is from when a draft was due to when a reader has it, by the store's clock,
which is this machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from websockets.asyncio.client import ClientConnection, connect

from stoppress.domain.timestamps import instant, parse_instant
from tests.conftest import Server, started
from tests.contract.store.servers import Server as Store
from tests.faults.clocks import Clock

SAVERS = 16
PATIENCE_S = 60.0
LATE_S = 1.0
"""The goal: 99 of 100 readers have it by then."""
OFF_S = 3600


class Outcome(NamedTuple):
    """What went out."""

    wanted: int
    published: Counter[str]
    lateness_s: list[float]
    left: int
    """Drafts that are still there."""

    def percentile(self, part: float) -> float:
        """A percentile of the lateness, in seconds."""
        found = sorted(self.lateness_s)
        return found[min(int(len(found) * part), len(found) - 1)]

    def faults(self) -> list[str]:
        """What is not as promised."""
        twice = [name for name, count in self.published.items() if count > 1]
        found = [f"{len(twice)} went out twice"] if twice else []
        if len(self.published) != self.wanted:
            found.append(f"{len(self.published)} of {self.wanted} went out")
        if self.left:
            found.append(f"{self.left} drafts are left")
        if self.percentile(0.99) > LATE_S:
            found.append(f"p99 of the lateness is {self.percentile(0.99):.2f} s")
        return found

    def __str__(self) -> str:
        figures = ", ".join(
            f"p{part:g} {self.percentile(part / 100) * 1000:.0f} ms"
            for part in (50, 95, 99)
        )
        most = max(self.lateness_s) * 1000
        return f"{len(self.published)} of {self.wanted} once; {figures}, max {most:.0f}"


async def save(server: Server, feed: str, due_ms: list[int]) -> bool:
    """Save a draft for each time; whether all were saved before the first."""
    waiting = iter(enumerate(due_ms))
    headers = {"authorization": f"Bearer {server.token}"}

    async def work(client: httpx.AsyncClient) -> None:
        for n, due in waiting:
            given = {"headline": f"News {n}", "state": "scheduled"}
            answer = await client.post(
                f"/v1/feeds/{feed}/drafts", json={**given, "publish_at": instant(due)}
            )
            # A time that is over is refused.
            is_early = time.time() * 1000 < due_ms[0]
            assert answer.status_code == 201 or not is_early, answer.text

    async with httpx.AsyncClient(
        base_url=server.url, headers=headers, trust_env=False, timeout=PATIENCE_S
    ) as client:
        await asyncio.gather(*(work(client) for _ in range(SAVERS)))
    return time.time() * 1000 < due_ms[0]


async def listen(line: ClientConnection, wanted: int, until_s: float) -> Outcome:
    """Take what goes out, and wait a while for what should not."""
    published: Counter[str] = Counter()
    lateness: list[float] = []
    while (left_s := until_s - time.time()) > 0:
        if len(published) >= wanted:
            left_s = min(left_s, 2.0)
        try:
            async with asyncio.timeout(left_s):
                message: dict[str, Any] = json.loads(await line.recv())
        except TimeoutError:
            break
        if message["type"] == "post.published":
            post = message["post"]
            published[post["id"]] += 1
            lateness.append(time.time() - parse_instant(post["published_at"]) / 1000)
    return Outcome(wanted, published, lateness, 0)


async def campaign(
    folder: Path, *, spread: int, seconds: float, burst: int, lead_s: float
) -> Outcome:
    """`spread` drafts over so many seconds and `burst` in one of them."""
    store, clock = Store("valkey", folder / "store"), Clock(folder)
    store.start()
    clock.set(-OFF_S)
    off: dict[str, str] = {"STOPPRESS_LIMITS": "off"}
    try:
        with ExitStack() as stack:
            servers = [
                stack.enter_context(
                    started(folder / name, "--redis", store.url, **more)
                )
                for name, more in (("a", off), ("b", {**off, **clock.environment}))
            ]
            while True:
                feed = servers[0].new_feed()
                start = int((time.time() + lead_s) * 1000)
                due = [start + int(n * seconds * 1000 / spread) for n in range(spread)]
                middle = start + int(seconds * 500)
                due += [middle + n * 1000 // burst for n in range(burst)]
                if await save(servers[0], feed, sorted(due)):
                    break
                lead_s *= 2  # of a busy machine: again, in another feed
            url = servers[1].url.replace("http", "ws", 1)
            address = f"{url}/v1/live?feed={feed}"
            async with connect(address, proxy=None, max_queue=None) as line:
                end_s = start / 1000 + seconds + PATIENCE_S
                hearing = asyncio.create_task(listen(line, len(due), end_s))
                await asyncio.sleep(max(0.0, start / 1000 + seconds / 3 - time.time()))
                servers[0].process.kill()
                await asyncio.sleep(seconds / 3)
                clock.set(OFF_S)
                outcome = await hearing
            shown = await asyncio.to_thread(
                servers[1].request, "GET", f"/v1/feeds/{feed}/drafts?limit=100"
            )
            return outcome._replace(left=len(shown.json()["drafts"]))
    finally:
        store.kill()


def main() -> None:
    """Run it, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spread", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--burst", type=int, default=200)
    parser.add_argument("--lead", type=float, default=90.0, help="seconds to save")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(
            campaign(
                Path(folder),
                spread=given.spread,
                seconds=given.seconds,
                burst=given.burst,
                lead_s=given.lead,
            )
        )
    sys.stdout.write(f"{outcome}\n")
    sys.exit("; ".join(outcome.faults()) or 0)


if __name__ == "__main__":
    main()
