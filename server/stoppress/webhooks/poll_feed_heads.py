"""Polls the heads of many logs at once, for those who wait until one moves.

Rules: one read per HEADS_LOOK_S covers all logs that are waited for. A read that begins
after the wait did shows every later event; one that was under way may wake in vain. If
it fails, all are woken: each then looks for itself, so that a part of the store that is
away delays no other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Unavailable

HEADS_LOOK_S = 0.25
"""Time between two reads."""

log = logging.getLogger(__name__)


class HeadStore(Protocol):
    """Reads the heads of logs."""

    async def heads(self, feeds: Sequence[str]) -> Sequence[Cursor | None]:
        """The head of each feed's log; None if there is no such feed."""


class FeedHeads:
    """Wakes those who wait for a log to move, while `run` runs."""

    def __init__(self, store: HeadStore) -> None:
        self._store = store
        self._waiting: dict[asyncio.Future[None], tuple[str, Cursor]] = {}

    async def moved(self, feed: str, seen: Cursor, within_s: float) -> None:
        """Wait until the head of a feed's log is another one, or for a time."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting[waiter] = feed, seen
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await waiter
        finally:
            del self._waiting[waiter]

    async def run(self) -> None:
        """Look, until cancelled."""
        while True:
            await asyncio.sleep(HEADS_LOOK_S)
            waiting = dict(self._waiting)
            feeds = list({feed for feed, _ in waiting.values()})
            if not feeds:
                continue
            try:
                found = await self._store.heads(feeds)
            except Unavailable as problem:
                log.info("the heads of %d logs can't be read: %s", len(feeds), problem)
                heads: dict[str, Cursor | None] = {}
            else:
                heads = dict(zip(feeds, found, strict=True))
            for waiter, (feed, seen) in waiting.items():
                if heads.get(feed) != seen and not waiter.done():
                    waiter.set_result(None)
