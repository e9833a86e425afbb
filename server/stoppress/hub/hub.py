"""The fan-out of one process: its channels, its readers and the work on a timer.

Rules:
- One tick per second does all timed work: beats, reader counts, idle channels, the
  end of closed feeds.
- Every task belongs to the hub, and ends with `stop`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from stoppress.domain.cursor import Cursor
from stoppress.guard.refusal_log import RefusalLog
from stoppress.guard.request_context import new_request_id
from stoppress.hub.abort_or_probe_closing_connections import ClosingConnections
from stoppress.hub.channel import Channel
from stoppress.hub.decide_or_delay_follow_requests import FollowRequests
from stoppress.hub.delivery_scheduler import Sweep
from stoppress.hub.feed_status_and_access import (
    FeedState,
    ReadRights,
    Renewal,
    no_renewal,
    rights_for,
)
from stoppress.hub.hub_metrics import HubMetrics
from stoppress.hub.log_follower_protocol import Upstream
from stoppress.hub.open_channels import OpenChannels
from stoppress.hub.reader import DETAILS, Reader
from stoppress.hub.ring_memory_limit import RingMemoryLimit
from stoppress.hub.send_reader_counts import Census, ReaderCounts, SingleProcessCensus
from stoppress.hub.task_set import TaskSet
from stoppress.settings import Settings
from stoppress.wire import encode_messages
from stoppress.wire.close_codes import CloseCode, is_refusal
from stoppress.wire.wire_formats import WireFormat

PACE_S = 0.1
"""How long an editor waits at most for a feed's readers."""
RETURNS_PER_S = 2000
"""Readers per second that reconnect, when many are closed together."""
_LABELS = tuple(wire.name.lower() for wire in WireFormat)
"""The label of each wire format's readers; the name of a member is dear to ask for."""


class _Writing(AbstractContextManager[None]):
    """Counts a write for as long as its block runs; one serves all writes."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep

    def __enter__(self) -> None:
        self._sweep.writes += 1

    def __exit__(self, *exc: object) -> None:
        self._sweep.writes -= 1


class Hub:
    """Fans events out to the readers of one process."""

    def __init__(
        self,
        line: Upstream,
        settings: Settings,
        metrics: HubMetrics | None = None,
        clock: Callable[[], float] = time.time,
        census: Census | None = None,
        refusals: RefusalLog | None = None,
    ) -> None:
        self.settings = settings
        self.metrics = metrics or HubMetrics()
        self.budget = RingMemoryLimit(settings.rings_bytes, self.metrics)
        self.sweep = Sweep(_call_soon, self.metrics, failed=self._fail)
        self._writing = _Writing(self.sweep)
        self.closing_connections = ClosingConnections()
        self._refusals = refusals or RefusalLog()
        self._clock = clock
        self._channels = OpenChannels(
            line, settings.channel_idle_s, self.now, self._make, self._channel_closed
        )
        self._tasks = TaskSet()
        self._follow_requests = FollowRequests(
            self._channels.find, self.channel, line, self._tasks, self.now_ms
        )
        self._reader_counts = ReaderCounts(
            census or SingleProcessCensus(), self._channels, self._tasks
        )
        self.renewal: Renewal = no_renewal
        """Makes the rights of a reader that sent another ticket."""
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

    def rights_changed(self) -> None:
        """End the follows of private feeds that their readers may not read any more."""
        for channel in self._channels.all():
            channel.end_barred()

    def tell_expiring(self, feed: str, rights: ReadRights, seconds: int) -> None:
        """Ask the readers of a feed with these rights to renew them."""
        channel = self._channels.find(feed)
        payload = encode_messages.expiring(feed, seconds)
        for follow in () if channel is None else channel.all():
            if rights_for(follow.reader.rights, feed) is rights:
                follow.reader.send_message("expiring", payload)

    def renew(self, reader: Reader, feed: str, ticket: str) -> None:
        """Accept a reader's next ticket; an invalid ticket ends the follow."""
        renewed = self.renewal(reader.rights, feed, ticket)
        if renewed is not None:
            reader.rights = renewed
            return
        code = CloseCode.UNAUTHENTICATED
        for follow in reader.follows():
            if follow.feed == feed:
                reader.end_follow(follow, code)
                return
        reader.refuse(feed, code, DETAILS[code])

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

    def forget(self, feed: str | None) -> int:
        """Drop the caches of a feed (None: of all); returns its readers here."""
        readers = 0
        for channel in self._channels.all():
            if feed is None or channel.feed == feed:
                channel.drop_caches()
                readers += channel.size
        return readers

    # Follows

    def follow(self, reader: Reader, feed: str, cursor: Cursor | None) -> None:
        """Add a follow from `cursor` (None: from now), or move the existing one.

        The reader gets hello or reset; if refused, an error, or its connection ends.
        """
        self._follow_requests.follow(reader, feed, cursor)

    async def channel_at(self, feed: str, cursor: Cursor | None) -> Channel:
        """The feed's channel, with the events up to `cursor` if that is in the log.

        Raises NotFound, or Unavailable if the feed can't be opened or the events up
        to the cursor do not arrive in time.
        """
        return await self._follow_requests.channel_at(feed, cursor)

    def writing(self) -> AbstractContextManager[None]:
        """Give the writing of a post priority over readers until the block ends."""
        return self._writing

    async def keep_pace(self, feed: str) -> None:
        """Wait while the feed's round is far behind, at most PACE_S.

        A round of many readers takes long, and events that arrive during it make it
        longer: without this wait 18,000 readers get a burst after 1 s, with it after
        0.25 s.
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
        self.metrics.readers[_LABELS[reader.wire]].add(1)

    def reader_closed(self, reader: Reader) -> None:
        """Count a closed connection."""
        self._readers -= 1
        self.metrics.readers[_LABELS[reader.wire]].add(-1)

    def close_reason(self, code: int) -> str:
        """The reason in a close frame beside its code: the request id of a refusal.

        The refusal is logged with that id.
        """
        request_id = self.refusal_id(code) if is_refusal(code) else ""
        return f"request {request_id}" if request_id else ""

    def refusal_id(self, code: int, feed: str = "") -> str:
        """The request id of a refused line or follow, with which it is logged."""
        request_id = new_request_id()
        reason = f"follow-{int(code)}" if feed else f"close-{int(code)}"
        self._refusals.add(reason, request_id, status=int(code), path=feed)
        return request_id

    def readers(self) -> int:
        """The number of readers connected to this process."""
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
                payload = encode_messages.beat(channel.feed, channel.ring.cursor)
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
                reader.bye(random.randint(0, spread))  # noqa: S311 (spreads load, no secret)
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
        self.closing_connections.abort_all()
        await self._tasks.stop()
        await self._reader_counts.leave()
        await self._channels.stop()


def _call_soon(call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_soon(call)
