"""The hub against a model: random cuts and changes of transport, in virtual time.

    python -m tests.faults.model [--cuts 10000] [--seed N]

Everything between the log and the reader is the real thing: hub, channels, rings,
takeover, uvicorn, sockets. The log is a model, which also answers for
snapshots. A campaign is many runs; a run has its own seed, its own sizes (of
window, ring and buffers) and reader_behaviour. A run that fails prints its seed, and
`--cuts 1 --seed <that>` repeats it.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import uvicorn
from starlette.applications import Starlette

from stoppress.desk.choose_credential_source import Callers
from stoppress.desk.manage_and_check_tokens import Tokens
from stoppress.domain.cursor import Cursor
from stoppress.domain.fold import Json
from stoppress.hub.decide_or_delay_follow_requests import CATCH_UP_S
from stoppress.hub.delivery_scheduler import Sweep
from stoppress.hub.hub import Hub
from stoppress.settings import Settings
from stoppress.web.line import websocket_and_events_routes
from stoppress.web.line.http_protocol import LiveHttp
from stoppress.web.line.recheck_rights import LineRights
from stoppress.web.line.takeover import LiveWebSocket
from stoppress.web.services import Services
from tests.faults import virtual_clock
from tests.faults.findings import Findings, judged
from tests.faults.judge import Fault
from tests.faults.model_log import ModelFeed, ModelLog
from tests.faults.reader import Dialled, Reader, ReaderBehaviour

READERS = 12
FEEDS = ("flood", "vote", "derby")
BURST = 200
"""Actions in each feed at the end, at once."""
PATIENCE_S = 120.0
"""How long readers may take to come to the end, in virtual time."""
DRAIN_S = 60.0
"""The same after the burst: less than a beat, which would wake a stuck reader."""


class ModelHub(Hub):
    """The hub, on the loop's clock, so that a run can be repeated."""

    def __init__(self, line: ModelLog, settings: Settings) -> None:
        super().__init__(line, settings)
        loop = asyncio.get_running_loop()
        self.sweep = Sweep(loop.call_soon, self.metrics, loop.time)

    def now(self) -> float:
        return asyncio.get_running_loop().time()


class ModelSite:
    """Lines from the real server, snapshots from the model."""

    def __init__(self, log: ModelLog, address: str, seed: int) -> None:
        self._log = log
        self._address = address
        self._random = random.Random(seed)

    async def dial(self) -> Dialled:
        return await asyncio.open_unix_connection(self._address, limit=1024)

    async def get(self, path: str) -> tuple[int, Json]:
        """As it is at some moment between asking and answering."""
        await asyncio.sleep(self._random.expovariate(20))
        answer = self._log.show(path)
        await asyncio.sleep(self._random.expovariate(20))
        return answer

    def gone(self, feed: str) -> frozenset[str]:
        found = self._log.feeds.get(feed)
        return frozenset() if found is None else found.gone


async def play(seed: int, cuts: int) -> Findings:
    """One run: readers are cut `cuts` times in all, then compared with the model."""
    chance = random.Random(seed)
    random.seed(seed)  # the hub draws its waits from there, and they have a length
    log = ModelLog(seed, log_events=chance.choice((16, 200, 1000)))
    log.away = chance.choice((0, 0, 0.05))
    log.lag_s = chance.choice((0.5, 0.5, 6.0))
    crashes = chance.choice((0.0, 0.02))
    settings = Settings(
        public_url="http://stop.press",
        ring_events=chance.choice((4, 64, 256, 4096)),
        ring_bytes=chance.choice((4096, 200_000, 8 << 20)),
        rings_bytes=chance.choice((20_000, 256 << 20)),
        send_buffer_bytes=chance.choice((0, 4096, 4096)),
        channel_idle_s=chance.choice((3, 60)),
        beat_s=chance.choice((1, 25, 25)),
    )
    reader_behaviour = ReaderBehaviour(
        line_s=chance.choice((0.2, 2, 8)),
        slow=chance.choice((0, 0.3)),
        seek=chance.choice((0, 0.05)),
        reset_s=chance.choice((0.1, 3)),
    )
    for feed in FEEDS:
        log.make(feed)
    hub = ModelHub(log, settings)
    takeover = chance.random() < 0.75
    async with serving(hub, settings, log, takeover=takeover) as address:
        site = ModelSite(log, address, seed)
        left = asyncio.Semaphore(0)
        readers = [
            Reader(
                site,
                FEEDS if chance.random() < 0.5 else (chance.choice(FEEDS),),
                seed * 1000 + number,
                reader_behaviour,
                on_cut=left.release,
                # A hub that is a step behind in epochs can't know that it is.
                may_lag=log.lag_s > CATCH_UP_S or crashes > 0,
            )
            for number in range(READERS)
        ]
        editor = asyncio.create_task(edit(log, chance, crashes))
        tasks = [asyncio.create_task(reader.run()) for reader in readers]
        try:
            for _ in range(cuts):
                await left.acquire()
            editor.cancel()
            await settle(log, readers)
        finally:
            for task in (editor, *tasks):
                task.cancel()
            done = await asyncio.gather(editor, *tasks, return_exceptions=True)
    findings = judged(readers)
    ends = [Fault("crash", repr(end)) for end in done if isinstance(end, Exception)]
    findings.faults = ends + findings.faults
    return findings


async def edit(log: ModelLog, chance: random.Random, crashes: float) -> None:
    """Publish, edit and take back, in fits and starts.

    `crashes`: the share of actions that is the end of an epoch instead.
    """
    pause_s = chance.choice((0.005, 0.02, 0.1))
    while True:
        await asyncio.sleep(chance.expovariate(1 / pause_s))
        slug = chance.choice(FEEDS)
        feed = log.feeds.get(slug)
        if feed is None:
            if chance.random() < 0.2:
                log.make(slug)
            continue
        action = chance.random()
        if action < 0.002:
            log.drop(slug)
        elif action < 0.002 + crashes:
            log.crash(feed)
        else:
            for _ in range(chance.choice((1, 1, 1, 1, 30))):
                _one_deed(log, feed, chance)


def _one_deed(log: ModelLog, feed: ModelFeed, chance: random.Random) -> None:
    actions = (log.publish, log.edit, log.withdraw, log.change)
    (action,) = chance.choices(actions, (50, 30, 18, 2))
    action(feed)


async def settle(log: ModelLog, readers: Sequence[Reader]) -> None:
    """Let everyone come to the end, then compare; with all pages, once more.

    Then a burst, while all read slowly on lines that nobody cuts: who drains has to
    be served, though nothing happens any more.
    """
    log.away = 0.0
    for slug in FEEDS:
        if slug not in log.feeds:
            log.make(slug)
    for reader in readers:
        reader.calm()
    await compare(log, readers, complete=False)
    await compare(log, readers, complete=True)
    for reader in readers:
        reader.drowsy = True
    for _ in range(BURST):
        for feed in log.feeds.values():
            _one_deed(log, feed, log.random)
        await asyncio.sleep(0.01)
    for reader in readers:
        reader.drowsy = False
    await compare(log, readers, complete=True, patience_s=DRAIN_S)


async def compare(
    log: ModelLog,
    readers: Sequence[Reader],
    complete: bool,
    patience_s: float = PATIENCE_S,
) -> None:
    """Wait until all are at the end; hold what they have against the model.

    All at once: one after the other, the last would have the patience for all, and
    the others would poll for as long.
    """
    targets = {slug: feed.cursor for slug, feed in log.feeds.items()}
    shown = {
        slug: (log.snapshot(feed), log.posts(feed)) for slug, feed in log.feeds.items()
    }

    async def end(reader: Reader) -> None:
        await _end(reader, targets, complete, patience_s)
        # At once: a line that is made anew while others end may begin with a reset.
        for slug, judge in reader.judges.items():
            judge.compare(*shown[slug])

    await asyncio.gather(*map(end, readers))


async def _end(
    reader: Reader, targets: Mapping[str, Cursor], complete: bool, patience_s: float
) -> None:
    try:
        async with asyncio.timeout(patience_s):
            await reader.reach(targets)
        if complete:
            async with asyncio.timeout(PATIENCE_S):
                await reader.complete()
    except TimeoutError:
        judge = next(iter(reader.judges.values()))
        judge.fault("stuck", f"on {reader.transport}, {reader.counts}")


@asynccontextmanager
async def serving(
    hub: Hub, settings: Settings, log: ModelLog, *, takeover: bool
) -> AsyncIterator[str]:
    """The live line's routes at a Unix socket, on the fast path or the plain one."""
    nothing = cast(Any, None)
    tokens = Tokens(nothing, "sp_admin")
    callers = Callers(tokens)
    services = Services(
        settings=settings,
        store=cast(Any, log),
        desk=nothing,
        hub=hub,
        snapshots=nothing,
        callers=callers,
        tickets=nothing,
        line_rights=LineRights(callers, hub),
        tokens=tokens,
        identity=nothing,
        metrics=nothing,
    )
    config = uvicorn.Config(
        Starlette(routes=websocket_and_events_routes.routes(services)),
        http=LiveHttp if takeover else "httptools",
        ws=LiveWebSocket if takeover else "websockets-sansio",
        lifespan="off",
        log_level="error",
        ws_ping_interval=None,
        # A taken transport shares its frames, so it agrees on no compressor.
        ws_per_message_deflate=not takeover,
        timeout_graceful_shutdown=1,
    )
    folder = TemporaryDirectory(prefix="stop-press-")
    address = str(Path(folder.name) / "socket")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(200)
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    ticking = asyncio.create_task(server.main_loop())
    try:
        yield address
    finally:
        server.should_exit = True
        await ticking
        await hub.stop()
        await server.shutdown(sockets=[listener])
        folder.cleanup()


def campaign(seed: int, cuts: int, cuts_a_run: int = 500) -> Findings:
    """Runs until there were `cuts` cuts; says which seeds fail."""
    findings = Findings()
    while findings.counts["cuts"] < cuts and not findings.faults:
        share = min(cuts_a_run, cuts - findings.counts["cuts"])
        found = virtual_clock.run(play(seed, max(share, 50)))
        found.report(seed, every_count=False)
        findings.add(found)
        seed += 1
    return findings


def main() -> None:
    """Run a campaign from the command line."""
    import argparse

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--run", type=int, default=500, help="cuts a run")
    given = parser.parse_args()
    findings = campaign(given.seed, given.cuts, given.run)
    findings.report(given.seed)
    raise SystemExit(1 if findings.faults else 0)


if __name__ == "__main__":
    main()
