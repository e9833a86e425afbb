"""How late an event is behind a proxy: `python -m tests.foreign.proxy_latency`.

A hub and a Redis on one core, the proxy on another, and readers of one kind on each
transport: directly and behind each proxy, in the same run. Four posts go out per
second; what counts is the time from its answer being asked for to its arrival at each
reader. Run it on a calm machine; nothing here is a test.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import click
import httpx

from tests.conftest import ADMIN_TOKEN, started
from tests.foreign.proxies import missing, proxied

POSTS_PER_S = 4
ALLOWED_MS = 100
"""What a proxy may add to the 99th percentile."""

Connected = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _reader(base: str, feed: str, transport: str) -> Connected:
    """Connect one reader, and read until its hello."""
    parts = urlsplit(base)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = f"GET /v1/live?feed={feed} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
    if transport == "websocket":
        head += (
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    else:
        head = head.replace(f"live?feed={feed}", f"feeds/{feed}/events")
        head += "Accept: text/event-stream\r\n\r\n"
    writer.write(head.encode())
    seen = b""
    while b'"hello"' not in seen:
        data = await reader.read(65536)
        if not data:
            raise ConnectionError(f"no hello: {seen[:200]!r}")
        seen += data
    return reader, writer


async def _follow(
    reader: asyncio.StreamReader, came: Callable[[int, float], None]
) -> None:
    """Tell of each post that comes: its number stands behind `n=` in its text."""
    kept = b""
    while data := await reader.read(65536):
        now = time.perf_counter()
        kept += data
        while (at := kept.find(b"n=")) >= 0 and (end := kept.find(b";", at)) >= 0:
            came(int(kept[at + 2 : end]), now)
            kept = kept[end:]
            # The text stands in its HTML too.
            again = kept.find(b"n=")
            if again >= 0 and (last := kept.find(b";", again)) >= 0:
                kept = kept[last:]
        kept = kept[-8192:]


async def measured(
    base: str, publish_at: str, feed: str, transport: str, readers: int, posts: int
) -> list[float]:
    """The milliseconds from each post to each reader's arrival."""
    sent: dict[int, float] = {}
    late: dict[tuple[int, int], float] = {}

    def came_to(who: int) -> Callable[[int, float], None]:
        def came(number: int, now: float) -> None:
            if number in sent:
                late.setdefault((who, number), (now - sent[number]) * 1000)

        return came

    connected: list[Connected] = []
    for start in range(0, readers, 50):
        connected += await asyncio.gather(
            *(
                _reader(base, feed, transport)
                for _ in range(start, min(start + 50, readers))
            )
        )
    tasks = [
        asyncio.create_task(_follow(reader, came_to(who)))
        for who, (reader, _) in enumerate(connected)
    ]
    await asyncio.sleep(1)
    async with httpx.AsyncClient(
        base_url=publish_at,
        headers={"authorization": f"Bearer {ADMIN_TOKEN}"},
        trust_env=False,
        timeout=30,
    ) as http:
        for number in range(posts):
            sent[number] = time.perf_counter()
            body = f"n={number}; " + "Words of a post. " * 16
            answer = await http.post(f"/v1/feeds/{feed}/posts", json={"body": body})
            assert answer.status_code == 201, answer.text
            await asyncio.sleep(1 / POSTS_PER_S)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            while len(late) < readers * posts:  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for _, writer in connected:
        writer.close()
    missing_events = readers * posts - len(late)
    if missing_events:
        raise SystemExit(f"error: {missing_events} events never came")
    return sorted(late.values())


def at(values: Sequence[float], share: float) -> float:
    """A percentile."""
    return values[min(len(values) - 1, int(len(values) * share))]


@contextlib.asynccontextmanager
async def _way(name: str, hub: str, folder: Path) -> AsyncIterator[str]:
    if name == "direct":
        yield hub
        return
    await asyncio.to_thread(folder.mkdir)
    cores = sorted(os.sched_getaffinity(0))
    # The proxy inherits it: a core of its own, which the hub does not use.
    os.sched_setaffinity(0, {cores[-1]})
    async with proxied(name, [hub], folder) as base:
        os.sched_setaffinity(0, set(cores))
        yield base


async def run(names: Sequence[str], readers: int, posts: int) -> bool:
    """Measure all ways; whether each adds no more than is allowed."""
    fine = True
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.sched_setaffinity(0, {cores[0]})
        with started(folder / "data") as server:
            os.sched_setaffinity(0, set(cores))
            click.echo(f"{readers} readers, {posts} posts; ms from POST to arrival")
            for transport in ("websocket", "sse"):
                direct = 0.0
                for name in ("direct", *names):
                    if name != "direct" and missing(name):
                        click.echo(f"{transport:10} {name:18} {missing(name)}")
                        continue
                    feed = server.new_feed()
                    way = _way(name, server.url, folder / f"{transport}-{name}")
                    async with way as base:
                        values = await measured(
                            base, server.url, feed, transport, readers, posts
                        )
                    p99 = at(values, 0.99)
                    direct = direct or p99
                    good = p99 <= direct + ALLOWED_MS
                    fine = fine and (good or name.endswith("defaults"))
                    click.echo(
                        f"{transport:10} {name:18} p50 {at(values, 0.5):7.1f}  "
                        f"p99 {p99:7.1f}  worst {values[-1]:7.1f}"
                        + ("" if good else f"  more than direct + {ALLOWED_MS}")
                    )
    return fine


def main() -> None:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=1000)
    parser.add_argument("--posts", type=int, default=120)
    parser.add_argument(
        # nginx as installed takes some 250 readers (512 connections).
        "--proxies",
        default="caddy,nginx,haproxy,haproxy-defaults",
    )
    given = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    names = [name for name in given.proxies.split(",") if name]
    if not asyncio.run(run(names, given.readers, given.posts)):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
