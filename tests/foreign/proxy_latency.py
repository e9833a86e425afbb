"""How late an event is behind a proxy: `python -m tests.foreign.proxy_latency`.

A hub, its Redis and the readers are on the first core and the proxy on the last, so
that it has a core of its own and the readers cost the same with and without it:
directly and behind each proxy, in rounds, on each transport. Four posts go out
per second; what counts is the time from a post being sent to its arrival at each
reader. Run it on a calm machine; on a busy one only the CPU that the proxy takes per
delivery says something. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import click
import httpx
import uvloop

from tests.conftest import ADMIN_TOKEN, Server, started
from tests.foreign.proxies import missing, proxied

CORES = sorted(os.sched_getaffinity(0))
"""Those that this program was given, before it confines itself to the first."""
POSTS_PER_S = 4
TRANSPORTS = ("websocket", "sse")
ALLOWED_MS = 100
"""What a proxy may add to the 99th percentile."""

_NUMBER = re.compile(rb"n=(\d+);")
_TAIL_BYTES = 32
"""What is kept of a segment: a number may be cut in two."""


class Arrivals:
    """When each post was sent, and how long it took to each reader."""

    def __init__(self) -> None:
        self.sent: dict[int, float] = {}
        self.late_ms: dict[tuple[Reader, int], float] = {}

    def add(self, reader: Reader, number: int, now: float) -> None:
        """Note that a post came; its text may stand in a message more than once."""
        if number in self.sent:
            late_ms = (now - self.sent[number]) * 1000
            self.late_ms.setdefault((reader, number), late_ms)


class Reader(asyncio.Protocol):
    """One reader; what it costs is as little as Python can, as it is not measured."""

    def __init__(self, request: bytes, arrivals: Arrivals) -> None:
        self._request, self._arrivals = request, arrivals
        self._seen = b""
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the line."""
        # Not isinstance: uvloop's transports are of no class of asyncio's.
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        """Note the posts in it: each has its number in its text."""
        now = time.perf_counter()
        seen = self._seen + data
        if not self.greeted.done():
            self._seen = seen
            if b'"hello"' in seen:
                self.greeted.set_result(None)
            return
        for found in _NUMBER.finditer(seen):
            self._arrivals.add(self, int(found[1]), now)
        self._seen = seen[-_TAIL_BYTES:]

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail if that comes before the hello."""
        if not self.greeted.done():
            self.greeted.set_exception(ConnectionError(f"no hello: {self._seen!r}"))


def _request(host: str, feed: str, transport: str) -> bytes:
    if transport == "websocket":
        target = f"/v1/live?feed={feed}"
        lines = (
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        )
    else:
        target = f"/v1/feeds/{feed}/events"
        lines = "Accept: text/event-stream\r\n"
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode()


async def _connect(
    base: str, request: bytes, arrivals: Arrivals
) -> asyncio.BaseTransport:
    """Connect one reader, and read until its hello."""
    parts = urlsplit(base)
    transport, reader = await asyncio.get_running_loop().create_connection(
        lambda: Reader(request, arrivals), parts.hostname or "", parts.port or 80
    )
    async with asyncio.timeout(30):
        await reader.greeted
    return transport


async def measured(
    base: str, publish_at: str, feed: str, transport: str, readers: int, posts: int
) -> list[float]:
    """The milliseconds from each post to each reader's arrival."""
    arrivals = Arrivals()
    request = _request(urlsplit(base).netloc, feed, transport)
    connected: list[asyncio.BaseTransport] = []
    for start in range(0, readers, 50):
        these = range(start, min(start + 50, readers))
        connected += await asyncio.gather(
            *(_connect(base, request, arrivals) for _ in these)
        )
    await asyncio.sleep(1)
    async with httpx.AsyncClient(
        base_url=publish_at,
        headers={"authorization": f"Bearer {ADMIN_TOKEN}"},
        trust_env=False,
        timeout=30,
    ) as http:
        for number in range(posts):
            arrivals.sent[number] = time.perf_counter()
            body = f"n={number}; " + "Words of a post. " * 16
            answer = await http.post(f"/v1/feeds/{feed}/posts", json={"body": body})
            assert answer.status_code == 201, answer.text
            await asyncio.sleep(1 / POSTS_PER_S)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            while len(arrivals.late_ms) < readers * posts:  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # it tells nobody
    for each in connected:
        each.close()
    missing_events = readers * posts - len(arrivals.late_ms)
    if missing_events:
        raise SystemExit(f"error: {missing_events} events never came")
    return sorted(arrivals.late_ms.values())


def at(values: Sequence[float], share: float) -> float:
    """A percentile."""
    return values[min(len(values) - 1, int(len(values) * share))]


def descendants() -> set[int]:
    """The processes below this one."""
    parents: dict[int, int] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = place.read_text().rpartition(")")[2].split()
            parents[int(place.parent.name)] = int(fields[1])
    found, left = set[int](), [os.getpid()]
    while left:
        parent = left.pop()
        below = [pid for pid, above in parents.items() if above == parent]
        found.update(below)
        left += below
    return found


def cpu_s(pids: Iterable[int]) -> float:
    """The seconds of CPU that these processes have taken."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextlib.asynccontextmanager
async def _way(name: str, hub: str, folder: Path) -> AsyncIterator[str]:
    if name == "direct":
        yield hub
        return
    await asyncio.to_thread(folder.mkdir)
    # The proxy inherits it: a core of its own, which the hub does not use.
    os.sched_setaffinity(0, {CORES[-1]})
    async with proxied(name, [hub], folder) as base:
        os.sched_setaffinity(0, {CORES[0]})
        yield base


@dataclass
class Plan:
    """What is measured."""

    names: Sequence[str]
    transports: Sequence[str]
    readers: int
    posts: int
    rounds: int


class Row:
    """What was measured of one way on one transport, in all rounds."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []
        self.cpu_s = 0.0

    def __str__(self) -> str:
        values = sorted(self.late_ms)
        cpu_us = self.cpu_s * 1e6 / len(values)
        return (
            f"p50 {at(values, 0.5):7.1f}  p99 {self.p99:7.1f}  "
            f"worst {values[-1]:7.1f}  proxy's CPU {cpu_us:5.1f} us per delivery"
        )

    @property
    def p99(self) -> float:
        """The 99th percentile, in ms."""
        return at(sorted(self.late_ms), 0.99)


async def _measure(plan: Plan, server: Server, folder: Path) -> bool:
    """Measure all ways, in rounds; whether each adds no more than is allowed."""
    is_fine = True
    for transport in plan.transports:
        names = [name for name in plan.names if not missing(name)]
        rows = {name: Row() for name in ("direct", *names)}
        for number in range(plan.rounds):
            for name, row in rows.items():
                feed = server.new_feed()
                before = descendants()
                place = folder / f"{transport}-{name}-{number}"
                async with _way(name, server.url, place) as base:
                    proxy = descendants() - before
                    since = cpu_s(proxy)
                    row.late_ms += await measured(
                        *(base, server.url, feed),
                        *(transport, plan.readers, plan.posts),
                    )
                    row.cpu_s += cpu_s(proxy) - since
        for name in plan.names:
            if reason := missing(name):
                click.echo(f"{transport:10} {name:18} {reason}")
        for name, row in rows.items():
            is_good = row.p99 <= rows["direct"].p99 + ALLOWED_MS
            is_fine = is_fine and (is_good or name.endswith("defaults"))
            much = "" if is_good else f"  more than direct + {ALLOWED_MS}"
            click.echo(f"{transport:10} {name:18} {row}{much}")
    return is_fine


async def run(plan: Plan) -> bool:
    """Measure on a hub of its own."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.sched_setaffinity(0, {CORES[0]})
        with started(folder / "data", "--limits", "off") as server:
            click.echo(
                f"{plan.readers} readers, {plan.rounds} x {plan.posts} posts; "
                "ms from POST to arrival"
            )
            return await _measure(plan, server, folder)


def main() -> None:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=1000)
    parser.add_argument("--posts", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument(
        *("--transport",),
        choices=TRANSPORTS,
        action="append",
        help="websocket or sse; given twice, or left out: both",
    )
    parser.add_argument(
        # nginx as installed takes some 250 readers (512 connections).
        *("--only", "--proxies"),
        default="caddy,nginx,haproxy,haproxy-defaults",
        help="proxies, separated by commas; each is compared with the direct way",
    )
    given = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    names = [name for name in given.only.split(",") if name]
    transports = given.transport or TRANSPORTS
    plan = Plan(names, transports, given.readers, given.posts, given.rounds)
    if not uvloop.run(run(plan)):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
