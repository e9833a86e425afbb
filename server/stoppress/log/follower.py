"""The follower: brings the events of each open feed to the hub. Implements `hub.line`.

Pub/sub is the doorbell, the log is the truth. A feed is opened by listening to its
channel first, reading its window then, and merging the two. From there on each
message that follows on the last goes straight to the sink; anything else (a jump, a
message that can't be read, a line that was lost) makes the follower read the log
until it is proved again that nothing is missing. Rules:
- One connection listens for the whole process; there is no task a feed. `run` owns
  all tasks: the line, the probe, and a few menders.
- A probe goes through the primary every few seconds, to a channel of this line's
  own. If one does not come back, the line is given up, however alive it looks: it
  may be attached to a server that is the primary no longer (a replica refuses the
  probe). A new line counts as
  healthy only once its first probe came back: it may be attached there too.
- A line that comes back looks at all heads in one batch, and mends what is behind.
- While Redis is away sinks keep what they have; nobody is told anything.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from contextlib import suppress

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import NewsError, NotFound, Unavailable
from stoppress.log import scripts
from stoppress.log.followed import Followed, Sink
from stoppress.log.keys import PROBE
from stoppress.log.link import Link
from stoppress.log.message import parse
from stoppress.log.metrics import FollowerMetrics, NoMetrics
from stoppress.log.store import RedisStore
from stoppress.log.subscription import Subscription
from stoppress.log.talk import new_epoch

PROBE_S = 4.0
MENDERS = 8
"""Feeds mended at the same time; the rest wait their turn."""
BACKOFF_S = (0.05, 2.0)

log = logging.getLogger(__name__)


class Follower:
    """Follows the logs of open feeds, as long as `run` runs."""

    def __init__(
        self,
        link: Link,
        store: RedisStore,
        metrics: FollowerMetrics | None = None,
        *,
        probe_s: float = PROBE_S,
    ) -> None:
        self._link = link
        self._store = store
        self._metrics = metrics or NoMetrics()
        self._probe_s = probe_s
        self._feeds: dict[str, Followed] = {}
        self._channels: dict[bytes, Followed] = {}
        self._opening: dict[str, asyncio.Future[None]] = {}
        self._heads: dict[str, asyncio.Task[Cursor | NewsError]] = {}
        self._group: asyncio.TaskGroup | None = None
        # Each feed stands in it once at most.
        self._to_mend: asyncio.Queue[Followed] = asyncio.Queue()
        self._line: Subscription | None = None
        self._listening = asyncio.Event()
        self._probe_channel = b""
        self._probe_back = asyncio.Event()
        self._nonce = b""
        self.healthy = False
        """Whether events arrive: the line stands, and the last probe came back."""
        self.since = time.monotonic()
        """Since when it is as `healthy` says (`time.monotonic`)."""

    # hub.line.Line

    async def open(self, feed: str, sink: Sink) -> None:
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

        Raises NotFound or Unavailable.
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
        if followed is not None and followed.cursor.epoch not in ("", head.epoch):
            self._break_off(followed)
        return head

    # The tasks

    async def run(self) -> None:
        """Follow, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                group.create_task(self._keep_line())
                for _ in range(MENDERS):
                    group.create_task(self._mend())
        finally:
            self._group = None

    async def _keep_line(self) -> None:
        """Have a line, and another one when it is lost."""
        pause_s = BACKOFF_S[0]
        while True:
            began = time.monotonic()
            try:
                await self._hold_line()
            except* Unavailable as lost:
                log.warning("the line to Redis was lost: %s", lost.exceptions[0])
            if time.monotonic() - began > BACKOFF_S[1]:
                pause_s = BACKOFF_S[0]
            await asyncio.sleep(random.uniform(0, pause_s))
            pause_s = min(pause_s * 2, BACKOFF_S[1])

    async def _hold_line(self) -> None:
        connection = await self._link.connect()
        line = Subscription(connection, self._hear, self._link.timeout_s)
        self._probe_channel = f"{PROBE}{new_epoch()}".encode()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(line.listen())
                await line.subscribe([self._probe_channel, *self._channels])
                self._line = line
                self._listening.set()
                self._metrics.line_up(True)
                await self._look_at_heads()
                await self._probe()
        finally:
            if self._line is not None:
                self._metrics.line_up(False)
            self._line = None
            self._listening.clear()
            self._is_healthy(False)
            for followed in self._feeds.values():
                followed.lost = True
            await line.close()

    async def _look_at_heads(self) -> None:
        """Mend whatever is behind its log."""
        feeds = [one for one in self._feeds.values() if one.held is None]
        heads = await self._store.heads([one.feed for one in feeds])
        for followed, head in zip(feeds, heads, strict=True):
            if head is None:
                followed.end()
                await self._forget(followed)
            elif head.epoch != followed.cursor.epoch or head > followed.cursor:
                self._break_off(followed)

    async def _probe(self) -> None:
        """See whether what is sent to the primary arrives; else raises Unavailable."""
        while True:
            self._probe_back.clear()
            self._nonce = new_epoch().encode()
            began = time.monotonic()
            try:
                async with asyncio.timeout(self._probe_s):
                    async with self._link.talk() as talk:
                        await scripts.probe(talk, self._probe_channel, self._nonce)
                    await self._probe_back.wait()
            except (TimeoutError, Unavailable) as missed:
                self._metrics.probe_missed()
                why = str(missed) or "nothing in time"
                raise Unavailable(f"a probe did not come back: {why}") from None
            self._is_healthy(True)
            await asyncio.sleep(max(0.0, began + self._probe_s - time.monotonic()))

    async def _mend(self) -> None:
        """Mend feeds, one after the other."""
        while True:
            followed = await self._to_mend.get()
            if self._feeds.get(followed.feed) is not followed:
                continue
            try:
                how = await followed.mend(self._store, self._subscribed)
                self._metrics.mended(how)
            except NotFound:
                followed.end()
            except Unavailable as wrong:
                log.warning("could not mend %s: %s", followed.feed, wrong)
                await asyncio.sleep(random.uniform(*BACKOFF_S) / 2)
                self._to_mend.put_nowait(followed)
            if followed.closed:
                await self._forget(followed)

    # Parts

    async def _open(self, feed: str, sink: Sink) -> None:
        await self.close(feed)
        await self._subscribed()
        line = self._line
        if line is None:
            raise Unavailable("the line to Redis was lost")
        followed = Followed(feed, sink, self._metrics.held_back_too_much)
        self._feeds[feed] = self._channels[followed.channel] = followed
        try:
            await line.subscribe([followed.channel])
            await followed.mend(self._store, self._subscribed)
            if self._feeds.get(feed) is not followed:
                raise Unavailable(f"{feed!r} was closed while it was opened")
        except BaseException:
            await self._forget(followed)
            raise

    async def _subscribed(self) -> None:
        """Return when everything open is listened to. Raises Unavailable."""
        try:
            async with asyncio.timeout(self._link.timeout_s):
                await self._listening.wait()
        except TimeoutError:
            raise Unavailable("there is no line to Redis") from None

    async def _forget(self, followed: Followed) -> None:
        followed.closed = True
        if self._feeds.get(followed.feed) is not followed:
            return
        del self._feeds[followed.feed]
        del self._channels[followed.channel]
        if self._line is not None:
            with suppress(Unavailable):  # then nothing is listened to any more
                await self._line.unsubscribe(followed.channel)

    async def _read_head(self, feed: str) -> Cursor | NewsError:
        try:
            return (await self._store.heads([feed]))[0] or NotFound(feed)
        except NewsError as wrong:
            return wrong
        finally:
            del self._heads[feed]

    def _hear(self, channel: bytes, message: bytes) -> None:
        followed = self._channels.get(channel)
        if followed is None:
            if channel == self._probe_channel and message == self._nonce:
                self._probe_back.set()
            return
        heard = parse(message)
        if heard is None:
            self._metrics.malformed()
        if followed.hear(heard):
            self._to_mend.put_nowait(followed)
        elif followed.closed and self._group is not None:
            self._group.create_task(self._forget(followed))

    def _break_off(self, followed: Followed) -> None:
        if followed.break_off():
            self._to_mend.put_nowait(followed)

    def _is_healthy(self, healthy: bool) -> None:
        if healthy != self.healthy:
            self.healthy = healthy
            self.since = time.monotonic()
