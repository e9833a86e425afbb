"""Short ways to say what is written in the contract suite."""

from __future__ import annotations

import asyncio
from typing import Protocol

from stoppress.desk.desk import DeskStore
from stoppress.desk.private_feed_read_tickets import TicketKeyStore
from stoppress.desk.store_protocol import Store, TokenStore
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Unavailable
from stoppress.domain.event import EventType, Subject
from stoppress.domain.store_requests_and_results import (
    Change,
    Idempotency,
    LogWindow,
    Write,
)
from stoppress.log.redis_commands_scripts_and_durability import Durability

AT = 1_700_000_000_000
FEED = b'{"slug":"x","title":"X","rev":1}'


class AnyStore(DeskStore, TokenStore, TicketKeyStore, Protocol):
    """What the desk needs, and a log to look at what was written."""

    async def window(self, feed: str) -> LogWindow:
        """The newest part of a log."""


def body(post: str, text: str = "text") -> bytes:
    """The kept JSON of a post."""
    return b'{"id":"%b","body":"%b"}' % (post.encode(), text.encode())


def published(
    post: str, text: str = "text", order: int = AT, external_id: str | None = None
) -> Change:
    """A new post."""
    kind = EventType.PUBLISHED
    return Change(kind, Subject.post(post), 0, 1, body(post, text), order, external_id)


def updated(post: str, expected: int, text: str = "new", order: int = AT) -> Change:
    """An edited post."""
    kind = EventType.UPDATED
    return Change(
        kind, Subject.post(post), expected, expected + 1, body(post, text), order
    )


def withdrawn(post: str, expected: int) -> Change:
    """A post taken back."""
    return Change(EventType.WITHDRAWN, Subject.post(post), expected, expected + 1, b"")


def feed_updated(expected: int, kept: bytes = b'{"slug":"x","title":"Y"}') -> Change:
    """An edited feed."""
    return Change(EventType.FEED, Subject.feed("x"), expected, expected + 1, kept)


def write(
    *changes: Change,
    feed: str = "x",
    pins: tuple[str, str] = ("", ""),
    key: str | None = None,
    fingerprint: str = "f1",
) -> Write:
    """A write."""
    idem = None if key is None else Idempotency("token-1", key, fingerprint)
    return Write(feed, changes, AT, *pins, idem)


async def made(store: Store) -> Cursor:
    """The cursor of the feed x, just made."""
    return (await store.make_feed("x", FEED, AT, None)).cursor


FAILOVER_S = 240.0
"""How long a busy machine may take to replace a primary: an election that fails is
repeated after four times the node timeout."""


IN_VAIN = Durability(("WAIT", 1, 400), 1)
"""What writes wait for where no replica confirms them: not long, while all else has the
patience of the settings."""


async def settled(store: Store, post: str, feed: str = "x") -> Cursor:
    """Publish as an editor would: until it is acknowledged."""
    asked = write(published(post), feed=feed, key=post)
    async with asyncio.timeout(FAILOVER_S):
        while True:
            try:
                return (await store.write(asked)).cursor
            except Unavailable:
                await asyncio.sleep(0.05)
