"""The part of a feed's state that the live line needs, and who may read it. Pure.

A reader without the right to read a private feed gets the same code as for a feed that
does not exist. Only a token with another right on the feed gets the code that says
reading is not allowed. A reader whose credential was revoked or has expired can't begin
a follow; its existing follows continue only on public feeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct, json

from stoppress.domain.feed import Status, Visibility
from stoppress.domain.timestamps import parse_instant
from stoppress.wire.close_codes import CloseCode

ENDS_AFTER_MS = 3_600_000
"""Milliseconds after closing at which a closed feed's live connections end."""


class ReadRights(Protocol):
    """The rights of one reader: its token's, or none."""

    def may_read(self, feed: str) -> bool:
        """Whether the token may read this feed if it is private."""

    def may_know(self, feed: str) -> bool:
        """Whether the token may do anything with this feed."""

    def is_over(self, feed: str) -> bool:
        """Whether the credential for this feed was revoked or has expired."""


class AnonymousRights:
    """The rights of a reader without a token."""

    __slots__ = ()

    def may_read(self, feed: str) -> bool:
        """No: a private feed needs a token."""
        return False

    def may_know(self, feed: str) -> bool:
        """No."""
        return False

    def is_over(self, feed: str) -> bool:
        """No: there is no credential."""
        return False


ANYONE = AnonymousRights()

Renewal = Callable[[ReadRights, str, str], ReadRights | None]
"""Makes a reader's rights from former rights, a feed and a ticket; None: invalid."""


def no_renewal(rights: ReadRights, feed: str, ticket: str) -> ReadRights | None:
    """No ticket is valid."""
    return None


def rights_for(rights: ReadRights, feed: str) -> ReadRights:
    """The rights that count for this feed, among those of several credentials."""
    by_feed: dict[str, ReadRights] = getattr(rights, "by_feed", {})
    return by_feed.get(feed, getattr(rights, "base", rights))


class _Kept(Struct):
    """The members of a feed's stored JSON that this module uses."""

    status: Status
    visibility: Visibility
    show_readers: bool = False
    closed_at: str | None = None
    show_verification: bool = False


@dataclass(frozen=True, slots=True)
class FeedState:
    """The state of one feed that the live line depends on."""

    status: Status
    visibility: Visibility
    show_readers: bool
    closed_at: int | None
    """When the feed was closed, in milliseconds since 1970; None while it is open."""
    show_verification: bool = False
    """Whether readers get the verification of each post."""

    @classmethod
    def of(cls, body: bytes) -> FeedState:
        """The state in a feed's stored JSON."""
        kept = json.decode(body, type=_Kept)
        return cls(
            kept.status,
            kept.visibility,
            kept.show_readers,
            None if kept.closed_at is None else parse_instant(kept.closed_at),
            kept.show_verification,
        )

    def has_ended(self, now_ms: int) -> bool:
        """Whether the live connections of a closed feed end now."""
        return self.closed_at is not None and now_ms >= self.closed_at + ENDS_AFTER_MS

    def refusal(self, feed: str, rights: ReadRights, now_ms: int) -> CloseCode | None:
        """Why this reader may not follow the feed now, or None if it may."""
        if rights.is_over(feed):
            return CloseCode.UNAUTHENTICATED
        code = self.bar(feed, rights)
        if code is not None:
            return code
        return CloseCode.ENDED if self.has_ended(now_ms) else None

    def bar(self, feed: str, rights: ReadRights) -> CloseCode | None:
        """Why this reader must stop reading the feed, or None if it may continue.

        A public feed can be read even after the credential has expired.
        """
        if self.visibility != "private" or rights.may_read(feed):
            return None
        if rights.is_over(feed):
            return CloseCode.UNAUTHENTICATED
        return CloseCode.FORBIDDEN if rights.may_know(feed) else CloseCode.NOT_FOUND


UNKNOWN = FeedState("upcoming", "private", False, None)
"""The state before the feed is read: no anonymous reader may read it."""
DESK_STATE = FeedState("live", "private", False, None)
"""The state of a desk log: only callers who may draft may read it."""
