"""The fan-out of one process: its channels, its readers and the work on a timer.

Rules:
- A follow that can be decided now is decided now; else a task of the hub waits
  (for a feed to open, or for events up to a cursor ahead of this process), for
  seconds at most. The reader may disconnect or seek meanwhile.
- One tick per second does all timed work: beats, reader counts, idle channels, the
  end of closed feeds.
- Every task belongs to the hub, and ends with `stop`.
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
from stoppress.hub.event_source import Upstream
from stoppress.hub.feed_state import FeedState
from stoppress.hub.follow import Follow
from stoppress.hub.hub_metrics import HubMetrics
from stoppress.hub.memory_budget import MemoryBudget
from stoppress.hub.open_channels import OpenChannels
from stoppress.hub.reader import DETAILS, MAX_FOLLOWS, Reader
from stoppress.hub.reader_counts import Census, ReaderCounts, SingleProcessCensus
from stoppress.hub.sweep import Sweep
from stoppress.hub.task_set import TaskSet
from stoppress.settings import Settings
from stoppress.wire import messages
from stoppress.wire.close_codes import CloseCode

CATCH_UP_S = 2.0
"""How long a follow waits until this process has the events up to its cursor."""
MAX_PENDING_FOLLOWS = 20_000
"""Follows that may wait at once for a feed to open, or for their cursor."""
PACE_S = 0.1
"""How long an editor waits at most for the readers of a feed."""
RETURNS_PER_S = 2000
"""Readers per second that reconnect, when many are closed together."""


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
        self.closing_readers = ClosingReaders()
        self._line = line
        self._clock = clock
        self._channels = OpenChannels(
            line, settings.channel_idle_s, self.now, self._make, self._channel_closed
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
        """Wait until the hub fails; raises the fault."""
        await self._has_failed.wait()
        raise RuntimeError("the sweep failed: readers get no events") from self._fault

    def _fail(self, fault: Exception) -> None:
        self._fault = fault
        self._has_failed.set()

    # Channels

    async def channel(self, feed: str) -> Channel:
        """The feed's channel, open and filled; it stays open for `channel_idle_s`.

        Raises NotFound, or Unavailable if the feed can't be opened.
        """
        channel = await self._channels.get(feed)
        self._schedule_tick()
        return channel

    def channel_ended(self, channel: Channel) -> None:
        """Close a channel that has ended; the next reader opens another."""
        self._channels.close(channel)

    def _make(self, feed: str) -> Channel:
        self.metrics.channels.add(1)
        return Channel(feed, self)

    def _channel_closed(self, channel: Channel) -> None:
        self._reader_counts.changed(channel)
        self.budget.release(channel.ring)
        self.metrics.channels.add(-1)

    def open_feed_state(self, feed: str) -> FeedState | None:
        """The state of the feed if it is open now, else None."""
        channel = self._channels.find(feed)
        return None if channel is None or channel.ended else channel.feed_state

    # Follows

    def follow(self, reader: Reader, feed: str, cursor: Cursor | None) -> None:
        """Add a follow from `cursor` (None: from now), or move the existing one.

        The reader gets hello or reset; if refused, an error, or its connection ends.
        """
        follow = reader.add_follow(feed)
        if follow is None:
            code = CloseCode.BAD_REQUEST
            reader.refuse(feed, code, f"a reader follows {MAX_FOLLOWS} feeds at most")
            return
        channel = self._channels.find(feed)
        if channel is not None and not channel.is_ahead(cursor):
            self._join(follow, channel, cursor)
        elif len(self._tasks) >= MAX_PENDING_FOLLOWS:
            self._refuse(follow, CloseCode.TOO_MANY, "too many follows are pending")
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
            self._refuse(follow, code, DETAILS[code])

    def _refuse(self, follow: Follow, code: CloseCode, detail: str) -> None:
        if follow.reader.holds(follow):
            follow.reader.unfollow(follow.feed)
            follow.reader.refuse(follow.feed, code, detail)

    async def _follow_later(self, follow: Follow, cursor: Cursor | None) -> None:
        try:
            channel = await self.channel_at(follow.feed, cursor)
        except NotFound:
            code = CloseCode.NOT_FOUND
            self._refuse(follow, code, DETAILS[code])
        except Unavailable as problem:
            self._refuse(follow, CloseCode.BYE, str(problem))
        else:
            self._join(follow, channel, cursor)

    async def channel_at(self, feed: str, cursor: Cursor | None) -> Channel:
        """The feed's channel, with the events up to `cursor` if that is in the log.

        Raises NotFound, or Unavailable if the feed can't be opened or the events up
        to the cursor do not arrive in time.
        """
        channel = await self.channel(feed)
        await self._catch_up(channel, cursor)
        if channel.ended:
            # Closed as unused during the wait; or deleted (NotFound now), and perhaps
            # created again: its ring may end before the cursor, but no reader is
            # moved back.
            channel = await self.channel(feed)
        return channel

    async def _catch_up(self, channel: Channel, cursor: Cursor | None) -> None:
        """Wait for events, if `cursor` is ahead of this process and yet in the log.

        One read of the log's head is shared by all callers while it runs. A cursor
        beyond the log's head is reset by the caller. If the head is unknown, or the
        events have not arrived after 2 s, the reader should reconnect with its
        cursor (Unavailable): a reset would move it back.
        """
        if cursor is None or not channel.is_ahead(cursor):
            return
        try:
            async with asyncio.timeout(CATCH_UP_S):
                head = await self._line.head(channel.feed)
                if head.epoch == cursor.epoch and cursor.seq > head.seq:
                    return
                # The event arrives, or a new epoch begins.
                while channel.is_ahead(cursor) and not channel.ended:
                    await channel.head_moved.wait()
        except TimeoutError:
            raise Unavailable(
                "this server is behind the log: reconnect in a moment"
            ) from None

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Give the writing of a post priority over readers until the block ends."""
        self.sweep.writes += 1
        try:
            yield
        finally:
            self.sweep.writes -= 1

    async def keep_pace(self, feed: str) -> None:
        """Backpressure: wait while the feed's round is far behind, PACE_S at most.

        A round of many readers takes long, and the events that arrive meanwhile make
        it longer: 18,000 readers would get a burst after a second, not a quarter.
        """
        channel = self._channels.find(feed)
        if channel is None or not channel.is_backlogged():
            return
        self.metrics.paced.add()
        self.sweep.wake(channel)  # it may be paused
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PACE_S):
                await channel.caught_up.wait()

    # Readers

    def reader_opened(self, reader: Reader) -> None:
        """Count a new connection."""
        self._readers += 1
        self.metrics.readers[reader.wire.name.lower()].add(1)

    def reader_closed(self, reader: Reader) -> None:
        """Count a closed connection."""
        self._readers -= 1
        self.metrics.readers[reader.wire.name.lower()].add(-1)

    def readers(self) -> int:
        """The number of readers of this process."""
        return self._readers

    def is_full(self) -> bool:
        """Whether `max_readers` is reached."""
        return 0 < self.settings.max_readers <= self._readers

    @property
    def is_draining(self) -> bool:
        """Whether the server shuts down, and admits no new readers."""
        return self._stopped

    def follows_changed(self, channel: Channel) -> None:
        """Note that follows joined or left the channel."""
        self._channels.used(channel)
        self._reader_counts.changed(channel)

    def spread_ms(self, least: int, readers: int) -> int:
        """Milliseconds over which `readers` spread their return; `least` or more."""
        # More than are admitted per second would wait in the arrival queue.
        bound = self.settings.handshakes_per_s or RETURNS_PER_S
        return max(least, readers * 1000 // min(bound, RETURNS_PER_S))

    # Time

    def now(self) -> float:
        """Seconds of a monotonic clock."""
        return time.monotonic()

    def call_later(self, seconds: float, call: Callable[[], None]) -> object:
        """Call `call` after `seconds`; only calls that are harmless after `stop`."""
        return asyncio.get_running_loop().call_later(seconds, call)

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return int(self._clock() * 1000)

    def _schedule_tick(self) -> None:
        if self._ticking is None and self._channels.all() and not self._stopped:
            loop = asyncio.get_running_loop()
            self._ticking = loop.call_later(1.0, self._tick)

    def _tick(self) -> None:
        self._ticking = None
        self.tick(self.now())
        self._schedule_tick()

    def tick(self, now: float) -> None:
        """Do the timed work that is due at `now`."""
        self._channels.close_unused(now)
        now_ms = self.now_ms()
        for channel in self._channels.all():
            if not channel.size:
                continue
            if channel.feed_state.has_ended(now_ms):
                channel.close_follows(CloseCode.ENDED)
            elif now - channel.quiet_since >= self.settings.beat_s:
                channel.drop_caches()
                payload = messages.beat(channel.feed, channel.ring.cursor)
                channel.send_notice("beat", payload)
        self._reader_counts.tick(now)

    # The end

    async def drain(self, seconds: float) -> None:
        """Close every reader, spread over `seconds`, with spread times to reconnect.

        New readers are refused from the start.
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
        """Close every channel, abort every reader, end every task."""
        self._stopped = True
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None
        for channel in list(self._channels.all()):
            for follow in channel.all():
                follow.reader.bye(self.settings.retry_ms)
        self.closing_readers.abort_all()
        await self._tasks.stop()
        await self._reader_counts.leave()
        await self._channels.stop()


def _call_soon(call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_soon(call)
