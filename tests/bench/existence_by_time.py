"""Whether time tells a private feed from one that does not exist.

    python -m tests.bench.existence_by_time [--requests 4000]

A server of its own on loopback, with one private feed that is open and one that is not.
Per route, requests for them and for feeds that do not exist, in drawn order on one
connection (of the live line: one each, from the handshake to the close); the figure is
the AUC of the best classifier by time alone (Mann-Whitney), and its lower 99 % bound
(Hanley, McNeil 1982). 0.5 is a guess; at most 0.55 is allowed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import http.client
import math
import random
import socket
import sys
import tempfile
import time
from pathlib import Path

import httpx

from tests.faults.server import ADMIN, serving
from tests.plain_http import PLAIN

LIMIT = 0.55
ONE_SIDED_99 = 2.326
WARM_UP = 200
EVENT_STREAM = {"accept": "text/event-stream"}
LINE = "/v1/live?feed={feed}"
ROUTES: tuple[tuple[str, dict[str, str]], ...] = (
    ("/v1/feeds/{feed}", {}),
    ("/v1/feeds/{feed}/posts", {}),
    ("/v1/feeds/{feed}/posts/p0", {}),
    ("/v1/feeds/{feed}/external/e0", {}),
    ("/v1/feeds/{feed}/events?wait=0", {}),
    ("/v1/feeds/{feed}/events", EVENT_STREAM),
    (LINE, {}),
    ("/live/{feed}", {}),
    ("/live/{feed}?moment=2026-11-28T15:00", {}),
    ("/live/{feed}/p0", {}),
    ("/live/{feed}/atom.xml", {}),
    ("/live/{feed}/feed.json", {}),
    ("/live/{feed}/others.json", {}),
    ("/embed/{feed}", {}),
    ("/embed/{feed}/p0", {}),
    ("/oembed?url={site}/live/{feed}", {}),
    ("/media/{feed}/a0123456789abcdef-9x9.jpg", {}),
    ("/media/{feed}/a0123456789abcdef-9x9.jpg/600", {}),
)
"""What a stranger may ask of a feed: every route (`test_existence_by_time.py`). Writes
are refused before the feed is looked at."""


def auc(private: list[int], absent: list[int]) -> float:
    """How often a private feed's answer takes longer than an absent one's."""
    ranked = sorted([(one, True) for one in private] + [(one, False) for one in absent])
    total, at = 0.0, 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        middle = (at + end + 1) / 2
        total += middle * sum(is_private for _, is_private in ranked[at:end])
        at = end
    count = len(private)
    return (total - count * (count + 1) / 2) / (count * len(absent))


def lower_bound(area: float, count: int) -> float:
    """The lower 99 % bound of an AUC of two samples of `count` each."""
    one, two = area / (2 - area), 2 * area * area / (1 + area)
    spread = area * (1 - area) + (count - 1) * (one + two - 2 * area * area)
    return area - ONE_SIDED_99 * math.sqrt(spread) / count


def measured(
    port: int, path: str, headers: dict[str, str], feed: str, requests: int
) -> tuple[float, float]:
    """The AUC of one route, whichever way it points, and its lower bound."""
    times: dict[str, list[int]] = {feed: [], "-": []}
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    order = [feed, "-"] * (requests // 2)
    random.shuffle(order)
    gc.disable()
    for number, which in enumerate([feed, "-"] * (WARM_UP // 2) + order):
        # Each absent feed is another one, of the same length.
        absent = f"{random.randrange(36**6):06x}"[-6:]
        site = f"http://127.0.0.1:{port}"
        target = path.format(feed=feed if which == feed else absent, site=site)
        began = time.perf_counter_ns()
        if path == LINE:
            _refused_line(port, target)
        else:
            line.request("GET", target, headers=headers)
            answer = line.getresponse()
            answer.read()
            assert answer.status == 404, (target, answer.status)
        took = time.perf_counter_ns() - began
        if number >= WARM_UP:
            times[which].append(took)
    gc.enable()
    line.close()
    area = auc(times[feed], times["-"])
    area = max(area, 1 - area)
    return area, lower_bound(area, len(times["-"]))


def _refused_line(port: int, target: str) -> None:
    """A WebSocket, until the server closes it with 4404."""
    head = (
        f"GET {target} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nupgrade: websocket\r\n"
        "connection: upgrade\r\nsec-websocket-version: 13\r\n"
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    received = b""
    with socket.create_connection(("127.0.0.1", port), 30) as line:
        line.sendall(head.encode())
        while b"\x11\x34" not in received:  # 4404, in the close frame
            more = line.recv(4096)
            assert more, received
            received += more


def say(line: str) -> None:
    """A line of the report."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _make_feeds(url: str) -> None:
    """Make both private feeds, and open one: a stranger's request keeps it open."""
    headers = {"authorization": f"Bearer {ADMIN}"}
    async with httpx.AsyncClient(verify=PLAIN, base_url=url, headers=headers) as api:
        for slug in ("opened", "unused"):
            given = {"slug": slug, "title": slug, "visibility": "private"}
            (await api.post("/v1/feeds", json=given)).raise_for_status()
        (await api.get("/v1/feeds/opened")).raise_for_status()


async def main() -> int:
    """Measure every route; 1 if one tells them apart."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=4000)
    requests = parser.parse_args().requests
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        async with serving(Path(folder)) as server:
            await _make_feeds(server.url)
            for feed in ("opened", "unused"):
                for path, headers in ROUTES:
                    area, bound = await asyncio.to_thread(
                        measured, server.port, path, headers, feed, requests
                    )
                    worst = max(worst, bound)
                    name = f"{path} (events)" if headers else path
                    say(f"{feed} {name}: AUC {area:.3f}, bound {bound:.3f}")
    say(f"worst lower bound {worst:.3f}, at most {LIMIT}")
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
