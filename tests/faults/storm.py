"""Storms on one server: 18,000 readers back at once, and 18,000 reset at once.

    python -m tests.faults.storm [--readers 18000] [--write FILE]

First they come within a second, at 100 different cursors of one feed, as after a
crash without jitter; each has to be resumed there, out of memory: Redis is not
read. Then Redis comes back as from a back-up, and the feed begins a new epoch: all
are reset at once, and each gets the snapshot, which has to be drawn once a change
and not for each. All the while an editor publishes, five times a second, and
waits for each answer.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from stoppress.bench import process_stats
from stoppress.domain.cursor import Cursor
from stoppress.log.redis_keys import NODE
from tests.contract.store.servers import ALWAYS
from tests.contract.store.servers import Server as Store
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
PLACES = 100
A_SECOND = 5.0
LEAST_S = 20.0
"""How long each storm is looked at, at least, so that there are enough publishes for a
99th percentile."""
IN_S = 30.0 * BUSY
"""Within what time all have to be in."""
P99_MS = 250.0
GROWN_MB = 400.0
"""How much more the server may hold at the worst moment than with its readers quiet."""
TITLE = "Storms"
READS = ("xrange", "xrevrange", "zrevrange", "zrevrangebyscore")
"""The commands of Redis that read a log, or the posts of a snapshot, in scripts. Not
`zrange`: it reads the schedule and the list of webhooks, on a timer."""
LOOKS, AUDITED = "xadd", "xtrim"
"""The command of each write, whose script looks at the oldest event: one `xrange`; and
that of each audit entry, which is one `xadd` more."""


@dataclass(slots=True)
class Storm:
    """What came of one of the two."""

    count: Count
    seconds: float
    """Until all were there."""
    publishes: list[float] = field(default_factory=list)
    """How long each took, in seconds."""
    refused: int = 0
    reads: dict[str, int] = field(default_factory=dict)
    """Of Redis, by command."""
    peak_mb: float = 0.0
    faults: list[str] = field(default_factory=list)

    @property
    def p99_ms(self) -> float:
        """The 99th percentile of publishing."""
        times = sorted(self.publishes)
        return times[min(len(times) - 1, int(len(times) * 0.99))] * 1000


class Editor:
    """Publishes at a steady pace, and takes the time of each answer."""

    def __init__(self, url: str) -> None:
        self.times: list[float] = []
        self.refused = 0
        self.head: Cursor | None = None
        self._client = httpx.AsyncClient(
            verify=PLAIN,
            base_url=url,
            timeout=60,
            trust_env=False,
            headers={"Authorization": f"Bearer {ADMIN}"},
        )

    async def make(self) -> None:
        """Make the feed, as soon as that can be."""
        while True:
            answer = await self._client.post(
                "/v1/feeds", json={"slug": FEED, "title": "The flood"}
            )
            if answer.status_code in (200, 201):
                return
            await asyncio.sleep(0.05)

    async def publish(self) -> Cursor:
        """One post."""
        began = time.monotonic()
        answer = await self._client.post(
            f"/v1/feeds/{FEED}/posts", json={"headline": "Water rises", "body": "gale"}
        )
        self.times.append(time.monotonic() - began)
        if answer.status_code != 201:
            self.refused += 1
            raise OSError(answer.text)
        return Cursor.parse(answer.json()["cursor"])

    async def work(self) -> None:
        """Publish until cancelled; in between is always the same time."""
        while True:
            try:
                self.head = await asyncio.shield(self.publish())
            except (OSError, httpx.HTTPError):
                pass
            await asyncio.sleep(1 / A_SECOND)

    async def aclose(self) -> None:
        """Hang up."""
        await self._client.aclose()


async def play(
    readers: int, folder: Path, least_s: float = LEAST_S
) -> tuple[Storm, Storm, float]:
    """Both storms, and the MB of the server with its readers quiet."""
    async with AsyncExitStack() as stack:
        store = Store("redis", folder / "store", ALWAYS)
        stack.callback(store.kill)
        await asyncio.to_thread(store.start)
        server = await stack.enter_async_context(serving(folder, "--redis", store.url))
        editor = Editor(server.url)
        stack.push_async_callback(editor.aclose)
        await editor.make()
        head = [await editor.publish() for _ in range(PLACES * 2)][-1]
        crowd = await stack.enter_async_context(
            reader_crowd_process(("127.0.0.1", server.port), FEED, SEED)
        )
        # One reader has the feed open, as one of many servers' feeds always is.
        await crowd.come([head], at_once=False)
        await crowd.until_in(IN_S)
        await crowd.forget()
        back = await _come_back(crowd, store, server, editor, head, readers, least_s)
        await asyncio.sleep(2)
        quiet_mb = process_stats.rss(_pids(server)) / 1e6
        reset = await _reset(crowd, store, server, editor, least_s)
        return back, reset, quiet_mb


async def _come_back(
    crowd: ReaderCrowdProcess,
    store: Store,
    server: Server,
    editor: Editor,
    head: Cursor,
    n: int,
    least_s: float,
) -> Storm:
    places = [head._replace(seq=head.seq - number % PLACES) for number in range(n - 1)]
    before, began = _reads(store), time.monotonic()
    editor.times.clear()
    writing = asyncio.create_task(editor.work())
    await crowd.come(places, at_once=True)
    storm = Storm(await _there(crowd, None), time.monotonic() - began)
    await asyncio.sleep(max(0.0, least_s - storm.seconds))
    await _stop(writing, editor, storm)
    storm.reads = {name: n - before[name] for name, n in _reads(store).items()}
    await _end(crowd, server, editor, storm)
    if any(storm.reads.values()):
        storm.faults.append(f"Redis was read: {storm.reads}")
    if storm.count.seen["reset"]:
        storm.faults.append(f"{storm.count.seen['reset']} were reset")
    return storm


async def _reset(
    crowd: ReaderCrowdProcess,
    store: Store,
    server: Server,
    editor: Editor,
    least_s: float,
) -> Storm:
    await crowd.forget()
    # As after a back-up was put back: see the limits in docs/reliability.md.
    with store.client() as client:
        client.delete(NODE)
    await asyncio.to_thread(store.kill)
    await asyncio.to_thread(store.start)
    editor.times.clear()
    editor.head, began = None, time.monotonic()
    writing = asyncio.create_task(editor.work())
    storm = Storm(await _there(crowd, editor), time.monotonic() - began)
    await asyncio.sleep(max(0.0, least_s - storm.seconds))
    await _stop(writing, editor, storm)
    storm.reads = _reads(store)  # it counts from its start
    await _end(crowd, server, editor, storm)
    snapshots = storm.reads["zrevrange"]
    if storm.count.seen["reset"] < storm.count.readers or storm.count.seen["broken"]:
        storm.faults.append(f"not all were reset on their lines: {storm.count.seen}")
    if snapshots > len(storm.publishes) + 10:
        storm.faults.append(f"{snapshots} snapshots were drawn")
    return storm


async def _there(crowd: ReaderCrowdProcess, resets: Editor | None) -> Count:
    """Wait until all are on their lines; after a reset, with its snapshot too."""
    end = time.monotonic() + 2 * IN_S
    while True:
        now = await crowd.count()
        snapshots = now.seen["snapshots"]
        print(  # noqa: T201
            f"{now.connected:,} are in, {snapshots:,} have a snapshot", file=sys.stderr
        )
        done = now.connected == now.readers and (
            resets is None or snapshots == now.readers
        )
        if done or time.monotonic() > end:
            return now
        await asyncio.sleep(0.5)


async def _stop(writing: asyncio.Task[None], editor: Editor, storm: Storm) -> None:
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await asyncio.sleep(1)  # the last publish may still be under way
    storm.publishes, storm.refused = list(editor.times), editor.refused


async def _end(
    crowd: ReaderCrowdProcess, server: Server, editor: Editor, storm: Storm
) -> None:
    """All have to be at the head, which one more post moves on."""
    goal = await editor.publish()
    try:
        storm.count = await crowd.until_at(goal, IN_S)
    except TimeoutError:
        storm.count = await crowd.count(goal)
        away = storm.count.readers - storm.count.at_goal
        storm.faults.append(f"{away} readers are not at {goal}")
    storm.faults += storm.count.first_faults
    storm.peak_mb = process_stats.rss_peak(_pids(server)) / 1e6
    if storm.seconds > IN_S:
        storm.faults.append(f"all were there after {storm.seconds:.0f} s")
    if storm.p99_ms > P99_MS:
        storm.faults.append(f"publish p99 {storm.p99_ms:.0f} ms")


def _pids(server: Server) -> list[int]:
    return server.workers()


def _reads(store: Store) -> dict[str, int]:
    with store.client() as client:
        stats = client.info("commandstats")
    calls = {
        name: int(stats.get(f"cmdstat_{name}", {}).get("calls", 0))
        for name in (*READS, LOOKS, AUDITED)
    }
    calls["xrange"] -= calls.pop(LOOKS) - calls.pop(AUDITED)
    return calls


def reported(back: Storm, reset: Storm, quiet_mb: float) -> str:
    """What the report says of both."""
    arrived_s = back.count.last_s - back.count.first_s
    drawn = reset.reads["zrevrange"]
    log_reads = reset.reads["xrange"] + reset.reads["xrevrange"]
    faults = back.faults + reset.faults
    result = f"**{faults[:3]}**" if faults else "0"
    return f"""\
`python -m tests.faults.storm`: one server, one feed. First all readers connect at
once, at {PLACES} cursors of the feed; then Redis returns as if restored from a
back-up, so that a new epoch begins: all are reset at once, and get the snapshot.
An editor publishes meanwhile, {A_SECOND:.0f} times per second.

| what | back at {PLACES} cursors | reset at once |
| --- | --: | --: |
| readers | {back.count.readers:,} | {reset.count.readers:,} |
| all there after, at most {IN_S:.0f} s | {back.seconds:.1f} s | {reset.seconds:.1f} s |
| handshakes, answered within | {back.count.handshakes:,}, {arrived_s:.1f} s | |
| snapshots fetched | | {reset.count.seen["snapshots"]:,} |
| reads of the log in Redis | {sum(back.reads.values())} | {log_reads} |
| snapshots drawn from Redis | 0 | {drawn} |
| publishes, refused | {len(back.publishes)}, {back.refused} | \
{len(reset.publishes)}, {reset.refused - back.refused} |
| publish, 99th percentile (at most {P99_MS:.0f} ms) | {back.p99_ms:.0f} ms | \
{reset.p99_ms:.0f} ms |
| the server's memory at most ({quiet_mb:.0f} MB with readers quiet) | \
{back.peak_mb:.0f} MB | {reset.peak_mb:.0f} MB |
| gaps, repeats, faults | {result} | |
"""


def main() -> None:
    """Run from the command line; exit 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=18_000)
    parser.add_argument("--write", type=Path, default=None, help="a report to write")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stop-press-") as folder:
        back, reset, quiet_mb = asyncio.run(play(given.readers, Path(folder)))
    if reset.peak_mb - quiet_mb > GROWN_MB:
        reset.faults.append(f"{reset.peak_mb:.0f} MB after {quiet_mb:.0f}")
    text = reported(back, reset, quiet_mb)
    seen = dict(back.count.seen), dict(reset.count.seen), back.reads, reset.reads
    print(text, *seen, *back.faults, *reset.faults, sep="\n")  # noqa: T201
    if given.write is not None:
        page = given.write.read_text() if given.write.exists() else ""
        given.write.write_text(put(page, TITLE, text))
    sys.exit(1 if back.faults or reset.faults else 0)


if __name__ == "__main__":
    main()
