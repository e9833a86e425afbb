"""What the live line must know of a feed, and who may read it. Pure.

A private feed does not exist for whoever may not read it: the same code as for a
feed that is not there. Only who may already do something else with the feed
learns that reading is not allowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct, json

from stoppress.domain.feed import Status, Visibility
from stoppress.domain.timestamps import parse_instant
from stoppress.wire.close_codes import CloseCode

ENDS_AFTER_MS = 3_600_000
"""A closed feed's line ends an hour after closing."""


class ReadRights(Protocol):
    """What one reader may do: its token's rights, or nobody's."""

    def may_read(self, feed: str) -> bool:
        """Whether the token reads this feed though it is private."""

    def may_know(self, feed: str) -> bool:
        """Whether the token may do anything with this feed."""


class AnonymousRights:
    """The rights of a reader without a token."""

    __slots__ = ()

    def may_read(self, feed: str) -> bool:
        """No: private feeds are not for everyone."""
        return False

    def may_know(self, feed: str) -> bool:
        """No."""
        return False


ANYONE = AnonymousRights()


class _Kept(Struct):
    """The part of a feed's kept JSON that counts here."""

    status: Status
    visibility: Visibility
    show_readers: bool = False
    closed_at: str | None = None


@dataclass(frozen=True, slots=True)
class FeedState:
    """One feed, as far as the live line is concerned."""

    status: Status
    visibility: Visibility
    show_readers: bool
    closed_at: int | None
    """When the feed was closed, in milliseconds since 1970; None while it is open."""

    @classmethod
    def of(cls, body: bytes) -> FeedState:
        """The facts in a feed's kept JSON."""
        kept = json.decode(body, type=_Kept)
        return cls(
            kept.status,
            kept.visibility,
            kept.show_readers,
            None if kept.closed_at is None else parse_instant(kept.closed_at),
        )

    def has_ended(self, now_ms: int) -> bool:
        """Whether the line of a closed feed is over."""
        return self.closed_at is not None and now_ms >= self.closed_at + ENDS_AFTER_MS

    def refusal(self, feed: str, rights: ReadRights, now_ms: int) -> CloseCode | None:
        """Why this reader may not follow the feed now, or None if it may."""
        if self.visibility == "private" and not rights.may_read(feed):
            return CloseCode.FORBIDDEN if rights.may_know(feed) else CloseCode.NOT_FOUND
        return CloseCode.ENDED if self.has_ended(now_ms) else None


UNKNOWN = FeedState("upcoming", "private", False, None)
"""A feed of which nothing is known yet: nobody may read it."""
