"""What passes between the desk, which decides, and the log, which keeps.

Bodies are encoded JSON: whoever keeps them never looks inside.
"""

from __future__ import annotations

from typing import NamedTuple

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import Event, EventType, Subject


class Idempotency(NamedTuple):
    """One editor's key for one write, and what the write was.

    `owner` names the token (never the token itself); `fingerprint` is a digest
    of method, path and decoded input: it holds no text.
    """

    owner: str
    key: str
    fingerprint: str


class Change(NamedTuple):
    """One event to be, and what it makes of its subject, a post or the feed.

    `expected` is the rev it replaces, 0 where nothing may be there. `body` is b""
    for a withdrawal.
    `order` is `published_at` in milliseconds since 1970 (0 for a feed or a
    withdrawal). `external_id` counts when the post is new.
    """

    type: EventType
    subject: Subject
    expected: int
    rev: int
    body: bytes
    order: int = 0
    external_id: str | None = None


class Write(NamedTuple):
    """Changes to one feed that happen in one step, or not at all.

    The last change is the one that was asked for; its cursor is the answer.
    `pinned_before` is the pinned post ("" for none) the changes were made for
    and `pinned` the one to be; if another is pinned meanwhile, nothing happens
    and PinMoved is raised. Where the two are equal, the write has nothing to do
    with the pin: it is neither checked nor changed (so a plain publish, with ""
    and "", reads nothing first).
    """

    feed: str
    changes: tuple[Change, ...]
    at: int
    pinned_before: str
    pinned: str
    idempotency: Idempotency | None = None


class Written(NamedTuple):
    """A write that is kept. `repeated`: it was, before; nothing happened now."""

    post: str
    cursor: Cursor
    repeated: bool = False


class StoredFeed(NamedTuple):
    """A feed as it is kept, at a cursor. `pinned` is a post's id, or ""."""

    body: bytes
    rev: int
    cursor: Cursor
    pinned: str


class PageMark(NamedTuple):
    """A place in a feed's order, which outlives the post that stood there."""

    order: int
    post: str


class PostPage(NamedTuple):
    """Posts in order, newest first, and where the rest begins (None: no rest)."""

    posts: tuple[bytes, ...]
    next: PageMark | None


class Withdrawn(NamedTuple):
    """What is left of a withdrawn post: its id, its rev, and the name it holds."""

    post: str
    rev: int
    external_id: str | None


class WithdrawnPage(NamedTuple):
    """Withdrawn posts, in no order, and where the rest begins (None: no rest).

    One may come twice; the one that knows its `external_id` comes first.
    """

    posts: tuple[Withdrawn, ...]
    next: str | None


class Snapshot(NamedTuple):
    """A feed and its newest posts at one cursor. `pinned` is a body, or None."""

    feed: bytes
    cursor: Cursor
    page: PostPage
    pinned: bytes | None


class LogWindow(NamedTuple):
    """The newest part of a log: events without a hole, the last at the cursor.

    `feed` is the feed's kept JSON at that cursor.
    """

    cursor: Cursor
    events: tuple[Event, ...]
    feed: bytes

    @property
    def first(self) -> int:
        """The seq of the oldest event held; one beyond the head if none is."""
        return self.cursor.seq - len(self.events) + 1
