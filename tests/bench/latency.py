"""From the editor's send to the reader's socket, on all three transports.

    python -m tests.bench.latency [--readers 100] [--rate 20] [--seconds 30] [--json]

100 readers of each transport follow one feed; posts are published at a steady
rate over one connection. The clock starts before the request is written and stops
when a reader's bytes are read. Server (with its Valkey) and loader run on different
cores. What readers get is only stamped while the clock runs, and parsed afterwards:
every reader must have had the same events with the same cursors.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import cast

import httpx
import uvloop

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import KNOWN_TYPES
from stoppress.domain.fold import Json
from tests.faults.reader_transports import PollWire, SseWire, WebSocketWire, Wire
from tests.faults.server import ADMIN, Server, serving

FEED = "latency"
LIMIT_MS = 50.0
END_S = 10.0
"""How long the last post may take to reach everyone."""
_HEAD = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_CURSOR = re.compile(rb'"cursor":"([a-z0-9]+-\d+)"')

WIRES: dict[str, type[WebSocketWire] | type[SseWire] | type[PollWire]] = {
    "websocket": WebSocketWire,
    "sse": SseWire,
    "poll": PollWire,
}


class Stamped(asyncio.Protocol):
    """A reader that notes when which bytes came."""

    def __init__(self, wire: Wire, start: Cursor) -> None:
        self.wire = wire
        self.chunks: list[tuple[float, bytes]] = []
        self.lost = False
        self._request = wire.begin({FEED: start})
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.chunks.append((time.perf_counter(), data))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True

    def say(self, data: bytes) -> None:
        """Send the next request."""
        assert self._transport is not None
        self._transport.write(data)

    def cut(self) -> None:
        """End the connection."""
        assert self._transport is not None
        self._transport.abort()


class Polling(Stamped):
    """A reader that asks again as soon as it was answered."""

    _rest = b""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._rest += data
        head, end, body = self._rest.partition(b"\r\n\r\n")
        length = _HEAD.search(head)
        if not end or length is None or len(body) < int(length[1]):
            return
        self._rest = b""
        cursor = _CURSOR.match(body, 1)
        assert cursor is not None, body[:200]
        self.say(PollWire().begin({FEED: Cursor.parse(cursor[1].decode())}))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; times in milliseconds."""

    transport: str
    readers: int
    events: int
    p50: float
    p90: float
    p99: float
    most: float


def row(name: str, readers: int, delays: list[float]) -> Row:
    """The line of the table for these delays."""
    parts = quantiles(delays, n=100)
    most = max(delays)
    return Row(name, readers, len(delays), parts[49], parts[89], parts[98], most)


async def measure(
    server: Server, readers: int, rate: float, seconds: float
) -> tuple[list[Row], list[str]]:
    """The table, and what is wrong."""
    start = await make_feed(server)
    crowd: dict[str, list[Stamped]] = {}
    loop = asyncio.get_running_loop()
    for name, make in WIRES.items():
        kind = Polling if name == "poll" else Stamped
        crowd[name] = []
        for _ in range(readers):
            reader = kind(make(), start)
            await loop.create_connection(
                partial(_same, reader), "127.0.0.1", server.port
            )
            crowd[name].append(reader)
    await asyncio.sleep(1.0)  # for hellos; nothing is measured by it
    sent, acks = await publish(server, start, rate, round(rate * seconds))
    await asyncio.sleep(END_S if readers > 500 else 2.0)
    wrong = [f"a {name} was lost" for name in crowd for r in crowd[name] if r.lost]
    for reader in (reader for group in crowd.values() for reader in group):
        reader.cut()
    rows, truth = [], dict[str, Json]()
    for name, group in crowd.items():
        delays: list[float] = []
        for reader in group:
            heard = hear(reader, start)
            if list(heard) != list(sent):
                wrong.append(f"a {name} had {len(heard)} of {len(sent)}, or disordered")
            for cursor, (at, message) in heard.items():
                delays.append((at - sent[cursor]) * 1000)
                if truth.setdefault(cursor, message) != message:
                    wrong.append(f"a {name} had another {cursor}")
        rows.append(row(name, len(group), delays))
    rows.append(row("its own 201", 1, acks))
    return rows, wrong


def _same(reader: Stamped) -> Stamped:
    return reader


def hear(reader: Stamped, start: Cursor) -> dict[str, tuple[float, Json]]:
    """When each event came, by its cursor."""
    heard: dict[str, tuple[float, Json]] = {}
    wire = reader.wire
    for at, data in reader.chunks:
        if isinstance(wire, PollWire) and wire.idle:
            last = Cursor.parse(next(reversed(heard), str(start)))
            wire.begin({FEED: last})
        for message in wire.feed(data):
            if message["type"] in KNOWN_TYPES:
                cursor = str(message["cursor"])
                assert cursor not in heard, f"{cursor} came twice"
                heard[cursor] = at, message
    return heard


async def make_feed(server: Server) -> Cursor:
    """The feed, and the cursor it begins with."""
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        made = await client.post(
            "/v1/feeds",
            json={"slug": FEED, "title": "Latency"},
            headers={"Authorization": f"Bearer {ADMIN}"},
        )
        made.raise_for_status()
        answer = await client.get(f"/v1/feeds/{FEED}")
        return Cursor.parse(answer.json()["cursor"])


async def publish(
    server: Server, start: Cursor, rate: float, posts: int
) -> tuple[dict[str, float], list[float]]:
    """Publish at a steady rate; when each cursor was sent, and how long its 201 took.

    The latter in milliseconds.
    """
    stream, writer = await asyncio.open_connection("127.0.0.1", server.port)
    loop = asyncio.get_running_loop()
    sent: dict[str, float] = {}
    acks: list[float] = []
    began = loop.time()
    for number in range(posts):
        await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
        body = json.dumps({"headline": f"No. {number}", "body": "gale " * 40}).encode()
        request = (
            f"POST /v1/feeds/{FEED}/posts HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {ADMIN}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        at = time.perf_counter()
        writer.write(request)
        head = await stream.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 201"), head
        length = _HEAD.search(head)
        assert length is not None
        answer = json.loads(await stream.readexactly(int(length[1])))
        sent[answer["cursor"]] = at
        acks.append((time.perf_counter() - at) * 1000)
    writer.close()
    assert list(sent)[0] == f"{start.epoch}-{start.seq + 1}"
    return sent, acks


async def bench(given: argparse.Namespace) -> tuple[list[Row], list[str]]:
    """Start a server on the first core, measure from the last."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    with tempfile.TemporaryDirectory(prefix="stop-press-") as folder:
        core = cores[0] if len(cores) > 1 else None
        async with serving(Path(folder), core=core) as server:
            return await measure(server, given.readers, given.rate, given.seconds)


def main() -> None:
    """Measure, print the table, and fail if it is too slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=100, help="of each transport")
    parser.add_argument("--rate", type=float, default=20.0, help="posts a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rows, wrong = runner.run(bench(given))
    names = ("transport", "readers", "events", "p50", "p90", "p99", "most")
    table = [{name: getattr(row, name) for name in names} for row in rows]
    if given.json:
        print(json.dumps({"rows": table, "wrong": wrong}))  # noqa: T201
    else:
        print(f"{'ms':12} readers  events    p50    p90    p99   most")  # noqa: T201
        for row in rows:
            print(  # noqa: T201
                f"{row.transport:12} {row.readers:7} {row.events:7} "
                f"{row.p50:6.1f} {row.p90:6.1f} {row.p99:6.1f} {row.most:6.1f}"
            )
        for text in wrong[:10]:
            print(f"WRONG: {text}")  # noqa: T201
    raise SystemExit(1 if wrong or any(row.p99 > LIMIT_MS for row in rows[:-1]) else 0)


if __name__ == "__main__":
    main()
