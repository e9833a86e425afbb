"""A feed of 5,000 posts beside one of 50: snapshot, page and older posts.

    python -m tests.bench.long_feed [--posts 5000] [--rounds 200] [--json]

Requests to the two feeds take turns, so that whatever else the machine does meets
both; medians are compared. `warm`: the same answer again, from memory. `cold`: a
post was edited just before, so that nothing made earlier will do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import uvloop

from tests.faults.server import ADMIN, serving

LIMIT = 1.5
SHORT, LONG = "short", "long"
WRITERS = 8
HEADERS = {"Authorization": f"Bearer {ADMIN}"}


async def fill(client: httpx.AsyncClient, feed: str, posts: int) -> list[str]:
    """Make a feed with so many posts; their ids."""
    made = await client.post("/v1/feeds", json={"slug": feed, "title": feed})
    made.raise_for_status()
    numbers = iter(range(posts))
    ids: list[str] = []

    async def write() -> None:
        for number in numbers:
            draft = {"headline": f"No. {number}", "body": "The *river* rose. " * 15}
            answer = await client.post(f"/v1/feeds/{feed}/posts", json=draft)
            ids.append(answer.raise_for_status().json()["post"]["id"])

    await asyncio.gather(*(write() for _ in range(WRITERS)))
    return sorted(ids)


async def older(client: httpx.AsyncClient, feed: str) -> str:
    """The path of the second page of older posts."""
    snapshot = (await client.get(f"/v1/feeds/{feed}")).raise_for_status().json()
    return str(snapshot["next"])


async def measure(
    client: httpx.AsyncClient, posts: int, rounds: int
) -> dict[str, dict[str, float]]:
    """For each kind of request the medians of both feeds, in milliseconds."""
    newest = {SHORT: (await fill(client, SHORT, 50))[-1]}
    newest[LONG] = (await fill(client, LONG, posts))[-1]
    pages = {feed: await older(client, feed) for feed in newest}
    kinds: dict[str, dict[str, str]] = {
        "snapshot": {feed: f"/v1/feeds/{feed}" for feed in newest},
        "page": {feed: f"/live/{feed}" for feed in newest},
        "older posts": pages,
    }
    table: dict[str, dict[str, float]] = {}
    for kind, paths in kinds.items():
        for state in ("warm", "cold"):
            times: dict[str, list[float]] = {SHORT: [], LONG: []}
            for number in range(rounds):
                for feed in (SHORT, LONG) if number % 2 else (LONG, SHORT):
                    if state == "cold":
                        await edit(client, feed, newest[feed])
                    began = time.perf_counter()
                    answer = await client.get(paths[feed])
                    times[feed].append((time.perf_counter() - began) * 1000)
                    answer.raise_for_status()
            short, long = median(times[SHORT]), median(times[LONG])
            table[f"{kind}, {state}"] = {
                "short_ms": short,
                "long_ms": long,
                "ratio": long / short,
            }
    return table


async def edit(client: httpx.AsyncClient, feed: str, post: str) -> None:
    """Change the newest post, so that everything has to be made anew."""
    answer = await client.patch(
        f"/v1/feeds/{feed}/posts/{post}",
        json={"body": f"The river, at {time.perf_counter()}"},
        headers={"If-Match": "*"},
    )
    answer.raise_for_status()


async def bench(given: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Start a server and measure."""
    with tempfile.TemporaryDirectory(prefix="stop-press-") as folder:
        async with (
            serving(Path(folder)) as server,
            httpx.AsyncClient(
                base_url=server.url, headers=HEADERS, timeout=60, trust_env=False
            ) as client,
        ):
            return await measure(client, given.posts, given.rounds)


def main() -> None:
    """Measure, print the table, and fail if the long feed is too slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    given: Any = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        table = runner.run(bench(given))
    if given.json:
        print(json.dumps(table))  # noqa: T201
    else:
        print(f"{'median ms':20} {50:>8} {given.posts:>8}   ratio")  # noqa: T201
        for kind, row in table.items():
            print(  # noqa: T201
                f"{kind:20} {row['short_ms']:8.2f} {row['long_ms']:8.2f} "
                f"{row['ratio']:7.2f}"
            )
    raise SystemExit(any(row["ratio"] > LIMIT for row in table.values()))


if __name__ == "__main__":
    main()
