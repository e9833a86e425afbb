"""The real thing: real cuts, real restarts, readers on all transports.

    python -m tests.faults.sockets [--cuts 1000] [--restarts 20] [--seed N]

`stoppress serve` with its own Valkey runs as a process; an editor publishes, edits
and withdraws without a pause; readers are cut at any byte. In between the server,
a worker or Valkey is ended, now politely, now by `kill -9`, and started again where
that is not done by itself. At the end every reader must have had every event once
and in order, and hold what the server shows; and every write that was acknowledged
must be there once.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import httpx

from stoppress.domain.cursor import Cursor
from tests.faults.editor import Editor
from tests.faults.findings import Findings, judged
from tests.faults.judge import Fault
from tests.faults.reader import Reader, ReaderBehaviour
from tests.faults.server import RealSite, Server, serving
from tests.faults.server_state import everything
from tests.plain_http import PLAIN

FEEDS = ("flood", "vote", "derby")
READERS = 18
FIRST_POSTS = 150
"""Posts that are there before the first reader, so that there are pages."""
END_S = 60.0
"""How long readers may take to come to the end."""
BEHAVIOUR = ReaderBehaviour(
    line_s=2.0, pause_s=0.05, slow=0.1, seek=0.02, patience_s=40.0
)
KILLS = ("term server", "kill server", "kill worker", "kill valkey")


async def play(
    seed: int,
    cuts: int,
    restarts: int,
    data: Path,
    workers: int = 2,
    ring_events: int = 4096,
) -> Findings:
    """One run, from an empty data folder; a small ring makes resets, too."""
    chance = random.Random(seed)
    settings = {"STOPPRESS_DRAIN_S": "0.5", "STOPPRESS_BEAT_S": "5"}
    settings["STOPPRESS_RING_EVENTS"] = str(ring_events)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            serving(data, "--workers", str(workers), settings=settings)
        )
        editor = Editor(server.url, seed, FEEDS)
        await editor.open()
        for number in range(FIRST_POSTS):
            await editor.publish(FEEDS[number % len(FEEDS)])
        site = RealSite(server)
        stack.push_async_callback(site.close)
        left = asyncio.Semaphore(0)
        readers = [
            Reader(
                site,
                FEEDS if number % 2 else (chance.choice(FEEDS),),
                seed * 1000 + number,
                BEHAVIOUR,
                on_cut=left.release,
            )
            for number in range(READERS)
        ]
        tasks = [asyncio.create_task(reader.run()) for reader in readers]
        writing = asyncio.create_task(_write(editor, chance))
        faults: list[Fault] = []
        try:
            for number in range(restarts + 1):
                for _ in range(cuts // (restarts + 1)):
                    await _next(left, (writing, *tasks))
                if number < restarts:
                    await end_something(server, KILLS[number % len(KILLS)])
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing
            faults += await settle(server, editor, readers)
        except Exception as error:
            faults.append(Fault("crash", f"{error!r}\n{server.log_tail()}"))
        finally:
            for task in (writing, *tasks):
                task.cancel()
            done = await asyncio.gather(writing, *tasks, return_exceptions=True)
    findings = judged(readers)
    findings.faults += faults + editor.faults
    crashes = [Fault("crash", repr(end)) for end in done if isinstance(end, Exception)]
    findings.faults = crashes + findings.faults
    findings.counts += editor.counts
    findings.counts["restarts"] = restarts
    return findings


async def _write(editor: Editor, chance: random.Random) -> None:
    while True:
        # An action is not to be cancelled half-way: its outcome would be unknown.
        action = asyncio.ensure_future(editor.act())
        try:
            await asyncio.shield(action)
        except asyncio.CancelledError:
            await action
            raise
        await asyncio.sleep(chance.expovariate(100))


async def _next(left: asyncio.Semaphore, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait for the next cut, or for the error of a task that has ended."""
    cut = asyncio.ensure_future(left.acquire())
    done, _ = await asyncio.wait(
        [cut, *tasks], timeout=60, return_when=asyncio.FIRST_COMPLETED
    )
    if cut not in done:
        cut.cancel()
        if not done:
            raise TimeoutError("nobody was cut for a minute")
        for task in done:
            await task


async def end_something(server: Server, how: str) -> None:
    """End the server, a worker or Valkey, and see that it serves again."""
    began = time.monotonic()
    if how == "kill valkey":
        for pid in server.valkey():
            server.kill(pid)
    elif how == "kill worker":
        server.kill(server.workers()[0])
    else:
        kind = signal.SIGKILL if how == "kill server" else signal.SIGTERM
        server.kill(server.pid, kind)
        await server.ended()
        await server.start()
    server.ends.append((how, time.monotonic() - began))


async def settle(
    server: Server, editor: Editor, readers: Sequence[Reader]
) -> list[Fault]:
    """Let all readers come to the end; compare, then with all pages once more."""
    faults: list[Fault] = []
    async with httpx.AsyncClient(
        verify=PLAIN, base_url=server.url, timeout=60, trust_env=False
    ) as client:
        truth = {feed: await everything(client, feed) for feed in FEEDS}
    for feed, (_, posts) in truth.items():
        editor.check_feed(feed, posts)
    targets = {
        feed: Cursor.parse(str(snapshot["cursor"]))
        for feed, (snapshot, _) in truth.items()
    }
    for reader in readers:
        reader.calm()
    deadline = asyncio.get_running_loop().time() + END_S
    for complete in (False, True):
        for reader in readers:
            try:
                async with asyncio.timeout_at(deadline):
                    await reader.reach(targets)
                    if complete:
                        await reader.complete()
            except TimeoutError:
                text = f"{reader.name} on {reader.transport}: {reader.counts}"
                faults.append(Fault("stuck", text))
            for feed, judge in reader.judges.items():
                judge.compare(*truth[feed])
                if complete:
                    editor.check_reader(judge)
    return faults


def main() -> None:
    """Run once from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=1000)
    parser.add_argument("--restarts", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ring-events", type=int, default=4096)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 20))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stop-press-") as folder:
        run = play(
            given.seed,
            given.cuts,
            given.restarts,
            Path(folder),
            given.workers,
            given.ring_events,
        )
        findings = asyncio.run(run)
    findings.report(given.seed)
    raise SystemExit(1 if findings.faults else 0)


if __name__ == "__main__":
    main()
