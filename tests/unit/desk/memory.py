"""A newsroom in memory, for tests where the store is not the point.

`MemoryStore` keeps feeds, posts and tokens as the log's store promises to;
`away` makes it answer like a Redis that is gone. `MemoryLine` brings its events
to the hub; `late` holds them back until `catch_up`, as pub/sub may.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import (
    ExternalIdTaken,
    Gone,
    IdempotencyKeyReused,
    NotFound,
    PinMoved,
    SlugTaken,
    StaleRevision,
    Unavailable,
)
from stoppress.domain.event import Event
from stoppress.domain.store_records import (
    Change,
    Idempotency,
    KeptFeed,
    LogWindow,
    PageMark,
    PostPage,
    Snapshot,
    Withdrawn,
    WithdrawnPage,
    Write,
    Written,
)
from stoppress.hub.upstream import EventSink
from stoppress.log.event_record import recorded_post


class _Rev(msgspec.Struct):
    rev: int


class _Made(msgspec.Struct, order=True):
    created_at: str
    slug: str


def rev_of(body: bytes) -> int:
    """The rev in a kept body."""
    return msgspec.json.decode(body, type=_Rev).rev


@dataclass
class Shelf:
    """One feed, as the log keeps it."""

    epoch: str
    body: bytes
    seq: int = 0
    posts: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)
    external: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    pinned: str = ""

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.epoch, self.seq)


class MemoryStore:
    """Implements desk.store.Store and TokenStore."""

    def __init__(self) -> None:
        self.shelves: dict[str, Shelf] = {}
        self.keys: dict[tuple[str, str, str], tuple[str, Written]] = {}
        self.records: dict[str, bytes] = {}
        self.sinks: dict[str, EventSink] = {}
        self.away = False
        self.late = False
        self.calls: list[str] = []
        self.epochs = 0
        self.claims: dict[tuple[str, str], str] = {}

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.away:
            raise Unavailable("the store does not answer")

    def _shelf(self, feed: str) -> Shelf:
        if feed not in self.shelves:
            raise NotFound(feed)
        return self.shelves[feed]

    def _recall(self, feed: str, key: Idempotency | None) -> Written | None:
        if key is None or (feed, key.owner, key.key) not in self.keys:
            return None
        fingerprint, written = self.keys[feed, key.owner, key.key]
        if fingerprint != key.fingerprint:
            raise IdempotencyKeyReused(key.key)
        return written._replace(repeated=True)

    def _remember(self, feed: str, key: Idempotency | None, written: Written) -> None:
        if key is not None:
            self.keys[feed, key.owner, key.key] = key.fingerprint, written

    async def make_feed(
        self,
        feed: str,
        body: bytes,
        at: int,
        idempotency: Idempotency | None,
        rev: int = 1,
    ) -> Written:
        self._called("make_feed")
        done = self._recall(feed, idempotency)
        if done is not None:
            return done
        if feed in self.shelves:
            raise SlugTaken(feed)
        self.epochs += 1
        shelf = self.shelves[feed] = Shelf(f"e{self.epochs}", body)
        written = Written("", shelf.cursor)
        self._remember(feed, idempotency, written)
        return written

    async def claim(self, feed: str, idempotency: Idempotency) -> bool:
        self._called("claim")
        made = (idempotency.owner, idempotency.key)
        is_new = made not in self.claims
        if self.claims.setdefault(made, feed) != feed:
            raise IdempotencyKeyReused(idempotency.key)
        return is_new

    async def release(self, idempotency: Idempotency) -> None:
        self._called("release")
        del self.claims[idempotency.owner, idempotency.key]

    async def drop_feed(
        self, feed: str, expected: int | None, idempotency: Idempotency | None
    ) -> None:
        self._called("drop_feed")
        if self._recall(feed, idempotency) is not None:
            return
        shelf = self._shelf(feed)
        if expected not in (None, rev_of(shelf.body)):
            raise StaleRevision(expected or 0, rev_of(shelf.body), shelf.body)
        self._remember(feed, idempotency, Written("", shelf.cursor))
        del self.shelves[feed]
        sink = self.sinks.pop(feed, None)
        if sink is not None:
            sink.end()

    async def write(self, write: Write) -> Written:
        self._called("write")
        shelf = self._shelf(write.feed)
        done = self._recall(write.feed, write.idempotency)
        if done is not None:
            return done
        if write.pinned_before != write.pinned and shelf.pinned != write.pinned_before:
            raise PinMoved
        for change in write.changes:
            self._check(write.feed, shelf, change)
        for change in write.changes:
            self._keep(write, shelf, change)
        if write.pinned_before != write.pinned:
            shelf.pinned = write.pinned
        written = Written(recorded_post(write.changes[-1].subject), shelf.cursor)
        self._remember(write.feed, write.idempotency, written)
        return written

    def _check(self, feed: str, shelf: Shelf, change: Change) -> None:
        if change.subject.id in shelf.gone:
            raise Gone(feed, change.subject.id)
        held = shelf.posts.get(change.subject.id)
        body = (
            shelf.body if change.type.shows_feed else held[1] if held else b'{"rev":0}'
        )
        if rev_of(body) != change.expected:
            raise StaleRevision(change.expected, rev_of(body), body)
        owner = shelf.external.get(change.external_id or "", change.subject.id)
        if owner != change.subject.id:
            current = shelf.posts.get(owner)
            raise ExternalIdTaken(
                change.external_id or "", owner, current[1] if current else None
            )

    def _keep(self, write: Write, shelf: Shelf, change: Change) -> None:
        shelf.seq += 1
        if change.type.shows_feed:
            shelf.body = change.body
        elif change.type.removes_post:
            shelf.posts.pop(change.subject.id, None)
            shelf.gone[change.subject.id] = change.rev
        else:
            shelf.posts[change.subject.id] = change.order, change.body
        if change.external_id:
            shelf.external[change.external_id] = change.subject.id
        event = Event(shelf.seq, change.type, write.at, change.subject, change.body)
        shelf.events.append(event)
        if not self.late and write.feed in self.sinks:
            self.sinks[write.feed].push(event)

    async def recall(self, feed: str, idempotency: Idempotency) -> Written | None:
        self._called("recall")
        return self._recall(feed, idempotency)

    async def confirm(self, feed: str) -> Cursor:
        self._called("confirm")
        return self._shelf(feed).cursor

    async def feed(self, feed: str) -> KeptFeed:
        self._called("feed")
        shelf = self._shelf(feed)
        return KeptFeed(shelf.body, rev_of(shelf.body), shelf.cursor, shelf.pinned)

    async def feeds(self) -> list[bytes]:
        self._called("feeds")
        bodies = [shelf.body for shelf in self.shelves.values()]
        return sorted(bodies, key=msgspec.json.Decoder(_Made).decode, reverse=True)

    async def post(self, feed: str, post: str) -> bytes:
        self._called("post")
        shelf = self._shelf(feed)
        if post in shelf.gone:
            raise Gone(feed, post)
        if post not in shelf.posts:
            raise NotFound(feed, post)
        return shelf.posts[post][1]

    async def page(
        self, feed: str, mark: PageMark | None, limit: int, rising: bool = False
    ) -> PostPage:
        self._called("page")
        return self._page(self._shelf(feed), mark, limit, rising)

    def _page(
        self, shelf: Shelf, mark: PageMark | None, limit: int, rising: bool = False
    ) -> PostPage:
        places = sorted(
            (PageMark(order, name) for name, (order, _) in shelf.posts.items()),
            reverse=not rising,
        )
        if mark is not None:
            places = [one for one in places if (mark < one if rising else one < mark)]
        taken = places[:limit]
        bodies = tuple(shelf.posts[mark.post][1] for mark in taken)
        return PostPage(bodies, taken[-1] if len(places) > limit else None)

    async def withdrawn(self, feed: str, after: str, limit: int) -> WithdrawnPage:
        self._called("withdrawn")
        shelf = self._shelf(feed)
        names = {post: external for external, post in shelf.external.items()}
        found = [Withdrawn(p, rev, names.get(p)) for p, rev in shelf.gone.items()]
        at = int(after or 0)
        rest = str(at + limit) if len(found) > at + limit else None
        return WithdrawnPage(tuple(found[at : at + limit]), rest)

    async def snapshot(self, feed: str, limit: int) -> Snapshot:
        self._called("snapshot")
        shelf = self._shelf(feed)
        pinned = shelf.posts[shelf.pinned][1] if shelf.pinned else None
        page = self._page(shelf, None, limit)
        return Snapshot(shelf.body, shelf.cursor, page, pinned)

    async def put_token(self, digest: str, record: bytes) -> None:
        self._called("put_token")
        self.records[digest] = record

    async def token(self, digest: str) -> bytes | None:
        self._called("token")
        return self.records.get(digest)

    async def tokens(self) -> list[tuple[str, bytes]]:
        self._called("tokens")
        return list(self.records.items())

    async def drop_token(self, digest: str) -> bool:
        self._called("drop_token")
        return self.records.pop(digest, None) is not None


class MemoryLine:
    """Implements hub.line.Line over a MemoryStore."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def open(self, feed: str, sink: EventSink) -> None:
        if self._store.away:
            raise Unavailable("the store does not answer")
        sink.fill(self._window(feed))
        self._store.sinks[feed] = sink

    async def close(self, feed: str) -> None:
        self._store.sinks.pop(feed, None)

    async def head(self, feed: str) -> Cursor:
        return self._window(feed).cursor

    def catch_up(self, feed: str) -> None:
        """Bring what was held back."""
        self._store.sinks[feed].fill(self._window(feed))

    def _window(self, feed: str) -> LogWindow:
        if feed not in self._store.shelves:
            raise NotFound(feed)
        shelf = self._store.shelves[feed]
        return LogWindow(shelf.cursor, tuple(shelf.events), shelf.body)
