"""Records that the desk sends to the store and gets from it.

Bodies are encoded JSON, which the store does not decode.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from stoppress.domain.audit import AuditEntry
from stoppress.domain.cursor import Cursor
from stoppress.domain.event import Event, EventType, Subject

PAGE_BYTES = 1 << 20
"""A page's posts, except the first, begin within this many bytes. It bounds the memory
of a page whose client does not read it."""


class Idempotency(NamedTuple):
    """The Idempotency-Key of one write, and a digest of the request.

    `owner` is the token's id (never its secret); `fingerprint` is a digest of method,
    path and decoded input: it contains no text.
    """

    owner: str
    key: str
    fingerprint: str


class TokenUnderKey(NamedTuple):
    """The token that was made with an Idempotency-Key.

    With `salt` and the credential of the request, the desk derives the secret again.
    """

    salt: str
    digest: str


class Change(NamedTuple):
    """An event to append, and the new state of its subject, a post or the feed.

    `expected` is the rev it replaces, 0 if the subject must not exist. `body` is b""
    for a withdrawal.
    `order` is `published_at` in milliseconds since 1970 (0 for a feed or a
    withdrawal). `external_id` is used only if the post is new. `restores`: the post
    must be withdrawn at `expected`, and is published again.
    """

    type: EventType
    subject: Subject
    expected: int
    rev: int
    body: bytes
    order: int = 0
    external_id: str | None = None
    restores: bool = False
    before: bytes = b""
    """The replaced state, for the audit; it is not stored."""
    base: str = ""
    """The post that a draft changes ("": none): it may not be taken down."""


class AuditPage(NamedTuple):
    """Audit entries with their times, newest first, and the mark of the next page."""

    entries: tuple[tuple[str, AuditEntry], ...]
    next: str | None


class Write(NamedTuple):
    """Changes to one feed that are applied atomically.

    The last change is the requested one; its cursor is the result.
    `pinned_before` is the pinned post ("" for none) that the changes assume, and
    `pinned` the new one; if another post is pinned by then, nothing is written
    and PinMoved is raised. If the two are equal, the pin is neither checked nor
    changed (so a plain publish, with "" and "", needs no read first).
    `about` is JSON: when, by whom and why the changes were made (`Revision`).
    """

    feed: str
    changes: tuple[Change, ...]
    at: int
    pinned_before: str
    pinned: str
    idempotency: Idempotency | None = None
    about: bytes = b""


class Written(NamedTuple):
    """A completed write. `repeated`: it was completed before; nothing changed now."""

    post: str
    cursor: Cursor
    repeated: bool = False


class StoredFeed(NamedTuple):
    """A stored feed, at a cursor. `pinned` is a post's id, or ""."""

    body: bytes
    rev: int
    cursor: Cursor
    pinned: str


class PostState(Enum):
    """The state of a post."""

    LIVE = "live"
    WITHDRAWN = "withdrawn"
    TAKEN_DOWN = "taken down"


class Revision(NamedTuple):
    """An earlier state of a post.

    `about` is the JSON of the write that made it, b"" if that is unknown.
    """

    rev: int
    about: bytes
    body: bytes


class PostHistory(NamedTuple):
    """The stored earlier states of a post, newest first, and its revision now.

    `is_whole`: the state before the last write is among them, if there was one.
    """

    rev: int
    state: PostState
    revisions: tuple[Revision, ...]
    is_whole: bool

    @property
    def last(self) -> Revision | None:
        """The state that a withdrawn post had, if it was kept."""
        return self.revisions[0] if self.is_whole and self.revisions else None


class PageMark(NamedTuple):
    """A position in a feed's order; it stays valid if the post there is withdrawn."""

    order: int
    post: str


class PostPage(NamedTuple):
    """Posts in order, newest first, and the mark of the next page (None: last page)."""

    posts: tuple[bytes, ...]
    next: PageMark | None


class Withdrawn(NamedTuple):
    """What is stored of a withdrawn post, and whether it was taken down."""

    post: str
    rev: int
    external_id: str | None
    is_taken_down: bool = False


class WithdrawnPage(NamedTuple):
    """Withdrawn posts, unordered, and the mark of the next page (None: last page).

    A post may occur twice; the entry with its `external_id` comes first.
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
    """The newest events of a log, contiguous, the last one at the cursor.

    `feed` is the feed's stored JSON at that cursor.
    """

    cursor: Cursor
    events: tuple[Event, ...]
    feed: bytes

    @property
    def first(self) -> int:
        """The seq of the oldest event; one beyond the head if there is none."""
        return self.cursor.seq - len(self.events) + 1
