"""`kill -9` in the middle of 1,000 publishes; readers are left running.

    python -m tests.faults.kills [--publishes 1000] [--kills 6] [--seed N]

Editors publish side by side while the server, and every other time its Valkey with
it, is killed and started again. A publish of which the outcome is unknown is
repeated with its key. At the end every acknowledged post must be there once, and
every reader must have had every post once and in order.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from stoppress.domain.cursor import Cursor
from tests.faults.editor import Editor
from tests.faults.findings import Findings, judged
from tests.faults.judge import Fault
from tests.faults.reader import TRANSPORTS, Reader, ReaderBehaviour
from tests.faults.server import RealSite, Server, serving
from tests.faults.server_state import everything
from tests.plain_http import PLAIN

FEED = "flood"
EDITORS = 4
READERS_EACH = 5
END_S = 60.0


async def play(seed: int, publishes: int, kills: int, data: Path) -> Findings:
    """One run, from an empty data folder."""
    chance = random.Random(seed)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(data))
        site = RealSite(server)
        stack.push_async_callback(site.close)
        editors = [
            Editor(server.url, seed + number, (FEED,), f"Editor {number}, no.")
            for number in range(EDITORS)
        ]
        await editors[0].open()
        readers = [
            Reader(site, (FEED,), number, ReaderBehaviour(transports=(transport,)))
            for number, transport in enumerate(TRANSPORTS * READERS_EACH)
        ]
        for reader in readers:
            reader.calm()  # no cuts of their own
        tasks = [asyncio.create_task(reader.run()) for reader in readers]
        start = Cursor.parse(str((await site.get(f"/v1/feeds/{FEED}"))[1]["cursor"]))
        faults: list[Fault] = []
        try:
            for reader in readers:
                await reader.reach({FEED: start})
            writing = [
                asyncio.create_task(_publish(editor, publishes // EDITORS))
                for editor in editors
            ]
            for number in range(kills):
                done = sum(len(editor.published[FEED]) for editor in editors)
                due = publishes * (number + chance.random()) / kills
                while done < min(due, publishes * 0.98):
                    await asyncio.sleep(0.001)
                    done = sum(len(editor.published[FEED]) for editor in editors)
                await kill(server, with_valkey=number % 2 == 1)
            await asyncio.gather(*writing)
            faults += await compare(server, editors, readers)
        except Exception as error:
            faults.append(Fault("crash", f"{error!r}\n{server.log_tail()}"))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    findings = judged(readers)
    for editor in editors:
        findings.counts += editor.counts
        faults += editor.faults
    findings.faults = faults + findings.faults
    findings.counts["restarts"] = kills
    return findings


async def _publish(editor: Editor, times: int) -> None:
    for _ in range(times):
        await editor.publish(FEED, "gale")


async def kill(server: Server, with_valkey: bool) -> None:
    """Kill every process of the server, with its Valkey or without; start again."""
    began = time.monotonic()
    stores = server.valkey() if with_valkey else []
    for pid in (server.pid, *server.workers(), *stores):
        server.kill(pid)
    await server.ended()
    await server.start()
    kind = "server and valkey" if with_valkey else "server"
    server.ends.append((kind, time.monotonic() - began))


async def compare(
    server: Server, editors: list[Editor], readers: list[Reader]
) -> list[Fault]:
    """Hold readers and pages against what was acknowledged."""
    faults: list[Fault] = []
    async with httpx.AsyncClient(
        verify=PLAIN, base_url=server.url, timeout=60, trust_env=False
    ) as client:
        snapshot, posts = await everything(client, FEED)
    acknowledged = Counter[str]()
    for editor in editors:
        editor.check_feed(FEED, posts)
        acknowledged.update(editor.published[FEED].values())
    for reader in readers:
        try:
            async with asyncio.timeout(END_S):
                await reader.reach({FEED: Cursor.parse(str(snapshot["cursor"]))})
        except TimeoutError:
            faults.append(Fault("stuck", f"{reader.name} on {reader.transport}"))
        judge = reader.judges[FEED]
        judge.compare(snapshot, posts)
        for editor in editors:
            editor.check_reader(judge)
        received = Counter(e.post for e in judge.received if e.kind == "post.published")
        if received != acknowledged:
            extra, missing = received - acknowledged, acknowledged - received
            text = f"{reader.name}: lacks {missing}, has too often {extra}"
            faults.append(Fault("published", text))
    return faults


def main() -> None:
    """Run once from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--publishes", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 20))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stop-press-") as folder:
        findings = asyncio.run(
            play(given.seed, given.publishes, given.kills, Path(folder))
        )
    findings.report(given.seed)
    raise SystemExit(1 if findings.faults else 0)


if __name__ == "__main__":
    main()
