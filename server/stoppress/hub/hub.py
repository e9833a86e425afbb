"""What one process fans out: who follows what, and what time does to them.

Rules:
- A follow that can be decided now is decided now; else a task of the hub waits
  for it (a feed to open, a cursor from a line a step ahead of ours), for seconds
  at most. The reader may go or seek meanwhile.
- One tick a second does what time does: beats, counts, idle channels, closed
  feeds whose line is over.
- Every task is the hub's, and ends with `stop`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterator

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import NotFound, Unavailable
from stoppress.hub.channel import Channel
from stoppress.hub.closing_readers import ClosingReaders
from stoppress.hub.feed_state import FeedState
from stoppress.hub.follow import Follow
from stoppress.hub.hub_metrics import HubMetrics
from stoppress.hub.memory_budget import MemoryBudget
from stoppress.hub.open_channels import OpenChannels
from stoppress.hub.reader import DETAILS, MAX_FOLLOWS, Reader
from stoppress.hub.reader_counts import Census, ReaderCounts, SingleProcessCensus
from stoppress.hub.sweep import Sweep
from stoppress.hub.task_set import TaskSet
from stoppress.hub.upstream import Upstream
from stoppress.settings import Settings
from stoppress.wire import messages
from stoppress.wire.close_codes import CloseCode

CATCH_UP_S = 2.0
"""How long a cursor ahead of our line may wait for the line to come up to it."""
MAX_DECIDING = 20_000
"""Follows that wait at once for a feed to open or a line to come up to them."""
PACE_S = 0.1
"""How long an editor may have to wait for the readers of a feed."""
RETURNS_PER_S = 2000
"""Readers that may come back in a second, when they are sent away together."""


class Hub:
    """Fans events out to the readers of one process."""

    def __init__(
        self,
        line: Upstream,
        settings: Settings,
        metrics: HubMetrics | None = None,
        clock: Callable[[], float] = time.time,
        census: Census | None = None,
    ) -> None:
        self.settings = settings
        self.metrics = metrics or HubMetrics()
        self.budget = MemoryBudget(settings.rings_bytes, self.metrics)
        self.sweep = Sweep(_call_soon, self.metrics, failed=self._fail)
        self.leaving = ClosingReaders()
        self._line = line
        self._clock = clock
        self._channels = OpenChannels(
            line, settings.channel_idle_s, self.now, self._make, self._gone
        )
        self._tasks = TaskSet()
        self._reader_counts = ReaderCounts(
            census or SingleProcessCensus(), self._channels, self._tasks
        )
        self._ticking: asyncio.TimerHandle | None = None
        self._readers = 0
        self._stopped = False
        self._fault: Exception | None = None
        self._has_failed = asyncio.Event()

    async def watch(self) -> None:
        """Wait until the hub can't go on; raises why."""
        await self._has_failed.wait()
        raise RuntimeError("the sweep failed: readers hear nothing") from self._fault

    def _fail(self, fault: Exception) -> None:
        self._fault = fault
        self._has_failed.set()

    # Channels

    async def channel(self, feed: str) -> Channel:
        """The feed's channel, open and filled; it stays so for a while.

        Raises NotFound, or Unavailable if the feed is not open and can't be.
        """
        channel = await self._channels.get(feed)
        self._tick_on()
        return channel

    def over(self, channel: Channel) -> None:
        """The channel ended; the next reader opens another."""
        self._channels.close(channel)

    def _make(self, feed: str) -> Channel:
        self.metrics.channels.add(1)
        return Channel(feed, self)

    def _gone(self, channel: Channel) -> None:
        self._reader_counts.changed(channel)
        self.budget.release(channel.ring)
        self.metrics.channels.add(-1)

    def facts_at_hand(self, feed: str) -> FeedState | None:
        """The facts of the feed, if it is open now."""
        channel = self._channels.find(feed)
        return None if channel is None or channel.ended else channel.feed_state

    # Follows

    def follow(self, reader: Reader, feed: str, cursor: Cursor | None) -> None:
        """Let the reader follow a feed from `cursor` (None: from now), or seek.

        It is told hello or reset; or error, or its line ends, if it can't be.
        """
        follow = reader.enlist(feed)
        if follow is None:
            code = CloseCode.BAD_REQUEST
            reader.refuse(feed, code, f"a reader follows {MAX_FOLLOWS} feeds at most")
            return
        channel = self._channels.find(feed)
        if channel is not None and not channel.is_ahead(cursor):
            self._join(follow, channel, cursor)
        elif len(self._tasks) >= MAX_DECIDING:
            self._turn_away(follow, CloseCode.TOO_MANY, "too many ask at once")
        else:
            self._tasks.start(self._follow_later(follow, cursor))

    def _join(self, follow: Follow, channel: Channel, cursor: Cursor | None) -> None:
        reader = follow.reader
        if not reader.holds(follow):
            return
        code = channel.feed_state.refusal(follow.feed, reader.rights, self.now_ms())
        if channel.ended:
            code = CloseCode.ENDED
        if code is None:
            channel.join(follow, cursor)
        else:
            self._turn_away(follow, code, DETAILS[code])

    def _turn_away(self, follow: Follow, code: CloseCode, detail: str) -> None:
        if follow.reader.holds(follow):
            follow.reader.strike(follow.feed)
            follow.reader.refuse(follow.feed, code, detail)

    async def _follow_later(self, follow: Follow, cursor: Cursor | None) -> None:
        try:
            channel = await self.channel_at(follow.feed, cursor)
        except NotFound:
            code = CloseCode.NOT_FOUND
            self._turn_away(follow, code, DETAILS[code])
        except Unavailable as problem:
            self._turn_away(follow, CloseCode.BYE, str(problem))
        else:
            self._join(follow, channel, cursor)

    async def channel_at(self, feed: str, cursor: Cursor | None) -> Channel:
        """The feed's channel, come up to `cursor` if that is in the log.

        Raises NotFound, or Unavailable if the feed is not open and can't be, or the
        line does not come up to the cursor.
        """
        channel = await self.channel(feed)
        await self._catch_up(channel, cursor)
        if channel.ended:
            # While we waited it was closed as unused; or deleted (NotFound now),
            # and perhaps made again: its ring may end before the cursor, and nobody
            # is led back.
            channel = await self.channel(feed)
        return channel

    async def _catch_up(self, channel: Channel, cursor: Cursor | None) -> None:
        """Wait for the line, if `cursor` is ahead of it and yet in the log.

        One read of the log's head is shared by all who ask while it runs. Whose
        cursor is in the future is reset; if that can't be told, or the line is still
        behind after 2 s, it is to come again, with the place it has: a reset would
        lead it back.
        """
        if cursor is None or not channel.is_ahead(cursor):
            return
        try:
            async with asyncio.timeout(CATCH_UP_S):
                head = await self._line.head(channel.feed)
                if head.epoch == cursor.epoch and cursor.seq > head.seq:
                    return
                # It comes, or the line comes to a new epoch.
                while channel.is_ahead(cursor) and not channel.ended:
                    await channel.moved.wait()
        except TimeoutError:
            raise Unavailable("the line is behind; come back in a moment") from None

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """A post is being written: it goes before readers until the block ends."""
        self.sweep.writes += 1
        try:
            yield
        finally:
            self.sweep.writes -= 1

    async def keep_pace(self, feed: str) -> None:
        """Wait, PACE_S at most, while the feed's events come faster than rounds end.

        A round of many readers takes long, and with all that came meanwhile longer
        still: 18,000 readers would get a burst after a second, not after a quarter.
        """
        channel = self._channels.find(feed)
        if channel is None or not channel.is_pressed():
            return
        self.metrics.paced.add()
        self.sweep.wake(channel)  # it may rest
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PACE_S):
                await channel.eased.wait()

    # Readers

    def came(self, reader: Reader) -> None:
        """A reader is here."""
        self._readers += 1
        self.metrics.readers[reader.wire.name.lower()].add(1)

    def went(self, reader: Reader) -> None:
        """A reader is gone."""
        self._readers -= 1
        self.metrics.readers[reader.wire.name.lower()].add(-1)

    def readers(self) -> int:
        """How many readers this process has."""
        return self._readers

    def is_full(self) -> bool:
        """Whether no further reader is taken."""
        return 0 < self.settings.max_readers <= self._readers

    @property
    def is_leaving(self) -> bool:
        """Whether the server goes away, and takes no new readers."""
        return self._stopped

    def counted(self, channel: Channel) -> None:
        """Readers of a channel came or went."""
        self._channels.used(channel)
        self._reader_counts.changed(channel)

    def spread_ms(self, least: int, readers: int) -> int:
        """Over how long `readers` should come back, at least `least`."""
        # More than are let in would wait in the arrival queue.
        bound = self.settings.handshakes_per_s or RETURNS_PER_S
        return max(least, readers * 1000 // min(bound, RETURNS_PER_S))

    # Time

    def now(self) -> float:
        """Seconds of a clock that only goes forward."""
        return time.monotonic()

    def after(self, seconds: float, call: Callable[[], None]) -> object:
        """Call something later; nothing that would matter after `stop`."""
        return asyncio.get_running_loop().call_later(seconds, call)

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return int(self._clock() * 1000)

    def _tick_on(self) -> None:
        if self._ticking is None and self._channels.all() and not self._stopped:
            loop = asyncio.get_running_loop()
            self._ticking = loop.call_later(1.0, self._tick)

    def _tick(self) -> None:
        self._ticking = None
        self.tick(self.now())
        self._tick_on()

    def tick(self, now: float) -> None:
        """Do what is due at `now`."""
        self._channels.close_unused(now)
        now_ms = self.now_ms()
        for channel in self._channels.all():
            if not channel.size:
                continue
            if channel.feed_state.has_ended(now_ms):
                channel.send_home(CloseCode.ENDED)
            elif now - channel.quiet_since >= self.settings.beat_s:
                channel.forget()
                payload = messages.beat(channel.feed, channel.ring.cursor)
                channel.murmur("beat", payload)
        self._reader_counts.tick(now)

    # The end

    async def drain(self, seconds: float) -> None:
        """Send every reader away, spread over `seconds`, to come back spread out.

        New readers are refused from the first moment.
        """
        self._stopped = True
        readers = list(
            {
                follow.reader: None
                for channel in self._channels.all()
                for follow in channel.all()
            }
        )
        spread = self.spread_ms(self.settings.retry_ms, len(readers))
        loop = asyncio.get_running_loop()
        start, done = loop.time(), 0
        while done < len(readers):
            share = min((loop.time() - start) / seconds, 1.0) if seconds else 1.0
            due = max(int(len(readers) * share), done + 1)
            for reader in readers[done : min(due, done + 64)]:
                reader.bye(random.randint(0, spread))
            done = min(due, done + 64, len(readers))
            await asyncio.sleep(0 if done < due else min(0.01, seconds))

    async def stop(self) -> None:
        """Close every channel, cut every reader, end every task."""
        self._stopped = True
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None
        for channel in list(self._channels.all()):
            for follow in channel.all():
                follow.reader.bye(self.settings.retry_ms)
        self.leaving.cut_all()
        await self._tasks.stop()
        await self._reader_counts.leave()
        await self._channels.stop()


def _call_soon(call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_soon(call)
