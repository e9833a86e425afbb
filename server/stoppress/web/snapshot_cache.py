"""Snapshots from memory: made once a cursor, for any number of readers.

Rules:
- The open channel knows the head without asking Redis. An edition at the head
  is served as it is; else the log is read once for all who wait.
- A write acknowledged by this process is in every snapshot asked for after it
  (`noted`), also if the channel has not heard of it yet.
- A flight that began before a question answers it only if what it brings is at
  the head by then; else another one starts.
- Redis away: the last edition, with the events that came since, and its age.
  Where an event is missing, a write of our own included, there is no answer:
  what was withdrawn must not come back.
- At most CACHED_SNAPSHOT_BYTES of editions are held, least recently used first to go.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from stoppress.desk.store_protocol import Store
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Gap, NotFound, Unavailable
from stoppress.domain.feed import Visibility
from stoppress.domain.stored_json import STORED_FEEDS
from stoppress.meter import ByLabel, Counter
from stoppress.settings import Settings
from stoppress.web.encoded_snapshot import (
    EncodedSnapshot,
    continued,
    edition,
    visibility_of,
)
from stoppress.web.pagination import PAGE_POSTS

if TYPE_CHECKING:
    from stoppress.hub.channel import Channel

CACHED_SNAPSHOT_BYTES = 64 << 20
"""Editions held in memory; 20 posts of 1 KB each make 40 KB, as readers and as
editors get them."""
MAX_SHELVES = 4096
"""Feeds of which anything is held."""
AT_WAIT_S = 2.0
"""How long a snapshot at a cursor waits for it."""
AT_STEP_S = 0.1
"""How long between two looks at the log, for a cursor that is not there yet."""
IMPATIENCE_S = 1.0
"""How long a reader waits for the log while an older edition is at hand."""


log = logging.getLogger(__name__)


class FeedListing(NamedTuple):
    """Every feed's kept JSON; `age_s` as in an Edition."""

    bodies: list[bytes]
    age_s: int | None


class ChannelSource(Protocol):
    """What snapshots need of the hub."""

    async def channel(self, feed: str) -> Channel:
        """The open channel of the feed. Raises NotFound, Unavailable."""


def _always() -> bool:
    return True


class _Shelf:
    """What is held of one feed."""

    __slots__ = ("confirmed", "due", "drawn", "edition", "flight", "noted", "tried")

    def __init__(self) -> None:
        self.edition: EncodedSnapshot | None = None
        self.drawn = 0
        """What `due` was when the edition's flight started."""
        self.due = 0
        """Counts our own writes: an edition drawn before the last is too old."""
        self.noted: Cursor | None = None
        self.flight: asyncio.Task[EncodedSnapshot] | None = None
        self.confirmed = 0.0
        """When the edition was last known to be current."""
        self.tried = 0.0
        """When the log was last asked in vain."""


class SnapshotCache:
    """Holds the newest edition of each feed.

    `fresh` tells whether events arrive now; while they don't, the log is asked.
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
        self._fresh = fresh
        self._faults = faults or ByLabel(lambda where: Counter())
        self._read: frozenset[bytes] = frozenset()
        self._shelves: OrderedDict[str, _Shelf] = OrderedDict()
        self._bytes = 0
        self._relisted = 0
        self._listing: tuple[int, float, list[bytes]] | None = None

    async def snapshot(self, feed: str) -> EncodedSnapshot:
        """The newest edition. Raises NotFound, Unavailable."""
        shelf = self._shelf(feed)
        channel: Channel | None = None
        try:
            channel = await self._channel(feed, shelf)
            held = shelf.edition
            if held is not None and self._is_current(shelf, held, channel):
                shelf.confirmed = time.monotonic()
                return held
            return await self._drawn(feed, shelf, channel)
        except Unavailable as away:
            return self._remembered(shelf, channel, away)
        except NotFound:
            self._forget(feed)
            raise

    async def at(self, feed: str, cursor: Cursor) -> EncodedSnapshot:
        """The newest edition, if it is at `cursor` or later in its epoch.

        Waits AT_WAIT_S for it. Raises NotFound, Unavailable.
        """
        edition = await self.snapshot(feed)
        end = time.monotonic() + AT_WAIT_S
        while not _reaches(edition, cursor):
            # The channel may be a step behind whoever gave out the cursor; the
            # log is not.
            edition = await self._drawn(feed, self._shelf(feed))
            if _reaches(edition, cursor):
                break
            if edition.cursor.epoch != cursor.epoch or time.monotonic() >= end:
                raise Unavailable(
                    f"the feed is at {edition.cursor}, not at {cursor} or later"
                )
            await asyncio.sleep(AT_STEP_S)
        return edition

    async def visibility(self, feed: str) -> Visibility:
        """The feed's visibility now. Raises NotFound, Unavailable."""
        shelf = self._shelves.get(feed)
        channel = await self._hub.channel(feed)
        behind = (
            shelf is not None
            and shelf.noted is not None
            and not _covers(channel.cursor, shelf.noted)
        )
        if behind or not self._fresh():
            try:
                return visibility_of((await self._store.feed(feed)).body)
            except Unavailable:
                if behind:
                    raise
        return channel.feed_state.visibility

    async def events(
        self, feed: str, after: Cursor, until: Cursor
    ) -> list[bytes] | None:
        """The messages after one cursor until another; None if memory lacks one."""
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
        """Every feed's kept JSON, of every visibility, newest made first.

        Raises Unavailable.
        """
        began = self._relisted
        try:
            bodies = self._readable(await self._store.feeds())
        except Unavailable:
            # A feed we hid since may not come back.
            if self._listing is None or self._listing[0] != self._relisted:
                raise
            _, listed, bodies = self._listing
            return FeedListing(bodies, int(time.monotonic() - listed))
        self._listing = began, time.monotonic(), bodies
        return FeedListing(bodies, None)

    def noted(self, feed: str, cursor: Cursor, *, listed: bool = False) -> None:
        """A write was acknowledged: no snapshot may be older from now on.

        `listed`: it changed the feed itself.
        """
        self._relisted += listed
        shelf = self._shelf(feed)
        shelf.due += 1
        if shelf.noted is None or not _covers(shelf.noted, cursor):
            shelf.noted = cursor

    def dropped(self, feed: str) -> None:
        """The feed was deleted here."""
        self._relisted += 1
        self._forget(feed)

    def unreadable(self, feed: str) -> None:
        """What is kept of a feed can't be shown: nobody else's page is to suffer."""
        log.error("what is kept of %s can't be read", feed, exc_info=True)
        self._faults["record"].add()

    # Inside

    def _readable(self, bodies: list[bytes]) -> list[bytes]:
        """The feeds without those whose record is damaged."""
        found = []
        for body in bodies:
            try:
                # Looked into once: most are the same as the last time.
                if body not in self._read:
                    STORED_FEEDS.read(body)
            except msgspec.MsgspecError:
                self.unreadable(f"a feed that begins {body[:60]!r}")
            else:
                found.append(body)
        self._read = frozenset(found)
        return found

    def _shelf(self, feed: str) -> _Shelf:
        shelf = self._shelves.get(feed)
        if shelf is None:
            if len(self._shelves) >= MAX_SHELVES:
                self._forget(next(iter(self._shelves)))
            shelf = self._shelves[feed] = _Shelf()
        self._shelves.move_to_end(feed)
        return shelf

    async def _channel(self, feed: str, shelf: _Shelf) -> Channel:
        try:
            async with asyncio.timeout(IMPATIENCE_S if shelf.edition else None):
                return await self._hub.channel(feed)
        except TimeoutError:
            raise Unavailable("the feed takes too long to open") from None

    def _is_current(
        self, shelf: _Shelf, held: EncodedSnapshot, channel: Channel
    ) -> bool:
        return (
            shelf.drawn >= shelf.due
            and _covers(held.cursor, channel.cursor)
            and self._fresh()
        )

    async def _drawn(
        self, feed: str, shelf: _Shelf, channel: Channel | None = None
    ) -> EncodedSnapshot:
        """An edition drawn from the log after now, or as good as that."""
        if shelf.edition is not None:
            tried = time.monotonic() - shelf.tried
            if tried < IMPATIENCE_S and not self._fresh():
                raise Unavailable("the store could not answer a moment ago")
            patience: float | None = IMPATIENCE_S
        else:
            patience = None
        for _ in range(2):
            # One that is under way may have read the log before the question.
            flight, joined = shelf.flight, shelf.flight is not None
            if flight is None:
                flight = asyncio.create_task(self._draw(feed, shelf))
                shelf.flight = flight
                flight.add_done_callback(lambda done: _landed(shelf, done))
            try:
                async with asyncio.timeout(patience):
                    edition = await asyncio.shield(flight)
            except TimeoutError:
                shelf.tried = time.monotonic()
                raise Unavailable("the store takes too long to answer") from None
            except Unavailable:
                shelf.tried = time.monotonic()
                raise
            if not joined or (channel and self._is_current(shelf, edition, channel)):
                break
        return edition

    async def _draw(self, feed: str, shelf: _Shelf) -> EncodedSnapshot:
        due = shelf.due
        kept = await self._store.snapshot(feed, PAGE_POSTS)
        drawn = edition(feed, kept, self._base)
        self._hold(feed, shelf, drawn)
        shelf.drawn = due
        if due == shelf.due:
            shelf.noted = drawn.cursor
        shelf.confirmed = time.monotonic()
        return drawn

    def _hold(self, feed: str, shelf: _Shelf, drawn: EncodedSnapshot) -> None:
        if self._shelves.get(feed) is not shelf:
            return
        held = shelf.edition
        self._bytes += drawn.size - (held.size if held is not None else 0)
        shelf.edition = drawn
        while self._bytes > CACHED_SNAPSHOT_BYTES and len(self._shelves) > 1:
            self._forget(next(iter(self._shelves)))

    def _forget(self, feed: str) -> None:
        shelf = self._shelves.pop(feed, None)
        if shelf is not None and shelf.edition is not None:
            self._bytes -= shelf.edition.size
            shelf.edition = None

    def _remembered(
        self, shelf: _Shelf, channel: Channel | None, away: Unavailable
    ) -> EncodedSnapshot:
        """What memory holds while the log can't be asked."""
        held = shelf.edition
        if held is None:
            raise away
        if channel is not None and not _covers(held.cursor, channel.cursor):
            if not channel.can_resume(held.cursor):
                raise away
            events = channel.messages_after(held.cursor)
            if events is None:
                raise away
            try:
                held = continued(held, events)
            except Gap:
                raise away from None
            self._hold(held.slug, shelf, held)
        if shelf.noted is not None and not _covers(held.cursor, shelf.noted):
            raise away
        return held.aged(int(time.monotonic() - shelf.confirmed))


def _covers(held: Cursor, cursor: Cursor) -> bool:
    return held.epoch == cursor.epoch and held.seq >= cursor.seq


def _reaches(edition: EncodedSnapshot, cursor: Cursor) -> bool:
    return _covers(edition.cursor, cursor)


def _landed(shelf: _Shelf, flight: asyncio.Task[EncodedSnapshot]) -> None:
    if shelf.flight is flight:
        shelf.flight = None
    if not flight.cancelled():
        flight.exception()  # whoever waits for it has it; nobody may wait
