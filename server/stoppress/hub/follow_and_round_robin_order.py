"""A follow (one reader in one channel, at a seq), and a channel's circle of follows.

Rules:
- Joining and leaving are O(1), and neither can hide a follow from a round: the
  `todo` follows from `at` on are still to be visited; a new one is placed behind
  them, and one that leaves can only make a round visit another follow twice.
- A seq below 0 is an order, carried out at the next visit: RESET, or a negated close
  code. An order to all readers costs one loop of assignments; the sweep writes in
  its slices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stoppress.hub.channel import Channel
    from stoppress.hub.reader import Reader

RESET = -1
"""The follow can't be continued: send it `reset`, then go on from the head."""
NOT_JOINED = -2
"""The follow is in no channel: not yet, or not any more."""
MAX_SCANNED = 16
"""Follows that `next_seq` looks at to find one that is not blocked."""
CLOSE_ORDER = -4000
"""This and below: the negated close code with which the follow ends."""


class Follow:
    """One reader in one channel."""

    __slots__ = ("after", "before", "channel", "feed", "reader", "seq", "sibling")

    after: Follow
    before: Follow

    def __init__(self, reader: Reader, feed: str) -> None:
        self.reader = reader
        self.feed = feed
        self.seq = NOT_JOINED
        self.channel: Channel | None = None
        self.sibling: Follow | None = None
        """The next follow of the same reader."""


class RoundRobin:
    """A channel's follows in a circle, and how many the round still has to visit."""

    __slots__ = ("at", "size", "todo")

    def __init__(self) -> None:
        self.at: Follow | None = None
        self.size = 0
        self.todo = 0

    def add(self, follow: Follow) -> None:
        """Add a follow behind all that the round still has to visit."""
        at = self.at
        if at is None:
            follow.before = follow.after = follow
            self.at = follow
        else:
            follow.after = at
            follow.before = at.before
            at.before.after = follow
            at.before = follow
        self.size += 1

    def drop(self, follow: Follow) -> None:
        """Remove a follow."""
        after = follow.after
        if after is follow:
            self.at = None
        else:
            after.before = follow.before
            follow.before.after = after
            if self.at is follow:
                self.at = after
        # A removed follow must not keep its neighbours alive.
        del follow.before, follow.after
        self.size -= 1
        self.todo = min(self.todo, self.size)

    def begin(self) -> None:
        """Begin a round: every follow is to be visited."""
        self.todo = self.size

    def next(self) -> Follow | None:
        """The next follow of this round, or None if it is over."""
        follow = self.at
        if self.todo <= 0 or follow is None:
            return None
        self.todo -= 1
        self.at = follow.after
        return follow

    def next_seq(self) -> int | None:
        """The seq of the round's next follow that is not blocked, if one is near."""
        follow = self.at
        for _ in range(min(self.todo, MAX_SCANNED)):
            assert follow is not None  # noqa: S101 (for the type checker)
            if follow.seq >= 0 and not follow.reader.blocked:
                return follow.seq
            follow = follow.after
        return None

    def last(self, count: int) -> list[Follow]:
        """The follows visited last that are not blocked, of the last `count`."""
        found: list[Follow] = []
        follow = self.at
        for _ in range(min(count, self.size)):
            assert follow is not None  # noqa: S101 (for the type checker)
            follow = follow.before
            if not follow.reader.blocked:
                found.append(follow)
        return found

    def all(self) -> list[Follow]:
        """Every follow, as of now."""
        found: list[Follow] = []
        follow = self.at
        for _ in range(self.size):
            assert follow is not None  # noqa: S101 (for the type checker)
            found.append(follow)
            follow = follow.after
        return found
