"""The follower: brings the events of each open feed to the hub. Implements `Upstream`.

Pub/sub is the doorbell, the log is the truth. A feed is opened by listening to its
channel first, reading its window then, and merging the two. From there on each
message that follows on the last goes straight to the sink; anything else (a jump, a
message without the right mark, a line that was lost) makes the follower read the log
until it is proved again that nothing is missing. Rules:
- One line (`listener.py`) a shard listens for the whole process; there is no task a
  feed. `run` owns all tasks: the lines, and a few menders.
- A line that comes back looks at all heads in one batch, and mends what is behind,
  or ahead: a log that ends before what was heard of it has lost its tail.
- Where keys move from one server of a cluster to another, all lines are made anew.
- While Redis is away sinks keep what they have; nobody is told anything.
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
from stoppress.domain.errors import NewsError, NotFound, Unavailable
from stoppress.log.followed_feed import FollowedFeed, FollowedSink, SinkFailed
from stoppress.log.listener import LISTENER_BACKOFF_S, Listener
from stoppress.log.log_metrics import FollowerMetrics
from stoppress.log.pool import Pool
from stoppress.log.shards import Shards
from stoppress.log.store import RedisStore
from stoppress.log.subscription import Subscription
from stoppress.metric_types import ByLabel, Counter

PROBE_S = 4.0
BELL_S = 0.25
"""Between two readings of one log for messages without the right mark."""
FAULT_PAUSE_S = 1.0
"""How long a feed that has a fault of its own waits before it is tried again."""
MENDERS = 8
"""Feeds mended at the same time; the rest wait their turn."""

log = logging.getLogger(__name__)


class Follower:
    """Follows the logs of open feeds, as long as `run` runs."""

    def __init__(
        self,
        shards: Shards,
        store: RedisStore,
        metrics: FollowerMetrics | None = None,
        *,
        feed_faults: ByLabel[Counter] | None = None,
        probe_s: float = PROBE_S,
    ) -> None:
        self._shards = shards
        self._store = store
        self._metrics = metrics or FollowerMetrics()
        self._feed_faults = feed_faults or ByLabel(lambda where: Counter())
        self._probe_s = probe_s
        self._feeds: dict[str, FollowedFeed] = {}
        self._channels: dict[bytes, FollowedFeed] = {}
        self._opening: dict[str, asyncio.Future[None]] = {}
        self._heads: dict[str, asyncio.Task[Cursor | NewsError]] = {}
        self._group: asyncio.TaskGroup | None = None
        # Each feed stands in it once at most.
        self._to_mend: asyncio.Queue[FollowedFeed] = asyncio.Queue()
        self._rung: dict[FollowedFeed, asyncio.TimerHandle] = {}
        """Feeds whose logs are to be read for a message without the right mark."""
        self._lines: dict[Pool, Listener] = {}
        self._stands = False
        self.healthy = False
        """Whether events arrive: all lines stand, and their last probes came back."""
        self.reason = "the line to Redis was not made yet"
        """Why it is not healthy, as Redis said it."""
        self.since = time.monotonic()
        """Since when it is as `healthy` says (`time.monotonic`)."""

    # hub.upstream.Upstream

    async def open(self, feed: str, sink: FollowedSink) -> None:
        """Subscribe, fill the sink, and keep it filled until `close`.

        Who asks while the feed is being opened waits for that; who asks later takes
        the place of the former sink. Raises NotFound or Unavailable (then nothing
        stays open).
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
            opening.exception()  # perhaps nobody else waits
            raise
        else:
            opening.set_result(None)
        finally:
            del self._opening[feed]

    async def close(self, feed: str) -> None:
        """Stop bringing events of the feed."""
        followed = self._feeds.get(feed)
        if followed is not None:
            await self._forget(followed)

    async def head(self, feed: str) -> Cursor:
        """The log's head now: one read, shared by all who ask while it runs.

        Who asks knows of more than the line brought; if it is there it is read, as the
        line may be deaf, and not have been found out yet. Raises NotFound, Unavailable.
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
        if followed is not None and _lacks(followed, head):
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

    async def _keep_lines(self, group: asyncio.TaskGroup) -> None:
        """Have a line to each shard, and others when keys have moved."""
        while True:
            moved = self._shards.moved
            self._lines = {
                link: Listener(
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
            log.info("keys have moved; the lines are made anew")
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)

    # line.Ends

    def channels(self, link: Pool) -> Sequence[bytes]:
        """The channels of the feeds that are there."""
        return [one.channel for one in self._at(link)]

    def hear(self, channel: bytes, message: bytes) -> None:
        """Take a message of a feed."""
        followed = self._channels.get(channel)
        if followed is None:
            return
        try:
            broken = followed.take(message)
        except Exception:
            # One feed's fault is not the other feeds', nor the line's.
            log.exception("what was heard of %s could not be taken", followed.feed)
            self._feed_faults["hearing"].add()
            broken = followed.break_off()
        if broken:
            self._to_mend.put_nowait(followed)
        elif followed.closed and self._group is not None:
            self._group.create_task(self._forget(followed))
        self._look_at(followed)

    def _look_at(self, followed: FollowedFeed) -> None:
        """Count what was heard, and have the log read for what has no right mark."""
        self._metrics.unmarked.add(followed.unmarked)
        self._metrics.malformed.add(followed.malformed)
        followed.unmarked = followed.malformed = 0
        if not followed.rung or followed in self._rung:
            return
        loop = asyncio.get_running_loop()
        after = followed.last_rung + BELL_S - loop.time()
        self._rung[followed] = loop.call_later(after, self._answer, followed)

    def _answer(self, followed: FollowedFeed) -> None:
        """Read the log of a feed, as somebody rang."""
        del self._rung[followed]
        # While it is mended, the bell is answered after that, if it has to be.
        if self._feeds.get(followed.feed) is followed and followed.rung:
            if followed.held is None:
                followed.last_rung = asyncio.get_running_loop().time()
                self._break_off(followed)

    async def catch_up(self, link: Pool) -> None:
        """Mend whatever is behind its log there."""
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
        """What is being read has to be read again, whichever line it was."""
        for followed in self._feeds.values():
            followed.lost = True

    def changed(self) -> None:
        """See how all lines are together."""
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
            except Unavailable as wrong:
                log.warning("could not mend %s: %s", followed.feed, wrong)
                await asyncio.sleep(random.uniform(*LISTENER_BACKOFF_S) / 2)
                self._to_mend.put_nowait(followed)
            except Exception:
                log.exception("could not mend %s", followed.feed)
                self._mend_later(followed, "mending")
            if followed.closed:
                await self._forget(followed)

    def _mend_later(self, followed: FollowedFeed, where: str) -> None:
        """Try once more after a pause, in which the mender goes on with others."""
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
        line = await self._listening(followed)
        self._feeds[feed] = self._channels[followed.channel] = followed
        try:
            await line.subscribe([followed.channel])
            await followed.mend(self._store, partial(self._listening, followed))
            self._look_at(followed)
            if self._feeds.get(feed) is not followed:
                raise Unavailable(f"{feed!r} was closed while it was opened")
        except BaseException as fault:
            await self._forget(followed)
            if not isinstance(fault, Exception) or isinstance(fault, NewsError):
                raise
            log.exception("the log of %s can't be read", feed)
            self._feed_faults["opening"].add()
            raise Unavailable(f"the feed {feed!r} can't be read") from fault

    async def _listening(self, followed: FollowedFeed) -> Subscription:
        """Wait until all that is open beside the feed is listened to.

        Raises Unavailable.
        """
        if self._group is None:
            raise Unavailable("the follower does not run")
        return await self._line_of(followed).listening()

    def _line_of(self, followed: FollowedFeed) -> Listener:
        line = self._lines.get(self._shards.of(followed.channel.decode()))
        if line is None:
            raise Unavailable("there is no line to Redis yet")
        return line

    def _at(self, link: Pool) -> list[FollowedFeed]:
        """The open feeds that are there."""
        found: list[FollowedFeed] = []
        for followed in self._feeds.values():
            with suppress(Unavailable):  # nobody has it now
                if self._shards.of(followed.channel.decode()) is link:
                    found.append(followed)
        return found

    async def _forget(self, followed: FollowedFeed) -> None:
        followed.closed = True
        if self._feeds.get(followed.feed) is not followed:
            return
        del self._feeds[followed.feed]
        del self._channels[followed.channel]
        with suppress(Unavailable):  # then nothing is listened to any more
            await self._line_of(followed).unsubscribe(followed.channel)

    async def _read_head(self, feed: str) -> Cursor | NewsError:
        try:
            return (await self._store.heads([feed]))[0] or NotFound(feed)
        except NewsError as wrong:
            return wrong
        finally:
            del self._heads[feed]

    def _break_off(self, followed: FollowedFeed) -> None:
        if followed.break_off():
            self._to_mend.put_nowait(followed)


def _lacks(followed: FollowedFeed, head: Cursor) -> bool:
    """Whether the feed's log is further than the feed, and nobody reads it yet."""
    if followed.cursor.epoch != head.epoch:
        return bool(followed.cursor.epoch)
    return followed.held is None and followed.cursor < head
