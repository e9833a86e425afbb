"""A log in memory that brings its events to a hub, by script.

`Paper` holds feeds; it is the `Line` of a hub under test. Events go to the sink at
once, or when `deliver` is called while a feed is held. Bodies are small but real:
kept JSON as the log would hold it.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import dataclass, field

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import NotFound, Unavailable
from stoppress.domain.event import Event, EventType, as_it_is_now
from stoppress.domain.store_records import LogWindow
from stoppress.domain.timestamps import instant
from stoppress.hub.upstream import EventSink

T0 = 1_795_000_000_000
"""When everything here happens, in milliseconds since 1970."""


def feed_body(slug: str, /, **changes: object) -> bytes:
    """A feed's kept JSON."""
    value: dict[str, object] = {
        "slug": slug,
        "title": f"All about {slug}",
        "status": "live",
        "visibility": "public",
        "show_readers": False,
        "rev": 1,
        "updated_at": instant(T0),
        "closed_at": instant(T0) if changes.get("status") == "closed" else None,
    }
    merged = value | changes | {"slug": slug}
    return json.dumps(merged, separators=(",", ":")).encode()


def post_body(post: str, text: str) -> bytes:
    """A post's kept JSON."""
    value = {"id": post, "html": text, "rev": 1}
    return json.dumps(value, separators=(",", ":")).encode()


@dataclass
class Log:
    """One feed's log."""

    slug: str
    epoch: str
    feed: bytes
    events: list[Event] = field(default_factory=list)
    head: int = 0
    window: int = 4096
    sink: EventSink | None = None
    held: bool = False
    waiting: deque[Event] = field(default_factory=deque)

    @property
    def cursor(self) -> Cursor:
        """The place after the newest event."""
        return Cursor(self.epoch, self.head)


class Paper:
    """Feeds in memory, and the line that brings their events."""

    def __init__(self) -> None:
        self.logs: dict[str, Log] = {}
        self.opens = 0
        self.closes = 0
        self.heads = 0
        self.away = False
        self.gate: asyncio.Event | None = None
        """While set and unset: opening and reading heads wait."""

    # Editors

    def make(self, slug: str, epoch: str = "k3v9", **changes: object) -> Log:
        """Create a feed."""
        log = self.logs[slug] = Log(slug, epoch, feed_body(slug, **changes))
        return log

    def publish(self, slug: str, text: str = "x", post: str | None = None) -> Event:
        """Publish a post."""
        log = self.logs[slug]
        post = post or f"p{log.head + 1}"
        return self._add(log, EventType.PUBLISHED, post, post_body(post, text))

    def edit(self, slug: str, post: str, text: str) -> Event:
        """Edit a post."""
        body = post_body(post, text)
        return self._add(self.logs[slug], EventType.UPDATED, post, body)

    def withdraw(self, slug: str, post: str) -> Event:
        """Withdraw a post; nothing of it stays in the log."""
        log = self.logs[slug]
        log.events = [
            as_it_is_now(event, None) if event.post == post else event
            for event in log.events
        ]
        return self._add(log, EventType.WITHDRAWN, post, b"")

    def change(self, slug: str, **changes: object) -> Event:
        """Change the feed itself."""
        log = self.logs[slug]
        log.feed = feed_body(slug, **(json.loads(log.feed) | changes))
        return self._add(log, EventType.FEED, "", log.feed)

    def restart(self, slug: str, epoch: str, keep: int = 0) -> None:
        """Begin a new epoch with the oldest `keep` events; the sink hears of it."""
        log = self.logs[slug]
        log.epoch = epoch
        log.events = log.events[:keep]
        log.head = log.events[-1].seq if log.events else 0
        log.waiting.clear()
        if log.sink is not None:
            log.sink.fill(self.window(log))

    def lose(self, slug: str) -> None:
        """Heal after a gap: what was held back is dropped, a window comes."""
        log = self.logs[slug]
        log.waiting.clear()
        if log.sink is not None:
            log.sink.fill(self.window(log))

    def drop(self, slug: str) -> None:
        """Delete the feed."""
        log = self.logs.pop(slug)
        if log.sink is not None:
            log.sink.end()

    def deliver(self, slug: str, count: int = 1 << 30) -> None:
        """Bring up to `count` events that were held back."""
        log = self.logs[slug]
        while log.waiting and count > 0 and log.sink is not None:
            log.sink.push(log.waiting.popleft())
            count -= 1

    # The line

    async def open(self, feed: str, sink: EventSink) -> None:
        """Fill the sink, and keep it filled."""
        self.opens += 1
        log = await self._asked(feed)
        log.sink = sink
        sink.fill(self.window(log))

    async def close(self, feed: str) -> None:
        """Stop bringing events."""
        self.closes += 1
        log = self.logs.get(feed)
        if log is not None:
            log.sink = None
            log.waiting.clear()

    async def head(self, feed: str) -> Cursor:
        """The log's head now."""
        self.heads += 1
        return (await self._asked(feed)).cursor

    async def _asked(self, feed: str) -> Log:
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        if self.away:
            raise Unavailable("the store is away")
        if feed not in self.logs:
            raise NotFound(feed)
        return self.logs[feed]

    def window(self, log: Log) -> LogWindow:
        """The newest part of a log."""
        return LogWindow(log.cursor, tuple(log.events[-log.window :]), log.feed)

    def _add(self, log: Log, kind: EventType, post: str, body: bytes) -> Event:
        log.head += 1
        event = Event(log.head, kind, T0 + log.head, post, body)
        log.events.append(event)
        if log.sink is not None:
            if log.held:
                log.waiting.append(event)
            else:
                log.sink.push(event)
        return event
