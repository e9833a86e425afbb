"""Caches each feed's newest snapshot: encoded once per cursor, for all readers.

Rules:
- The open channel knows the head without asking Redis. A cached snapshot at
  the head is served as it is; else one read of the store serves all waiting requests.
- A write acknowledged by this process is in every snapshot requested after it
  (`record_write`), also if the channel has not received it yet.
- A pending read that began before a request serves it only if its result is at the
  head when it ends; else another read starts.
- While Redis is unavailable: the last snapshot with the events since, and its age. If
  an event is missing, including a write of this process, the answer is Unavailable: a
  withdrawn post must not reappear.
- At most CACHED_SNAPSHOT_BYTES are cached; the least recently used is evicted first.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from stoppress.desk.store_protocol import Store
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Gap, NotFound, Unavailable
from stoppress.domain.feed import Visibility
from stoppress.domain.keep_unknown_members import STORED_FEEDS
from stoppress.domain.undecodable_json import UNDECODABLE
from stoppress.hub.feed_status_and_access import FeedState
from stoppress.metric_instruments import ByLabel, Counter
from stoppress.settings import Settings
from stoppress.web.encoded_snapshot import (
    EncodedSnapshot,
    continued,
    encode_snapshot,
)
from stoppress.web.paginate_posts_as_json import PAGE_POSTS

if TYPE_CHECKING:
    from stoppress.hub.channel import Channel

CACHED_SNAPSHOT_BYTES = 64 << 20
"""Limit of all cached snapshots; 20 posts of 1 KB each take 40 KB, for the readers' and
the editors' form together."""
MAX_CACHED_FEEDS = 4096
"""Limit of cached feeds."""
AT_WAIT_S = 2.0
"""How long a request for a snapshot at a cursor waits for that cursor."""
AT_STEP_S = 0.1
"""Time between two reads of the store while waiting for a cursor."""
STALE_WAIT_S = 1.0
"""How long a request waits for the store before it gets an older snapshot."""


log = logging.getLogger(__name__)


class FeedListing(NamedTuple):
    """The stored JSON of all feeds; `age_s` as in EncodedSnapshot."""

    bodies: list[bytes]
    age_s: int | None


class ChannelSource(Protocol):
    """The interface of the hub as the snapshot cache uses it."""

    async def channel(self, feed: str) -> Channel:
        """The open channel of the feed. Raises NotFound, Unavailable."""


def _always() -> bool:
    return True


class _CacheEntry:
    """The cached snapshot of one feed, and its state."""

    __slots__ = (
        "confirmed_at",
        "own_writes",
        "read_at_write",
        "snapshot",
        "pending_read",
        "acknowledged",
        "failed_at",
    )

    def __init__(self) -> None:
        self.snapshot: EncodedSnapshot | None = None
        self.read_at_write = 0
        """The value of `own_writes` when the read of the snapshot started."""
        self.own_writes = 0
        """Writes of this process: a snapshot read before the last one is too old."""
        self.acknowledged: Cursor | None = None
        self.pending_read: asyncio.Task[EncodedSnapshot] | None = None
        self.confirmed_at = 0.0
        """When the snapshot was last known to be current."""
        self.failed_at = 0.0
        """When a read of the store last failed."""


class SnapshotCache:
    """Caches the newest snapshot of each feed.

    `fresh` returns whether events arrive now; while they don't, the store is read.
    """

    def __init__(
        self,
        hub: ChannelSource,
        store: Store,
        settings: Settings,
        fresh: Callable[[], bool] = _always,
        faults: ByLabel[Counter] | None = None,
    ) -> None:
        self._hub = hub
        self._store = store
        self._base = settings.base
        self._foreign = settings.foreign_content
        self.is_fresh = fresh
        self._faults = faults or ByLabel(lambda where: Counter())
        self._validated: frozenset[bytes] = frozenset()
        self._entries: OrderedDict[str, _CacheEntry] = OrderedDict()
        self._bytes = 0
        self._list_changes = 0
        self._listing: tuple[int, float, list[bytes]] | None = None

    async def snapshot(self, feed: str) -> EncodedSnapshot:
        """The feed's newest snapshot. Raises NotFound, Unavailable."""
        entry = self._entry(feed)
        channel: Channel | None = None
        try:
            channel = await self._channel(feed, entry)
            cached = entry.snapshot
            if cached is not None and self._is_current(entry, cached, channel):
                entry.confirmed_at = time.monotonic()
                return cached
            return await self._read_snapshot(feed, entry, channel)
        except Unavailable as away:
            return self._stale_snapshot(entry, channel, away)
        except NotFound:
            self._evict(feed)
            raise

    async def at(self, feed: str, cursor: Cursor) -> EncodedSnapshot:
        """The newest snapshot, at `cursor` or later in its epoch.

        Waits for it up to AT_WAIT_S. Raises NotFound, Unavailable.
        """
        snapshot = await self.snapshot(feed)
        end = time.monotonic() + AT_WAIT_S
        while not _reaches(snapshot, cursor):
            # The channel may lag behind the process that sent the cursor; the
            # store does not.
            snapshot = await self._read_snapshot(feed, self._entry(feed))
            if _reaches(snapshot, cursor):
                break
            if snapshot.cursor.epoch != cursor.epoch or time.monotonic() >= end:
                raise Unavailable(
                    f"the feed is at {snapshot.cursor}, not at {cursor} or later"
                )
            await asyncio.sleep(AT_STEP_S)
        return snapshot

    async def visibility(self, feed: str) -> Visibility:
        """The feed's visibility now. Raises NotFound, Unavailable."""
        return (await self.state(feed)).visibility

    async def state(self, feed: str) -> FeedState:
        """The feed's state now, as its readers' lines know it.

        Raises NotFound, Unavailable.
        """
        entry = self._entries.get(feed)
        channel = await self._hub.channel(feed)
        behind = (
            entry is not None
            and entry.acknowledged is not None
            and not _covers(channel.cursor, entry.acknowledged)
        )
        if behind or not self.is_fresh():
            try:
                return FeedState.of((await self._store.feed(feed)).body)
            except Unavailable:
                if behind:
                    raise
        return channel.feed_state

    async def events(
        self, feed: str, after: Cursor, until: Cursor
    ) -> list[bytes] | None:
        """The messages between two cursors; None if the ring lacks one."""
        try:
            channel = await self._hub.channel(feed)
        except (NotFound, Unavailable):
            return None
        if after.epoch != until.epoch or not _covers(channel.cursor, until):
            return None
        if not channel.can_resume(after):
            return None
        return channel.messages_after(after, max(0, until.seq - after.seq))

    async def feeds(self) -> FeedListing:
        """The stored JSON of all feeds, of every visibility, newest created first.

        Raises Unavailable.
        """
        began = self._list_changes
        try:
            bodies = self._readable(await self._store.feeds())
        except Unavailable:
            # A feed hidden since by this process must not reappear.
            if self._listing is None or self._listing[0] != self._list_changes:
                raise
            _, listed, bodies = self._listing
            return FeedListing(bodies, int(time.monotonic() - listed))
        self._listing = began, time.monotonic(), bodies
        return FeedListing(bodies, None)

    def record_write(self, feed: str, cursor: Cursor, *, listed: bool = False) -> None:
        """Record an acknowledged write: every later snapshot includes it.

        `listed`: the write changed the feed itself.
        """
        self._list_changes += listed
        entry = self._entry(feed)
        entry.own_writes += 1
        if entry.acknowledged is None or not _covers(entry.acknowledged, cursor):
            entry.acknowledged = cursor

    def record_deletion(self, feed: str) -> None:
        """Record that this process deleted the feed."""
        self._list_changes += 1
        self._evict(feed)

    def forget(self, feed: str | None) -> None:
        """Drop the cached snapshot of a feed (None: of all)."""
        for name in [feed] if feed is not None else list(self._entries):
            entry = self._entries.get(name)
            if entry is not None and entry.snapshot is not None:
                self._bytes -= entry.snapshot.size
                entry.snapshot = None

    def unreadable(self, feed: str) -> None:
        """Log and count a damaged feed, which must not affect other feeds' pages."""
        log.error("the stored record of %s is damaged", feed, exc_info=True)
        self._faults["record"].add()

    # Internal

    def _readable(self, bodies: list[bytes]) -> list[bytes]:
        """The feeds without those whose stored record is damaged."""
        found = []
        for body in bodies:
            try:
                # Validated once: most are unchanged since the last call.
                if body not in self._validated:
                    STORED_FEEDS.read(body)
            except UNDECODABLE:
                self.unreadable(f"a feed that begins {body[:60]!r}")
            else:
                found.append(body)
        self._validated = frozenset(found)
        return found

    def _entry(self, feed: str) -> _CacheEntry:
        entry = self._entries.get(feed)
        if entry is None:
            if len(self._entries) >= MAX_CACHED_FEEDS:
                self._evict(next(iter(self._entries)))
            entry = self._entries[feed] = _CacheEntry()
        self._entries.move_to_end(feed)
        return entry

    async def _channel(self, feed: str, entry: _CacheEntry) -> Channel:
        try:
            async with asyncio.timeout(STALE_WAIT_S if entry.snapshot else None):
                return await self._hub.channel(feed)
        except TimeoutError:
            raise Unavailable("the feed takes too long to open") from None

    def _is_current(
        self, entry: _CacheEntry, cached: EncodedSnapshot, channel: Channel
    ) -> bool:
        return (
            entry.read_at_write >= entry.own_writes
            and _covers(cached.cursor, channel.cursor)
            and self.is_fresh()
        )

    async def _read_snapshot(
        self, feed: str, entry: _CacheEntry, channel: Channel | None = None
    ) -> EncodedSnapshot:
        """A snapshot that is at least as new as a store read started now."""
        if entry.snapshot is not None:
            since_failure_s = time.monotonic() - entry.failed_at
            if since_failure_s < STALE_WAIT_S and not self.is_fresh():
                raise Unavailable("the store did not answer within the last second")
            timeout_s: float | None = STALE_WAIT_S
        else:
            timeout_s = None
        for _ in range(2):
            # A pending read may have read the store before this request.
            pending_read, joined = entry.pending_read, entry.pending_read is not None
            if pending_read is None:
                pending_read = asyncio.create_task(self._read_store(feed, entry))
                entry.pending_read = pending_read
                pending_read.add_done_callback(lambda done: _read_done(entry, done))
            try:
                async with asyncio.timeout(timeout_s):
                    snapshot = await asyncio.shield(pending_read)
            except TimeoutError:
                entry.failed_at = time.monotonic()
                raise Unavailable("the store takes too long to answer") from None
            except Unavailable:
                entry.failed_at = time.monotonic()
                raise
            if not joined or (channel and self._is_current(entry, snapshot, channel)):
                break
        return snapshot

    async def _read_store(self, feed: str, entry: _CacheEntry) -> EncodedSnapshot:
        own_writes = entry.own_writes
        kept = await self._store.snapshot(feed, PAGE_POSTS)
        read = encode_snapshot(feed, kept, self._base, self._foreign)
        self._cache(feed, entry, read)
        entry.read_at_write = own_writes
        if own_writes == entry.own_writes:
            entry.acknowledged = read.cursor
        entry.confirmed_at = time.monotonic()
        return read

    def _cache(self, feed: str, entry: _CacheEntry, read: EncodedSnapshot) -> None:
        if self._entries.get(feed) is not entry:
            return
        cached = entry.snapshot
        self._bytes += read.size - (cached.size if cached is not None else 0)
        entry.snapshot = read
        while self._bytes > CACHED_SNAPSHOT_BYTES and len(self._entries) > 1:
            self._evict(next(iter(self._entries)))

    def _evict(self, feed: str) -> None:
        entry = self._entries.pop(feed, None)
        if entry is not None and entry.snapshot is not None:
            self._bytes -= entry.snapshot.size
            entry.snapshot = None

    def _stale_snapshot(
        self, entry: _CacheEntry, channel: Channel | None, away: Unavailable
    ) -> EncodedSnapshot:
        """The cached snapshot, continued by events, while the store is unavailable."""
        cached = entry.snapshot
        if cached is None:
            raise away
        if channel is not None and not _covers(cached.cursor, channel.cursor):
            if not channel.can_resume(cached.cursor):
                raise away
            events = channel.messages_after(cached.cursor)
            if events is None:
                raise away
            try:
                cached = continued(cached, events)
            except Gap:
                raise away from None
            self._cache(cached.slug, entry, cached)
        if entry.acknowledged is not None and not _covers(
            cached.cursor, entry.acknowledged
        ):
            raise away
        return cached.aged(int(time.monotonic() - entry.confirmed_at))


def _covers(cached: Cursor, cursor: Cursor) -> bool:
    return cached.epoch == cursor.epoch and cached.seq >= cursor.seq


def _reaches(snapshot: EncodedSnapshot, cursor: Cursor) -> bool:
    return _covers(snapshot.cursor, cursor)


def _read_done(entry: _CacheEntry, pending_read: asyncio.Task[EncodedSnapshot]) -> None:
    if entry.pending_read is pending_read:
        entry.pending_read = None
    if not pending_read.cancelled():
        pending_read.exception()  # retrieved, as no request may be waiting
