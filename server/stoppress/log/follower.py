"""The follower: brings the events of each open feed to the hub. Implements `Upstream`.

A pub/sub message is a notice; the log is the truth. To open a feed, the follower
subscribes to its channel, then reads its window, then merges the two. From then on each
message with the next seq goes straight to the sink; after anything else (a jump, a
message without a valid mark, a lost subscription) the follower reads the log until it
is proved that nothing is missing. Rules:
- One connection per shard (`probed_subscription.py`) receives for the whole process;
  there is no task per feed. `run` owns all tasks.
- After a reconnect all heads are compared in one batch, and every feed that is behind
  its log, or ahead of it, is mended: a log that ends before a received event has lost
  its tail.
- If keys move between servers of a cluster, all subscriptions are made again.
- While Redis is away, sinks keep their events and readers get no message about it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Damaged, NotFound, StopPressError, Unavailable
from stoppress.log.followed_feed import FollowedFeed, FollowedSink, SinkFailed
from stoppress.log.log_metrics import FollowerMetrics
from stoppress.log.pool import Pool
from stoppress.log.probed_subscription import (
    SUBSCRIPTION_BACKOFF_S,
    Announcements,
    ProbedSubscription,
)
from stoppress.log.pubsub_connection_without_reconnect import PubSubConnection
from stoppress.log.shard_pools import Shards
from stoppress.log.store import RedisStore
from stoppress.metric_instruments import ByLabel, Counter

PROBE_S = 4.0
BELL_S = 0.25
"""Seconds between two reads of one log for messages without a valid mark."""
FAULT_PAUSE_S = 1.0
"""How long a feed with a fault waits before it is tried again."""
MENDERS = 8
"""Feeds mended at the same time; others wait for their turn."""

log = logging.getLogger(__name__)


class Follower:
    """Follows the logs of open feeds, while `run` runs."""

    def __init__(
        self,
        shards: Shards,
        store: RedisStore,
        metrics: FollowerMetrics | None = None,
        *,
        feed_faults: ByLabel[Counter] | None = None,
        probe_s: float = PROBE_S,
        announcements: Announcements | None = None,
    ) -> None:
        self._shards = shards
        self._store = store
        self._metrics = metrics or FollowerMetrics()
        self._feed_faults = feed_faults or ByLabel(lambda where: Counter())
        self._probe_s = probe_s
        self._announcements = announcements
        self._feeds: dict[str, FollowedFeed] = {}
        self._channels: dict[bytes, FollowedFeed] = {}
        self._opening: dict[str, asyncio.Future[None]] = {}
        self._heads: dict[str, asyncio.Task[Cursor | StopPressError]] = {}
        self._group: asyncio.TaskGroup | None = None
        # Each feed is in it at most once.
        self._to_mend: asyncio.Queue[FollowedFeed] = asyncio.Queue()
        self._rung: dict[FollowedFeed, asyncio.TimerHandle] = {}
        """Feeds whose logs will be read because of a message without a valid mark."""
        self._lines: dict[Pool, ProbedSubscription] = {}
        self._stands = False
        self.healthy = False
        """Whether events arrive: every subscription works and its last probe
        arrived."""
        self.reason = "there is no subscription to Redis yet"
        """Why it is not healthy, in the words of Redis."""
        self.since = time.monotonic()
        """When `healthy` last changed (`time.monotonic`)."""

    # hub.log_follower_protocol.Upstream

    async def open(self, feed: str, sink: FollowedSink) -> None:
        """Subscribe, fill the sink, and keep it filled until `close`.

        A call while the feed is being opened waits for that; a later call replaces
        the sink. Raises NotFound or Unavailable (then the feed is not open).
        """
        opening = self._opening.get(feed)
        if opening is not None:
            await asyncio.shield(opening)
            return
        opening = asyncio.get_running_loop().create_future()
        self._opening[feed] = opening
        try:
            await self._open(feed, sink)
        except BaseException as wrong:
            if isinstance(wrong, NotFound | Unavailable):
                opening.set_exception(wrong)
            else:
                opening.set_exception(Unavailable(f"{feed!r} was not opened"))
            opening.exception()  # retrieved, as there may be no other waiter
            raise
        else:
            opening.set_result(None)
        finally:
            del self._opening[feed]

    async def close(self, feed: str) -> None:
        """Stop delivering events of the feed."""
        followed = self._feeds.get(feed)
        if followed is not None:
            await self._forget(followed)

    async def head(self, feed: str) -> Cursor:
        """The log's head now: one read, shared by all calls while it runs.

        The caller has heard of a later event than the subscription delivered. If the
        log has it, the log is read: the subscription may be silent without being
        detected. Raises NotFound, Unavailable.
        """
        reading = self._heads.get(feed)
        if reading is None:
            if self._group is None:
                raise Unavailable("the follower does not run")
            reading = self._group.create_task(self._read_head(feed))
            self._heads[feed] = reading
        try:
            head = await asyncio.shield(reading)
        except asyncio.CancelledError:
            if reading.cancelled() and self._group is None:
                raise Unavailable("the follower does not run") from None
            raise
        if not isinstance(head, Cursor):
            raise head
        followed = self._feeds.get(feed)
        if followed is not None and followed.lacks(head):
            self._break_off(followed)
        return head

    # The tasks

    async def run(self) -> None:
        """Follow, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                group.create_task(self._keep_lines(group))
                for _ in range(MENDERS):
                    group.create_task(self._mend())
        finally:
            self._group = None
            for timer in self._rung.values():
                timer.cancel()
            self._rung.clear()

    async def overwrite_buffers(self) -> None:
        """Overwrite what the connections' buffers hold of earlier messages."""
        for line in list(self._lines.values()):
            await line.overwrite_buffer()

    async def _keep_lines(self, group: asyncio.TaskGroup) -> None:
        """Keep a subscription per shard; make new ones when keys have moved."""
        while True:
            moved = self._shards.moved
            self._lines = {
                link: ProbedSubscription(
                    link,
                    partial(self._shards.name_at, link),
                    self,
                    self._metrics,
                    self._probe_s,
                )
                for link in self._shards.links()
            }
            keeping = [group.create_task(line.keep()) for line in self._lines.values()]
            await moved.wait()
            log.info("keys have moved: all subscriptions are made again")
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)

    # probed_subscription.SubscriptionOwner

    def channels(self, link: Pool) -> Sequence[bytes]:
        """The channels of the open feeds on that server."""
        channels = [one.channel for one in self._at(link)]
        announced = self._announcements
        if announced is not None and self._is_at(announced.channel, link):
            channels.append(announced.channel.encode())
        return channels

    def hear(self, channel: bytes, message: bytes) -> None:
        """Handle a message of a feed."""
        followed = self._channels.get(channel)
        if followed is None:
            announced = self._announcements
            if announced is not None and channel == announced.channel.encode():
                announced.hear(message)
            return
        try:
            broken = followed.take(message)
        except Exception:
            # A fault in one feed must not reach other feeds, or the subscription.
            log.exception("a message of %s could not be handled", followed.feed)
            self._feed_faults["hearing"].add()
            broken = followed.break_off()
        if broken:
            self._to_mend.put_nowait(followed)
        elif followed.closed and self._group is not None:
            self._group.create_task(self._forget(followed))
        self._look_at(followed)

    def _look_at(self, followed: FollowedFeed) -> None:
        """Count messages, and schedule a read of the log if one has no valid mark."""
        if followed.unmarked or followed.malformed:
            self._metrics.unmarked.add(followed.unmarked)
            self._metrics.malformed.add(followed.malformed)
            followed.unmarked = followed.malformed = 0
        if not followed.rung or followed in self._rung:
            return
        loop = asyncio.get_running_loop()
        after = followed.last_rung + BELL_S - loop.time()
        self._rung[followed] = loop.call_later(after, self._answer, followed)

    def _answer(self, followed: FollowedFeed) -> None:
        """Read the log of a feed because of a message without a valid mark."""
        del self._rung[followed]
        # A feed that is being mended is looked at again afterwards.
        if self._feeds.get(followed.feed) is followed and followed.rung:
            if followed.held is None:
                followed.last_rung = asyncio.get_running_loop().time()
                self._break_off(followed)

    async def catch_up(self, link: Pool) -> None:
        """Mend every feed on that server that differs from its log."""
        announced = self._announcements
        if announced is not None and self._is_at(announced.channel, link):
            announced.missed()
        feeds = [one for one in self._at(link) if one.held is None]
        were = [one.cursor for one in feeds]
        heads = await self._store.heads([one.feed for one in feeds])
        for followed, was, head in zip(feeds, were, heads, strict=True):
            if head is None:
                followed.end()
                await self._forget(followed)
            elif not was <= head <= followed.cursor or head.epoch != was.epoch:
                self._break_off(followed)

    def lost(self) -> None:
        """Have all current reads repeated, whichever subscription was lost."""
        for followed in self._feeds.values():
            followed.lost = True

    def changed(self) -> None:
        """Update the state of all subscriptions together."""
        lines = self._lines.values()
        self.reason = next((one.reason for one in lines if one.reason), self.reason)
        stands = bool(lines) and all(line.stands for line in lines)
        if stands != self._stands:
            self._stands = stands
            self._metrics.line_up.set(stands)
            if not stands:
                self._metrics.lines_lost.add()
        healthy = stands and all(line.is_healthy for line in lines)
        if healthy != self.healthy:
            self.healthy = healthy
            self.since = time.monotonic()

    async def _mend(self) -> None:
        """Mend feeds, one after the other."""
        while True:
            followed = await self._to_mend.get()
            if self._feeds.get(followed.feed) is not followed:
                continue
            try:
                how = await followed.mend(
                    self._store, partial(self._listening, followed)
                )
                self._metrics.mended[how].add()
                self._look_at(followed)
            except NotFound:
                followed.end()
            except SinkFailed:
                self._mend_later(followed, "filling")
            except Damaged as wrong:
                log.error("could not mend a feed: %s: %s", wrong, wrong.reason)
                self._mend_later(followed, "mending")
            except Unavailable as wrong:
                log.warning("could not mend %s: %s", followed.feed, wrong)
                await asyncio.sleep(random.uniform(*SUBSCRIPTION_BACKOFF_S) / 2)  # noqa: S311 (spreads load, no secret)
                self._to_mend.put_nowait(followed)
            except Exception:
                log.exception("could not mend %s", followed.feed)
                self._mend_later(followed, "mending")
            if followed.closed:
                await self._forget(followed)

    def _mend_later(self, followed: FollowedFeed, where: str) -> None:
        """Try again after a pause, during which the mender serves other feeds."""
        self._feed_faults[where].add()
        loop = asyncio.get_running_loop()
        loop.call_later(FAULT_PAUSE_S, self._to_mend.put_nowait, followed)

    # Parts

    async def _open(self, feed: str, sink: FollowedSink) -> None:
        await self.close(feed)
        followed = FollowedFeed(
            *(feed, sink, self._metrics.held_back_too_much.add),
            database=self._shards.database,
        )
        await self._listening(followed)
        self._feeds[feed] = self._channels[followed.channel] = followed
        try:
            await self._subscribe(followed)
            await followed.mend(self._store, partial(self._listening, followed))
            self._look_at(followed)
            if self._feeds.get(feed) is not followed:
                raise Unavailable(f"{feed!r} was closed while it was opened")
        except BaseException as fault:
            await self._forget(followed)
            if isinstance(fault, Damaged):
                log.error("could not open a feed: %s: %s", fault, fault.reason)
                self._feed_faults["opening"].add()
            if not isinstance(fault, Exception) or isinstance(fault, StopPressError):
                raise
            log.exception("the log of %s can't be read", feed)
            self._feed_faults["opening"].add()
            raise Unavailable(f"the feed {feed!r} can't be read") from fault

    async def _subscribe(self, followed: FollowedFeed) -> None:
        """Subscribe to its channel, again if that is lost. Raises Unavailable."""
        end = time.monotonic() + self._shards.timeout_s
        while True:
            line = await self._listening(followed)
            try:
                await line.subscribe([followed.channel])
                return
            except Unavailable:
                if time.monotonic() > end:
                    raise
            await asyncio.sleep(SUBSCRIPTION_BACKOFF_S[0])

    async def _listening(self, followed: FollowedFeed) -> PubSubConnection:
        """Wait until the subscription of its server works. Raises Unavailable."""
        if self._group is None:
            raise Unavailable("the follower does not run")
        return await self._line_of(followed).listening()

    def _line_of(self, followed: FollowedFeed) -> ProbedSubscription:
        line = self._lines.get(self._shards.of(followed.channel.decode()))
        if line is None:
            raise Unavailable("there is no subscription to Redis yet")
        return line

    def _at(self, link: Pool) -> list[FollowedFeed]:
        """The open feeds on that server."""
        return [
            followed
            for followed in self._feeds.values()
            if self._is_at(followed.channel.decode(), link)
        ]

    def _is_at(self, channel: str, link: Pool) -> bool:
        """Whether the channel is on that server; False if no server has its slot."""
        with suppress(Unavailable):
            return self._shards.of(channel) is link
        return False

    async def _forget(self, followed: FollowedFeed) -> None:
        followed.closed = True
        if self._feeds.get(followed.feed) is not followed:
            return
        del self._feeds[followed.feed]
        del self._channels[followed.channel]
        with suppress(Unavailable):  # then there is no subscription to end
            await self._line_of(followed).unsubscribe(followed.channel)

    async def _read_head(self, feed: str) -> Cursor | StopPressError:
        try:
            return (await self._store.heads([feed]))[0] or NotFound(feed)
        except StopPressError as wrong:
            return wrong
        finally:
            del self._heads[feed]

    def _break_off(self, followed: FollowedFeed) -> None:
        if followed.break_off():
            self._to_mend.put_nowait(followed)
