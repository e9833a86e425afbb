"""A reader that is cut: at any byte, on any transport, and comes back.

It owns its lines and the fetching of snapshots and pages; what it receives is
judged by a `Judge` a feed. All chance comes from one seeded generator, so that a
run can be repeated with its seed. It works in real and in virtual time.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, cast

from stoppress.domain.cursor import Cursor
from stoppress.domain.fold import Json
from tests.faults.judge import Judge
from tests.faults.reader_transports import (
    BadWire,
    PollWire,
    SseWire,
    WebSocketWire,
    Wire,
)

Dialled = tuple[asyncio.StreamReader, asyncio.StreamWriter]
TRANSPORTS = ("websocket", "sse", "poll")


class Site(Protocol):
    """Where a reader gets its lines and its snapshots from."""

    async def dial(self) -> Dialled:
        """A new connection. Raises OSError if there is none."""

    async def get(self, path: str) -> tuple[int, Json]:
        """The status and the JSON at `path`. Raises OSError if nobody answers."""

    def gone(self, feed: str) -> frozenset[str]:
        """Posts that no line may show any more that begins now."""


@dataclass(frozen=True, slots=True)
class ReaderBehaviour:
    """How a reader behaves. Times are in seconds, of the loop's clock."""

    transports: Sequence[str] = TRANSPORTS
    line_s: float = 2.0
    """How long a line lasts on average, if its bytes don't end it before."""
    line_bytes: int = 30_000
    """After how many bytes a line is cut, at most."""
    pause_s: float = 0.05
    """How long it stays away after a cut, at most."""
    slow: float = 0.0
    """The share of lines on which it reads only now and then."""
    nap_s: float = 0.5
    """How long a slow line sleeps between two reads, at most."""
    page_s: float = 1.0
    """The time between two older pages, on average."""
    seek: float = 0.0
    """The share of messages after which a WebSocket asks for its place again."""
    poll_s: float = 0.1
    """How long it waits between two polls, at most."""
    patience_s: float = 60.0
    """How long a line may be silent before it is a fault."""
    reset_s: float = 0.2
    """The most a reader waits before it fetches after a reset."""


class Cut(Exception):
    """The reader ends its line here."""


class Reader:
    """One reader of one or more feeds."""

    def __init__(
        self,
        site: Site,
        feeds: Sequence[str],
        seed: int,
        reader_behaviour: ReaderBehaviour,
        on_cut: Callable[[], None] = lambda: None,
        may_lag: bool = False,
    ) -> None:
        self.name = f"reader {seed}"
        self.judges = {feed: Judge(feed, self.name, may_lag) for feed in feeds}
        self.counts: Counter[str] = Counter()
        self.transport = ""
        self._site = site
        self._random = random.Random(seed)
        self._behaviour = reader_behaviour
        self._on_cut = on_cut
        self._calm = False
        self.drowsy = False
        """Whether it reads only now and then, on whatever line it is."""
        self._next: dict[str, str | None] = dict.fromkeys(feeds)
        self._turn = asyncio.Event()
        self._wants = {feed: asyncio.Event() for feed in feeds}

    async def run(self) -> None:
        """Read, be cut and come back, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for judge in self.judges.values():
                tasks.create_task(self._keep(judge))
            while True:
                await self._round()
                pause_s = self._random.uniform(0, self._behaviour.pause_s)
                await asyncio.sleep(pause_s)

    def calm(self) -> None:
        """From now on cut no more lines."""
        self._calm = True

    async def reach(self, targets: Mapping[str, Cursor]) -> None:
        """Return once every feed has been read up to its target."""
        while any(
            judge.wants_snapshot is not None or judge.position != targets[feed]
            for feed, judge in self.judges.items()
        ):
            self._turn.clear()
            await self._turn.wait()

    async def complete(self) -> None:
        """Load all pages that are left, so that every post is held."""
        for judge in self.judges.values():
            while self._next[judge.feed] is not None:
                if not await self._page(judge):
                    await asyncio.sleep(0.05)

    # Lines

    async def _round(self) -> None:
        before, self.transport = (
            self.transport,
            self._random.choice(self._behaviour.transports),
        )
        if before and before != self.transport:
            self.counts["changes"] += 1
        if self.transport == "websocket":
            await self._line(list(self.judges))
            return
        # The plain transports carry one feed a connection.
        over = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for feed in self.judges:
                tasks.create_task(self._lines(feed, over))

    async def _lines(self, feed: str, over: asyncio.Event) -> None:
        """Lines of one feed, until one of any feed ends while lines are still cut."""
        while not over.is_set():
            await self._line([feed])
            if not self._calm:
                over.set()
            else:
                await asyncio.sleep(
                    self._random.uniform(0.001, self._behaviour.pause_s)
                )

    def _wire(self) -> Wire:
        if self.transport == "websocket":
            return WebSocketWire(deflate=self._random.random() < 0.3)
        if self.transport == "sse":
            return SseWire(by_header=self._random.random() < 0.5)
        return PollWire(wait_s=self._random.choice((0, 1, 5, 25)))

    async def _line(self, feeds: Sequence[str]) -> None:
        """One connection, from its dialling to its end."""
        chance, reader_behaviour = self._random, self._behaviour
        limit_s = (
            None if self._calm else chance.expovariate(1 / reader_behaviour.line_s)
        )
        wire = self._wire()
        try:
            stream, writer = await self._site.dial()
        except OSError:
            self.counts["unreachable"] += 1
            return
        try:
            async with asyncio.timeout(limit_s):
                await self._talk(wire, feeds, stream, writer)
        except (Cut, TimeoutError):
            self.counts["cuts"] += 1
            self._on_cut()
        except BadWire as bad:
            self.judges[feeds[0]].fault(self.transport, str(bad))
        except OSError:
            self.counts["broken"] += 1
        finally:
            writer.transport.abort()
            self._turn.set()
        if wire.ended:
            self.counts[f"{self.transport} {wire.ended}"] += 1

    async def _talk(
        self,
        wire: Wire,
        feeds: Sequence[str],
        stream: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        chance, reader_behaviour = self._random, self._behaviour
        left = chance.randrange(1, reader_behaviour.line_bytes)
        if chance.random() < 0.4:  # in the handshake, or soon after
            left = int(left ** chance.random())
        slow = chance.random() < reader_behaviour.slow
        request = wire.begin(self._places(feeds))
        if not self._calm and chance.random() < 0.05:
            writer.write(request[: chance.randrange(len(request))])
            raise Cut
        writer.write(request)
        while not wire.ended:
            if self.drowsy or (slow and not self._calm):
                await asyncio.sleep(chance.uniform(0, reader_behaviour.nap_s))
            data = await self._read(stream, feeds)
            if not self._calm:
                data, left = data[:left], left - len(data)
            for message in wire.feed(data):
                self._take(message, feeds)
                if isinstance(wire, WebSocketWire) and not wire.ended:
                    self._maybe_seek(wire, message, writer)
            if left <= 0 and not self._calm:
                raise Cut
            if out := wire.pending():
                writer.write(out)
            if isinstance(wire, PollWire) and wire.idle and not wire.ended:
                await asyncio.sleep(chance.uniform(0.001, reader_behaviour.poll_s))
                writer.write(wire.begin(self._places(feeds)))

    def _places(self, feeds: Sequence[str]) -> dict[str, Cursor | None]:
        """What to ask of a new line."""
        return {f: self.judges[f].opened(self._site.gone(f)) for f in feeds}

    async def _read(self, stream: asyncio.StreamReader, feeds: Sequence[str]) -> bytes:
        size = self._random.choice((1, 7, 100, 1500, 65_536))
        try:
            async with asyncio.timeout(self._behaviour.patience_s):
                return await stream.read(size)
        except TimeoutError:
            text = f"no byte for {self._behaviour.patience_s} s"
            self.judges[feeds[0]].fault(f"silence on {self.transport}", text)
            raise Cut from None

    def _take(self, message: Json, feeds: Sequence[str]) -> None:
        self.counts[str(message["type"])] += 1
        if message["type"] == "bye":
            return
        if message["type"] == "error":
            raise OSError(f"the follow was refused: {message}")
        feed = cast(str, message["feed"])
        judge = self.judges.get(feed)
        if judge is None or feed not in feeds:
            self.judges[feeds[0]].fault("stray", f"a message of {feed!r}")
            return
        judge.take(message)
        if judge.wants_snapshot is not None:
            self._wants[feed].set()
        self._turn.set()

    def _maybe_seek(
        self, wire: WebSocketWire, message: Json, writer: asyncio.StreamWriter
    ) -> None:
        """Ask for our place once more, as a reader may on a followed feed."""
        if "feed" not in message or self._random.random() >= self._behaviour.seek:
            return
        judge = self.judges[cast(str, message["feed"])]
        if judge.seeking or judge.position is None or judge.wants_snapshot:
            return
        cursor = judge.seek()
        self.counts["seeks"] += 1
        writer.write(
            wire.say({"op": "follow", "feed": judge.feed, "cursor": str(cursor)})
        )

    # What is fetched

    async def _keep(self, judge: Judge) -> None:
        """Fetch the snapshot when one is needed, an older page now and then."""
        chance, reader_behaviour = self._random, self._behaviour
        wants = self._wants[judge.feed]
        while True:
            wants.clear()
            if judge.wants_snapshot is None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(
                        chance.expovariate(1 / reader_behaviour.page_s)
                    ):
                        await wants.wait()
            if judge.wants_snapshot is None:
                if self._next[judge.feed] is not None and not self._calm:
                    await self._page(judge)
                continue
            spread_s = min(judge.retry_ms / 1000, reader_behaviour.reset_s)
            await asyncio.sleep(chance.uniform(0.005, 0.05 + spread_s))
            await self._snapshot(judge)
            self._turn.set()

    async def _snapshot(self, judge: Judge) -> None:
        wanted = judge.wants_snapshot
        status, answer = await self._get(f"/v1/feeds/{judge.feed}?at={wanted}")
        if status == 200 and judge.take_snapshot(answer):
            self.counts["snapshots"] += 1
            self._next[judge.feed] = cast("str | None", answer["next"])

    async def _page(self, judge: Judge) -> bool:
        path = self._next[judge.feed]
        judge.page_asked()
        status, answer = await self._get(cast(str, path))
        if status != 200 or path != self._next[judge.feed] or not judge.paging:
            return False
        judge.take_page(answer)
        self.counts["pages"] += 1
        self._next[judge.feed] = cast("str | None", answer["next"])
        return True

    async def _get(self, path: str) -> tuple[int, Json]:
        try:
            return await self._site.get(path)
        except OSError:
            return 0, {}
