"""The hub's source of events over the in-memory store.

While an upstream is `held`, its events wait for `deliver`, or are dropped and read
again (`lose`), as may happen to pub/sub.
"""

from __future__ import annotations

import asyncio
from collections import deque

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import (
    NotFound,
    Unavailable,
)
from stoppress.domain.event import Event
from stoppress.domain.store_requests_and_results import (
    LogWindow,
)
from stoppress.hub.log_follower_protocol import EventSink
from tests.memory_store_core import MemoryStoreCore


class MemoryUpstream:
    """Implements the hub's Upstream over a MemoryStore."""

    def __init__(self, store: MemoryStoreCore) -> None:
        self.store = store
        self.sinks: dict[str, EventSink] = {}
        self.held = False
        """While true, events wait instead of going to their sinks."""
        self.window_events = 4096
        self.answering: asyncio.Event | None = None
        """If it is an event that is not set, opening and reading heads wait for it."""
        self.opens = 0
        self.closes = 0
        self.heads = 0
        self._waiting: dict[str, deque[Event]] = {}
        store.upstreams.append(self)

    async def open(self, feed: str, sink: EventSink) -> None:
        """Fill the sink, and keep it filled."""
        self.opens += 1
        await self._wait_until_answering()
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
        await self._wait_until_answering()
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

    async def _wait_until_answering(self) -> None:
        await asyncio.sleep(0)
        if self.answering is not None:
            await self.answering.wait()
        if self.store.away:
            raise Unavailable("the store does not answer")
