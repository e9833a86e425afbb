"""The store in memory, for tests in which Redis is not the point.

`MemoryStore` is the desk's `Store` and `TokenStore`; `MemoryUpstream` is the hub's
`Upstream` over the same memory. Both answer as the log's store and follower do: the
contract suite (`tests/contract/store`) runs over this store, Valkey and Redis alike.

Rules: what the store keeps of a post or feed is never decoded. While `away` is true,
every call raises Unavailable, as with a Redis that is gone. While an upstream is
`held`, its events wait for `deliver`, or are lost and read again (`lose`), as may
happen to pub/sub.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import dataclass, field

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import (
    ExternalIdTaken,
    Gone,
    IdempotencyKeyReused,
    Invalid,
    NotFound,
    PinMoved,
    SlugTaken,
    StaleRevision,
    Unavailable,
)
from stoppress.domain.event import Event, SubjectKind, as_it_is_now
from stoppress.domain.store_records import (
    Change,
    Idempotency,
    LogWindow,
    PageMark,
    PostPage,
    Snapshot,
    StoredFeed,
    Withdrawn,
    WithdrawnPage,
    Write,
    Written,
)
from stoppress.hub.event_source import EventSink
from stoppress.log.event_record import recorded_post

_MARK = re.compile(r"ext\.(\d{1,19})", re.ASCII)


@dataclass
class MemoryFeed:
    """One feed as it is kept. A post is `(order, body)`; of a withdrawn one only its
    rev is left, in `gone`."""

    slug: str
    epoch: str
    body: bytes
    made_at: int = 0
    rev: int = 1
    seq: int = 0
    pinned: str = ""
    posts: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    revs: dict[str, int] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)
    external: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    """The log as it was written; `window` shows posts as they are now."""
    born: str = ""
    """The first epoch: tells this feed from earlier ones of its slug."""

    def __post_init__(self) -> None:
        self.born = self.epoch

    @property
    def cursor(self) -> Cursor:
        """The place after the newest event."""
        return Cursor(self.epoch, self.seq)

    def window(self, most: int = 4096) -> LogWindow:
        """The newest `most` events, each with its post as it is now."""
        events = self.events[-most:] if most else []
        return LogWindow(self.cursor, tuple(map(self._now, events)), self.body)

    def _now(self, event: Event) -> Event:
        if event.type.shows_feed:
            return as_it_is_now(event, self.body)
        kept = self.posts.get(event.subject.id)
        return as_it_is_now(event, kept[1] if kept else None)


@dataclass(frozen=True)
class _Remembered:
    """A write under an Idempotency-Key; `born` is "" where it outlives the feed."""

    fingerprint: str
    born: str
    written: Written


class MemoryStore:
    """Implements desk.store_protocol's Store and TokenStore."""

    def __init__(self) -> None:
        self.kept: dict[str, MemoryFeed] = {}
        self.records: dict[str, bytes] = {}
        self.upstreams: list[MemoryUpstream] = []
        self.away = False
        self.calls: list[str] = []
        """The names of the methods called so far."""
        self._writes: dict[tuple[str, str, str], _Remembered] = {}
        self._claims: dict[tuple[str, str], str] = {}
        self._epochs = 0

    # Feeds and posts

    async def make_feed(
        self,
        feed: str,
        body: bytes,
        at: int,
        idempotency: Idempotency | None,
        rev: int = 1,
    ) -> Written:
        """Create a feed with a new epoch, at seq 0."""
        self._called("make_feed")
        done = self._recall(feed, idempotency, None)
        if done is not None:
            return done
        if feed in self.kept:
            raise SlugTaken(feed)
        self._epochs += 1
        made = MemoryFeed(feed, f"e{self._epochs}", body, at, rev)
        self.kept[feed] = made
        written = Written("", made.cursor)
        self._remember(feed, idempotency, "", written)
        return written

    async def claim(self, feed: str, idempotency: Idempotency) -> bool:
        """Let the key make this feed and no other; whether that is new."""
        self._called("claim")
        made = (idempotency.owner, idempotency.key)
        is_new = made not in self._claims
        if self._claims.setdefault(made, feed) != feed:
            raise IdempotencyKeyReused(idempotency.key)
        return is_new

    async def release(self, idempotency: Idempotency) -> None:
        """Let the key make any feed again."""
        self._called("release")
        self._claims.pop((idempotency.owner, idempotency.key), None)

    async def drop_feed(
        self, feed: str, expected: int | None, idempotency: Idempotency | None
    ) -> None:
        """Delete a feed with all its posts."""
        self._called("drop_feed")
        if self._recall(feed, idempotency, None) is not None:
            return
        kept = self._feed(feed)
        if expected is not None and expected != kept.rev:
            raise StaleRevision(expected, kept.rev, kept.body)
        self._remember(feed, idempotency, "", Written("", kept.cursor))
        del self.kept[feed]
        for upstream in self.upstreams:
            upstream.ended(feed)

    async def write(self, write: Write) -> Written:
        """Make changes, in one step."""
        self._called("write")
        kept = self._feed(write.feed)
        done = self._recall(write.feed, write.idempotency, kept.born)
        if done is not None:
            return done
        for change in write.changes:
            self._check(kept, change)
        repins = write.pinned_before != write.pinned
        if repins and kept.pinned != write.pinned_before:
            raise PinMoved
        if repins:
            kept.pinned = write.pinned
        for change in write.changes:
            self.append(write.feed, change, write.at)
        written = Written(recorded_post(write.changes[-1].subject), kept.cursor)
        self._remember(write.feed, write.idempotency, kept.born, written)
        return written

    def append(self, feed: str, change: Change, at: int) -> Event:
        """Make one change without looking whether it may be, and tell of it."""
        kept = self.kept[feed]
        kept.seq += 1
        post = change.subject.id
        event = Event(kept.seq, change.type, at, change.subject, change.body)
        if change.type.shows_feed:
            kept.body, kept.rev = change.body, change.rev
        elif change.subject.kind is SubjectKind.POST:
            is_new = post not in kept.revs
            kept.revs[post] = change.rev
            if change.type.removes_post:
                kept.posts.pop(post, None)
                kept.gone[post] = change.rev
            else:
                kept.posts[post] = change.order, change.body
                kept.gone.pop(post, None)
            if is_new and change.external_id:
                kept.external[change.external_id] = post
        kept.events.append(event)
        for upstream in self.upstreams:
            upstream.wrote(feed, event)
        return event

    async def recall(self, feed: str, idempotency: Idempotency) -> Written | None:
        """The write kept under this key, if there was one."""
        self._called("recall")
        kept = self.kept.get(feed)
        return self._recall(feed, idempotency, kept.born if kept else None)

    async def confirm(self, feed: str) -> Cursor:
        """Where the log of the feed ends."""
        self._called("confirm")
        return self._feed(feed).cursor

    async def feed(self, feed: str) -> StoredFeed:
        """The feed as it is now."""
        self._called("feed")
        kept = self._feed(feed)
        return StoredFeed(kept.body, kept.rev, kept.cursor, kept.pinned)

    async def feeds(self) -> list[bytes]:
        """Every feed's kept JSON: newest made first, then by slug, last first."""
        self._called("feeds")
        kept = sorted(self.kept.values(), key=lambda one: (one.made_at, one.slug))
        return [one.body for one in reversed(kept)]

    async def post(self, feed: str, post: str) -> bytes:
        """The post's kept JSON."""
        self._called("post")
        kept = self._feed(feed)
        if post in kept.gone:
            raise Gone(feed, post)
        if post not in kept.posts:
            raise NotFound(feed, post)
        return kept.posts[post][1]

    async def page(
        self, feed: str, mark: PageMark | None, limit: int, rising: bool = False
    ) -> PostPage:
        """Up to `limit` posts from `mark` on, newest first (rising: oldest first)."""
        self._called("page")
        return _page(self._feed(feed), mark, limit, rising)

    async def withdrawn(self, feed: str, after: str, limit: int) -> WithdrawnPage:
        """About `limit` withdrawn posts after a mark ("": the first)."""
        self._called("withdrawn")
        match = _MARK.fullmatch(after or "ext.0")
        if match is None or int(match[1]) >> 64:
            raise Invalid("after", f"{after[:80]!r} is no mark; follow `next`")
        kept, start = self._feed(feed), int(match[1])
        names = {post: external for external, post in kept.external.items()}
        found = [Withdrawn(p, rev, names.get(p)) for p, rev in kept.gone.items()]
        end = start + limit
        rest = f"ext.{end}" if len(found) > end else None
        return WithdrawnPage(tuple(found[start:end]), rest)

    async def snapshot(self, feed: str, limit: int) -> Snapshot:
        """The feed, its newest posts and the pinned one."""
        self._called("snapshot")
        kept = self._feed(feed)
        pinned = kept.posts.get(kept.pinned)
        page = _page(kept, None, limit)
        return Snapshot(kept.body, kept.cursor, page, pinned[1] if pinned else None)

    async def window(self, feed: str) -> LogWindow:
        """The feed's log."""
        self._called("window")
        return self._feed(feed).window()

    # Tokens

    async def put_token(self, digest: str, record: bytes) -> None:
        """Keep a token's record."""
        self._called("put_token")
        self.records[digest] = record

    async def token(self, digest: str) -> bytes | None:
        """The record of the token, or None if there is none."""
        self._called("token")
        return self.records.get(digest)

    async def tokens(self) -> list[tuple[str, bytes]]:
        """Every digest with its record."""
        self._called("tokens")
        return list(self.records.items())

    async def drop_token(self, digest: str) -> bool:
        """Forget a token; whether it was there."""
        self._called("drop_token")
        return self.records.pop(digest, None) is not None

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.away:
            raise Unavailable("the store does not answer")

    def _feed(self, feed: str) -> MemoryFeed:
        if feed not in self.kept:
            raise NotFound(feed)
        return self.kept[feed]

    def _recall(
        self, feed: str, key: Idempotency | None, born: str | None
    ) -> Written | None:
        if key is None:
            return None
        held = self._writes.get((feed, key.owner, key.key))
        # What was written to an earlier feed of this slug is gone with that feed.
        if held is None or held.born not in ("", born):
            return None
        if held.fingerprint != key.fingerprint:
            raise IdempotencyKeyReused(key.key)
        return held.written._replace(repeated=True)

    def _remember(
        self, feed: str, key: Idempotency | None, born: str, written: Written
    ) -> None:
        if key is not None:
            held = _Remembered(key.fingerprint, born, written)
            self._writes[feed, key.owner, key.key] = held

    def _check(self, kept: MemoryFeed, change: Change) -> None:
        if change.type.shows_feed:
            if change.expected != kept.rev:
                raise StaleRevision(change.expected, kept.rev, kept.body)
            return
        if change.subject.id in kept.gone:
            raise Gone(kept.slug, change.subject.id)
        if change.subject.id in kept.posts:
            if change.expected != kept.revs[change.subject.id]:
                body = kept.posts[change.subject.id][1]
                raise StaleRevision(change.expected, kept.revs[change.subject.id], body)
            return
        if change.expected:
            raise NotFound(kept.slug, change.subject.id)
        owner = kept.external.get(change.external_id or "")
        if change.external_id and owner is not None:
            current = kept.posts.get(owner)
            raise ExternalIdTaken(
                change.external_id, owner, current[1] if current else None
            )


def _page(
    kept: MemoryFeed, mark: PageMark | None, limit: int, rising: bool = False
) -> PostPage:
    places = sorted(
        (PageMark(order, name) for name, (order, _) in kept.posts.items()),
        reverse=not rising,
    )
    if mark is not None:
        places = [one for one in places if (mark < one if rising else one < mark)]
    taken = places[:limit]
    bodies = tuple(kept.posts[mark.post][1] for mark in taken)
    return PostPage(bodies, taken[-1] if len(places) > limit else None)


class MemoryUpstream:
    """Implements hub.upstream's Upstream over a MemoryStore."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.sinks: dict[str, EventSink] = {}
        self.held = False
        """While true, events wait instead of going to their sinks."""
        self.window_events = 4096
        self.gate: asyncio.Event | None = None
        """While set to an event that is not set: opening and reading heads wait."""
        self.opens = 0
        self.closes = 0
        self.heads = 0
        self._waiting: dict[str, deque[Event]] = {}
        store.upstreams.append(self)

    async def open(self, feed: str, sink: EventSink) -> None:
        """Fill the sink, and keep it filled."""
        self.opens += 1
        await self._answering()
        sink.fill(self.window(feed))
        self.sinks[feed] = sink

    async def close(self, feed: str) -> None:
        """Stop bringing events."""
        self.closes += 1
        self.sinks.pop(feed, None)
        self._waiting.pop(feed, None)

    async def head(self, feed: str) -> Cursor:
        """The log's head now."""
        self.heads += 1
        await self._answering()
        return self.window(feed).cursor

    def window(self, feed: str) -> LogWindow:
        """The newest part of a feed's log."""
        if feed not in self.store.kept:
            raise NotFound(feed)
        return self.store.kept[feed].window(self.window_events)

    def deliver(self, feed: str, most: int = 1 << 30) -> None:
        """Bring up to `most` events that were held back."""
        waiting = self._waiting.get(feed, deque())
        while waiting and most > 0 and feed in self.sinks:
            self.sinks[feed].push(waiting.popleft())
            most -= 1

    def lose(self, feed: str) -> None:
        """Lose what was held back, and read the log instead."""
        self._waiting.pop(feed, None)
        if feed in self.sinks:
            self.sinks[feed].fill(self.window(feed))

    def wrote(self, feed: str, event: Event) -> None:
        """An event was written: the store tells of it."""
        if feed not in self.sinks:
            return
        if self.held:
            self._waiting.setdefault(feed, deque()).append(event)
        else:
            self.sinks[feed].push(event)

    def ended(self, feed: str) -> None:
        """A feed was deleted: the store tells of it."""
        self._waiting.pop(feed, None)
        sink = self.sinks.pop(feed, None)
        if sink is not None:
            sink.end()

    async def _answering(self) -> None:
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        if self.store.away:
            raise Unavailable("the store does not answer")
