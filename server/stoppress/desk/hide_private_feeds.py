"""Decides whether a stranger may know that a feed exists, before any other work for it.

Rules:
- A private feed and one that does not exist cost the same: one read of the store, one
  decoding. Opening the feed first would reveal by its duration which of the two it is.
- Concurrent requests for one feed share the read, and the answer "not private" is
  cached for KNOWN_S: a crowd that returns to a feed costs one read. This is only a
  first check: the request that continues is authorized by the current feed.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import msgspec

from stoppress.domain.undecodable_json import UNDECODABLE

KNOWN_S = 2.0
"""How long a feed counts as not private without another read, in seconds."""
MAX_KNOWN = 1024
"""Limit of feeds in the cache; the oldest is evicted first."""
_NO_FEED = msgspec.json.encode(
    {
        "slug": "a-feed-that-does-not-exist",
        "title": "t" * 60,
        "standfirst": "s" * 200,
        "status": "live",
        "language": "en",
        "direction": "ltr",
        "timezone": "Europe/London",
        "visibility": "private",
        "created_at": "2026-01-01T00:00:00.000Z",
    }
)
"""Decoded instead if a feed does not exist, so that it takes the same time."""


class FeedBodies(Protocol):
    """The part of the store that this module uses."""

    async def feed_body(self, feed: str) -> bytes | None:
        """The feed's stored JSON, or None."""


class _Visible(msgspec.Struct):
    visibility: str


_visible = msgspec.json.Decoder(_Visible)


class FeedDisclosure:
    """Looks up feeds for strangers."""

    def __init__(
        self, store: FeedBodies, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._clock = clock
        self._until: OrderedDict[str, float] = OrderedDict()
        self._reads: dict[str, asyncio.Task[bool]] = {}

    async def may_know(self, feed: str) -> bool:
        """Whether the feed exists and is not private. Raises Unavailable, Damaged.

        True for a feed whose record is damaged: reading it reports that.
        """
        if self._until.get(feed, 0.0) > self._clock():
            return True
        read = self._reads.get(feed)
        if read is None:
            read = self._reads[feed] = asyncio.create_task(self._look(feed))
            read.add_done_callback(lambda _: self._reads.pop(feed, None))
        return await asyncio.shield(read)

    async def _look(self, feed: str) -> bool:
        body = await self._store.feed_body(feed)
        try:
            is_private = _visible.decode(body or _NO_FEED).visibility == "private"
        except UNDECODABLE:
            return True
        if not is_private:
            self._until[feed] = self._clock() + KNOWN_S
            self._until.move_to_end(feed)
            if len(self._until) > MAX_KNOWN:
                self._until.popitem(last=False)
        return not is_private
