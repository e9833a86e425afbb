"""A feed of 50,000 events: who comes back inside the promise is resumed, all along.

    python -m tests.faults.long_life [--events 50000] [--kept 4096] [--write FILE]

The log keeps the last `--kept` events (`log_events`), and the ring as many. After
each tenth of the events readers come back to places inside of that: every one has to
be resumed there, without a hole; one beyond it has to be reset. At the end once more
after a restart, and after the clock went on to a day before the log's age: all are
resumed. When it is past that, who is behind is reset, and who is not is resumed.
The epoch stays, and what a write and a snapshot cost does not grow.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import stat
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from redis.asyncio import Redis

from stoppress.bench import process_stats
from stoppress.domain.cursor import Cursor
from stoppress.log.redis_keys import feed_keys
from stoppress.settings import Settings
from tests.faults.clocks import Clock
from tests.faults.fault_kind import BUSY
from tests.faults.reader_crowd_process import (
    Count,
    ReaderCrowdProcess,
    reader_crowd_process,
)
from tests.faults.report_sections import put
from tests.faults.server import ADMIN, Server, serving
from tests.plain_http import PLAIN

FEED = "flood"
SEED = 7
TENTHS = 10
WRITERS = 16
SNAPSHOTS = 20
BACK_S = 60.0 * BUSY
AGE_DAYS = Settings.log_days
DAY_S = 86_400
BACK = (100, 1, 0)
"""How far behind readers are who come back when the log is too old."""
GROWTH = 2.0
"""How many times what the first tenth cost any other may cost, on a machine in use."""
TITLE = "A long life"


@dataclass(slots=True)
class Tenth:
    """How the feed was after some of its events."""

    events: int
    write_ms: float
    """Of the server's time, for each write."""
    snapshot_ms: float
    """A snapshot that no memory holds yet: the fastest, as the machine is in use."""
    kept: int
    """Events in the log."""
    log_mb: float
    hub_mb: float


@dataclass(slots=True)
class Life:
    """What came of it."""

    tenths: list[Tenth] = field(default_factory=list)
    resumed: int = 0
    reset: int = 0
    received: int = 0
    faults: list[str] = field(default_factory=list)


class Writing:
    """An editor with several concurrent writes."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.head = Cursor("", 0)

    async def write(self, events: int) -> None:
        """So many events: posts, and an edit of each."""
        turns = iter(range(events // 2))

        async def hand() -> None:
            for _ in turns:
                await self._two()

        await asyncio.gather(*(hand() for _ in range(WRITERS)))

    async def _two(self) -> None:
        path = f"/v1/feeds/{FEED}/posts"
        draft = {"headline": "Water rises", "body": "gale " * 10}
        made = (await self._client.post(path, json=draft)).raise_for_status().json()
        answer = await self._client.patch(
            f"{path}/{made['post']['id']}",
            json={"body": "The gale is over."},
            headers={"If-Match": "*"},
        )
        at = Cursor.parse(answer.raise_for_status().json()["cursor"])
        if self.head.epoch not in ("", at.epoch):
            raise RuntimeError(f"the epoch changed: {self.head} and {at}")
        self.head = max(self.head, at)


async def live(events: int, kept: int, folder: Path, parts: int = TENTHS) -> Life:
    """One feed, from its first event to its last, looked at after each part."""
    life = Life()
    async with AsyncExitStack() as stack:
        clock = Clock(folder)
        settings = {
            "STOPPRESS_LOG_EVENTS": str(kept),
            "STOPPRESS_RING_EVENTS": str(kept),
            "STOPPRESS_DRAIN_S": "1",
            **clock.environment,
        }
        server = await stack.enter_async_context(serving(folder, settings=settings))
        client = await stack.enter_async_context(
            httpx.AsyncClient(
                verify=PLAIN,
                base_url=server.url,
                timeout=60,
                trust_env=False,
                headers={"Authorization": f"Bearer {ADMIN}"},
            )
        )
        made = await client.post("/v1/feeds", json={"slug": FEED, "title": "The flood"})
        made.raise_for_status()
        store = await stack.enter_async_context(_store(folder))
        editor = Writing(client)
        for _ in range(parts):
            began = _busy(server)
            await editor.write(events // parts)
            each_ms = (_busy(server) - began) / (events // parts) * 1000
            tenth = await _seen(client, store, server, editor, each_ms)
            life.tenths.append(tenth)
            await _returned(server, editor.head, kept, life)
        for days in (0, AGE_DAYS - 1):
            await _restarted(server, clock, days)
            await _returned(server, editor.head, kept, life)
        await _restarted(server, clock, AGE_DAYS + 1)
        await _returned_late(server, editor.head, life)
        await editor.write(2)
        await _returned_late(server, editor.head, life, forgotten=False)
    _judge(life, kept)
    return life


async def _restarted(server: Server, clock: Clock, days: int) -> None:
    clock.set(days * DAY_S)
    await asyncio.sleep(1.5)  # the clock is looked at once a second
    server.kill(server.pid, signal.SIGTERM)
    await server.ended()
    await server.start()


@asynccontextmanager
async def _store(folder: Path) -> AsyncIterator[Redis]:
    """The embedded Valkey, by its socket."""
    client = Redis(unix_socket_path=str(_socket(folder)), protocol=2)
    try:
        yield client
    finally:
        await client.aclose()


def _socket(folder: Path) -> Path:
    return next(p for p in folder.rglob("*") if stat.S_ISSOCK(p.lstat().st_mode))


def _busy(server: Server) -> float:
    return process_stats.cpu_s(server.workers()) + process_stats.cpu_s(server.valkey())


async def _seen(
    client: httpx.AsyncClient,
    store: Redis,
    server: Server,
    editor: Writing,
    each_ms: float,
) -> Tenth:
    times = []
    for _ in range(SNAPSHOTS):
        await editor.write(2)
        began = time.perf_counter()
        (await client.get(f"/v1/feeds/{FEED}")).raise_for_status()
        times.append(time.perf_counter() - began)
    log = feed_keys(FEED).log
    return Tenth(
        editor.head.seq,
        each_ms,
        min(times) * 1000,
        int(await store.xlen(log)),
        int(await store.memory_usage(log, samples=0) or 0) / 1e6,
        process_stats.rss(server.workers()) / 1e6,
    )


async def _returned(server: Server, head: Cursor, kept: int, life: Life) -> None:
    """Readers come back: some inside the promise, one from beyond it."""
    address = ("127.0.0.1", server.port)
    inside = [kept, kept - 1, kept // 2, 100, 1, 0]
    places = [head._replace(seq=head.seq - back) for back in inside if back <= head.seq]
    async with reader_crowd_process(address, FEED, SEED) as crowd:
        await crowd.come(places, at_once=True)
        count = await _all_at(crowd, head, life)
        life.resumed += len(places) - count.seen["reset"]
        life.received += count.seen["events"]
        if count.seen["reset"]:
            life.faults.append(f"{count.seen['reset']} were reset at {head}")
    beyond = head.seq - 2 * kept
    if beyond <= 0:
        return
    async with reader_crowd_process(address, FEED, SEED) as crowd:
        await crowd.come([head._replace(seq=beyond)], at_once=True)
        count = await _all_at(crowd, head, life)
        life.reset += count.seen["reset"]
        if not count.seen["reset"]:
            life.faults.append(f"from {beyond} to {head} there was no reset")


async def _returned_late(
    server: Server, head: Cursor, life: Life, *, forgotten: bool = True
) -> None:
    """Readers come back when the log was let go; or later, to what was written since.

    Of those two events the first is one that only who knew all before can go on from.
    """
    backs = BACK if forgotten else (3, 2, 1, 0)
    places = [head._replace(seq=head.seq - back) for back in backs]
    behind = sum(back > (0 if forgotten else 2) for back in backs)
    async with reader_crowd_process(("127.0.0.1", server.port), FEED, SEED) as crowd:
        await crowd.come(places, at_once=True)
        count = await _all_at(crowd, head, life)
    life.reset += count.seen["reset"]
    life.resumed += len(places) - count.seen["reset"]
    if count.seen["reset"] != behind:
        life.faults.append(f"{count.seen['reset']}, not {behind}, were reset at {head}")


async def _all_at(crowd: ReaderCrowdProcess, head: Cursor, life: Life) -> Count:
    try:
        count = await crowd.until_at(head, BACK_S)
    except TimeoutError:
        count = await crowd.count(head)
        life.faults.append(f"{count.readers - count.at_goal} did not come to {head}")
    life.faults += count.first_faults
    return count


def _judge(life: Life, kept: int) -> None:
    first = life.tenths[0]
    for one in life.tenths:
        if one.events > kept > one.kept:
            life.faults.append(f"the log holds {one.kept} of {one.events} events")
        if one.kept > 1.1 * kept + 200:
            life.faults.append(f"the log still holds {one.kept} events")
        for name, now, then in (
            ("a write", one.write_ms, first.write_ms),
            ("a snapshot", one.snapshot_ms, first.snapshot_ms),
        ):
            if now > GROWTH * then + 1:
                text = f"{name} takes {now:.2f} ms after {one.events} events"
                life.faults.append(f"{text}, {then:.2f} ms after the first tenth")


def reported(life: Life, kept: int) -> str:
    """What the report says of it."""
    shown: Sequence[Tenth] = [life.tenths[0], life.tenths[4], life.tenths[-1]]
    rows = "\n".join(
        f"| {one.events:,} | {one.write_ms:.2f} ms | {one.snapshot_ms:.1f} ms "
        f"| {one.kept:,} | {one.log_mb:.2f} MB | {one.hub_mb:.0f} MB |"
        for one in shown
    )
    result = f"**{life.faults[:3]}**" if life.faults else "no fault"
    return f"""\
`python -m tests.faults.long_life`: one feed, of which the log keeps the last {kept:,}
events, for {AGE_DAYS} days. Readers reconnect after each tenth of the events, after a
restart, after one with the clock {AGE_DAYS - 1} days ahead, and when it is
{AGE_DAYS + 1} days ahead. In all {life.resumed} readers within that window were
resumed at their cursors, and got {life.received:,} events without a gap; {life.reset}
readers beyond it were reset. The epoch stayed. Result: {result}.

| events so far | CPU time of a write | new snapshot | kept | log in Redis | process |
| --: | --: | --: | --: | --: | --: |
{rows}
"""


def main() -> None:
    """Run from the command line; exit 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--kept", type=int, default=4096)
    parser.add_argument("--write", type=Path, default=None, help="a report to write")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stop-press-") as folder:
        life = asyncio.run(live(given.events, given.kept, Path(folder)))
    print(reported(life, given.kept), *life.tenths, *life.faults, sep="\n")  # noqa: T201
    if given.write is not None:
        page = given.write.read_text() if given.write.exists() else ""
        given.write.write_text(put(page, TITLE, reported(life, given.kept)))
    sys.exit(1 if life.faults else 0)


if __name__ == "__main__":
    main()
