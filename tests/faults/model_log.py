"""A model of the log: what Redis keeps and what the follower brings, as plain code.

It is what the real thing is held against, so it is kept simple: posts in a dict,
events in a list. It brings events as a follower may: at once, late, after a hole
that is healed by a window, in a new epoch with or without what came last. Feeds
are deleted and made again. Chance comes from one seeded generator.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import parse_qs, urlsplit

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import NotFound, Unavailable
from stoppress.domain.event import Event, EventType, Subject, SubjectKind, as_it_is_now
from stoppress.domain.fold import Json
from stoppress.domain.store_requests_and_results import LogWindow
from stoppress.hub.log_follower_protocol import EventSink
from stoppress.wire.encode_messages import public_feed, public_post
from tests.faults.model_posts import make_feed, make_post, publish_time

BASE = "http://stop.press"
HISTORY = 12
"""How many of the last changes a crash may lose."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is kept of a feed at one cursor; posts that were withdrawn are None."""

    seq: int
    posts: dict[str, bytes | None]
    feed: bytes
    pinned: str


@dataclass(slots=True)
class ModelFeed:
    """One feed: its posts, its events, and the sink that they are brought to."""

    slug: str
    epoch: str
    feed: bytes
    rev: int = 1
    seq: int = 0
    posts: dict[str, bytes | None] = field(default_factory=dict)
    pinned: str = ""
    events: deque[Event] = field(default_factory=deque)
    past: deque[_Kept] = field(default_factory=lambda: deque(maxlen=HISTORY))
    news: asyncio.Event = field(default_factory=asyncio.Event)
    gone: frozenset[str] = frozenset()
    """Posts of which the sink was told that they were withdrawn."""
    _ordered: tuple[Cursor, list[tuple[tuple[str, str], str]]] | None = None
    """Made once for each cursor: readers ask for a thousand pages of the last."""

    def withdrawn(self) -> frozenset[str]:
        """Posts that were taken back."""
        return frozenset(name for name, body in self.posts.items() if body is None)

    @property
    def cursor(self) -> Cursor:
        """The log's head."""
        return Cursor(self.epoch, self.seq)

    def ordered(self) -> list[tuple[tuple[str, str], str]]:
        """The places and ids of the posts, newest first."""
        if self._ordered is None or self._ordered[0] != self.cursor:
            places = sorted(
                (
                    ((publish_time(body), name), name)
                    for name, body in self.posts.items()
                    if body is not None
                ),
                reverse=True,
            )
            self._ordered = self.cursor, places
        return self._ordered[1]

    def window(self) -> LogWindow:
        """The log as a follower reads it: each event with its post as it is now."""
        return LogWindow(
            self.cursor,
            tuple(
                as_it_is_now(
                    event,
                    self.posts[event.subject.id]
                    if event.type.subject is SubjectKind.POST
                    else self.feed,
                )
                for event in self.events
            ),
            self.feed,
        )


class ModelLog:
    """All feeds, and the line that brings their events (implements Line)."""

    def __init__(self, seed: int, log_events: int) -> None:
        self.random = random.Random(seed)
        self.feeds: dict[str, ModelFeed] = {}
        self.away = 0.0
        """The share of reads that fail, as if Redis were away."""
        self.lag_s = 1.0
        """By how much the line may be behind the log, at most."""
        self._log_events = log_events
        self._now_ms = 1_790_000_000_000
        self._open: dict[str, tuple[EventSink, asyncio.Task[None]]] = {}

    # What editors do

    def make(self, slug: str) -> None:
        """Make a feed, with a new epoch."""
        self.feeds[slug] = ModelFeed(slug, self._epoch(), make_feed(slug, 1, self.at()))

    def drop(self, slug: str) -> None:
        """Delete a feed; its readers are told."""
        del self.feeds[slug]
        if (found := self._open.pop(slug, None)) is not None:
            found[1].cancel()
            found[0].end()

    def publish(self, feed: ModelFeed) -> None:
        """A new post, now and then one that belongs further down."""
        name = f"p{len(feed.posts):05}{self.random.randrange(1 << 20):05x}"
        self._put(feed, EventType.PUBLISHED, name)

    def edit(self, feed: ModelFeed) -> None:
        """Change a post: its text, its time, or whether it is pinned."""
        if living := [name for name, body in feed.posts.items() if body is not None]:
            self._put(feed, EventType.UPDATED, self.random.choice(living))

    def withdraw(self, feed: ModelFeed) -> None:
        """Take a post back."""
        if living := [name for name, body in feed.posts.items() if body is not None]:
            name = self.random.choice(living)
            self._remember(feed)
            feed.posts[name] = None
            feed.pinned = "" if feed.pinned == name else feed.pinned
            self._append(feed, EventType.WITHDRAWN, name, b"")

    def change(self, feed: ModelFeed) -> None:
        """Change the feed itself."""
        self._remember(feed)
        feed.rev += 1
        feed.feed = make_feed(feed.slug, feed.rev, self.at())
        self._append(feed, EventType.FEED, "", feed.feed)

    def crash(self, feed: ModelFeed) -> None:
        """A new epoch: with all that was there, or without what came last."""
        if feed.past and self.random.random() < 0.5:
            kept = self.random.choice(feed.past)
            feed.posts, feed.feed = dict(kept.posts), kept.feed
            feed.pinned, feed.seq = kept.pinned, kept.seq
        if self.random.random() < 0.5:
            feed.seq = 0
        feed.epoch = self._epoch()
        feed.gone &= feed.withdrawn()  # some may be back
        feed.events.clear()
        feed.past.clear()
        feed.news.set()

    def at(self) -> int:
        """Milliseconds since 1970, a while later each time."""
        self._now_ms += self.random.randrange(1, 2000)
        return self._now_ms

    def _epoch(self) -> str:
        return f"e{self.random.randrange(1 << 40):x}"

    def _put(self, feed: ModelFeed, kind: EventType, name: str) -> None:
        self._remember(feed)
        pins = self.random.random() < 0.1
        if pins and feed.pinned not in ("", name):
            former = feed.pinned
            feed.pinned = ""
            self._write(feed, EventType.UPDATED, former, False)
        self._write(feed, kind, name, pins)
        if pins:
            feed.pinned = name
        elif feed.pinned == name:
            feed.pinned = ""

    def _write(self, feed: ModelFeed, kind: EventType, name: str, pinned: bool) -> None:
        body = make_post(self.random, name, feed.posts.get(name), self.at(), pinned)
        feed.posts[name] = body
        self._append(feed, kind, name, body)

    def _append(self, feed: ModelFeed, kind: EventType, name: str, body: bytes) -> None:
        feed.seq += 1
        subject = Subject.post(name) if name else Subject.feed(feed.slug)
        feed.events.append(Event(feed.seq, kind, self._now_ms, subject, body))
        while len(feed.events) > self._log_events:
            feed.events.popleft()
        feed.news.set()

    def _remember(self, feed: ModelFeed) -> None:
        feed.past.append(_Kept(feed.seq, dict(feed.posts), feed.feed, feed.pinned))

    # What the follower does

    async def open(self, feed: str, sink: EventSink) -> None:
        """Fill the sink, and keep it filled."""
        await asyncio.sleep(self.random.uniform(0, 0.05))
        found = self._find(feed)
        sink.fill(found.window())
        found.gone = found.withdrawn()
        task = asyncio.create_task(self._bring(found, sink, found.cursor))
        self._open[feed] = sink, task

    async def close(self, feed: str) -> None:
        """Bring nothing more."""
        if (found := self._open.pop(feed, None)) is not None:
            found[1].cancel()
        await asyncio.sleep(self.random.uniform(0, 0.05))

    async def head(self, feed: str) -> Cursor:
        """The head as it is now, a moment later."""
        cursor = self._find(feed).cursor
        await asyncio.sleep(self.random.uniform(0, 0.05))
        return cursor

    async def feed_body(self, feed: str) -> bytes | None:
        """A feed's kept JSON, or None."""
        return self._find(feed).feed if feed in self.feeds else None

    async def stop(self) -> None:
        """Bring nothing more to anyone."""
        for feed in list(self._open):
            await self.close(feed)

    def _find(self, feed: str) -> ModelFeed:
        if self.random.random() < self.away:
            raise Unavailable("the model is away")
        if feed not in self.feeds:
            raise NotFound(feed)
        return self.feeds[feed]

    async def _bring(self, feed: ModelFeed, sink: EventSink, at: Cursor) -> None:
        chance = self.random
        while True:
            await feed.news.wait()
            feed.news.clear()
            late_s = self.lag_s
            while at != feed.cursor:
                heal = chance.random() < 0.05
                if heal or chance.random() < 0.2:
                    pause_s = min(chance.expovariate(10 if heal else 50), late_s)
                    await asyncio.sleep(pause_s)
                    late_s -= pause_s
                missing = feed.seq - at.seq
                if heal or at.epoch != feed.epoch or missing > len(feed.events):
                    at = feed.cursor
                    sink.fill(feed.window())
                    feed.gone = feed.withdrawn()
                elif missing:
                    event = feed.events[-missing]
                    sink.push(event)
                    if event.type.removes_post:
                        feed.gone |= {event.subject.id}
                    at = Cursor(at.epoch, at.seq + 1)

    # What the web shows

    def show(self, path: str) -> tuple[int, Json]:
        """The answer to a snapshot's or a page's path."""
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        _, _, _, slug, *rest = parts.path.split("/")
        feed = self.feeds.get(slug)
        if feed is None:
            return 404, {}
        if rest:
            return 200, self._page(feed, query["before"], 7)
        if query.get("at", "None") != "None":
            wanted = Cursor.parse(query["at"])
            if wanted.epoch != feed.epoch or wanted.seq > feed.seq:
                return 503, {}
        return 200, self.snapshot(feed)

    def snapshot(self, feed: ModelFeed, limit: int = 20) -> Json:
        """A feed and its newest posts."""
        body = feed.posts[feed.pinned] if feed.pinned else None
        return {
            "feed": json.loads(public_feed(feed.feed, BASE)),
            "cursor": str(feed.cursor),
            **self._page(feed, None, limit),
            "pinned": body and json.loads(self._public(feed, feed.pinned)),
        }

    def posts(self, feed: ModelFeed) -> list[Json]:
        """Every post, newest first."""
        return [json.loads(self._public(feed, name)) for _, name in feed.ordered()]

    def _page(self, feed: ModelFeed, before: str | None, limit: int) -> Json:
        ordered = feed.ordered()
        if before is not None:
            time, _, name = before.partition(" ")
            ordered = [entry for entry in ordered if entry[0] < (time, name)]
        shown = ordered[:limit]
        following = None
        if len(ordered) > limit:
            (time, name), _ = shown[-1]
            following = f"/v1/feeds/{feed.slug}/posts?before={time}%20{name}"
        names = [name for _, name in shown]
        posts = [json.loads(self._public(feed, name)) for name in names]
        return {"posts": posts, "next": following}

    def _public(self, feed: ModelFeed, name: str) -> bytes:
        body = cast(bytes, feed.posts[name])
        return public_post(body, feed.slug, BASE)
