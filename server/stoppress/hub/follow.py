"""One reader in one channel, at a seq; and the circle in which a channel has them.

Rules:
- Joining and leaving are O(1), and neither can hide a follow from a round: the
  `todo` follows from `at` on are still to be visited; who joins stands behind
  them, and who leaves can only make a round visit somebody twice.
- A seq below 0 is no place but an order, carried out at the next visit: RESET,
  or a close code, negated. So telling all readers something costs one loop of
  assignments, and the writing is done in the sweep's slices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stoppress.hub.channel import Channel
    from stoppress.hub.reader import Reader

RESET = -1
"""The follow can't be continued: it is to be told, and goes on from the head."""
PARKED = -2
"""The follow is in no channel yet, or no more."""
NEAR = 16
"""Follows among which one is sought that takes bytes."""
DISMISSED = -4000
"""This and below: the negated close code with which the follow ends."""


class Follow:
    """One reader in one channel."""

    __slots__ = ("after", "before", "channel", "feed", "reader", "seq", "sibling")

    after: Follow
    before: Follow

    def __init__(self, reader: Reader, feed: str) -> None:
        self.reader = reader
        self.feed = feed
        self.seq = PARKED
        self.channel: Channel | None = None
        self.sibling: Follow | None = None
        """The next follow of the same reader."""


class RoundRobin:
    """The follows of a channel, and how many a round must still visit."""

    __slots__ = ("at", "size", "todo")

    def __init__(self) -> None:
        self.at: Follow | None = None
        self.size = 0
        self.todo = 0

    def add(self, follow: Follow) -> None:
        """Let a follow in, behind all that a round still visits."""
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
        """Let a follow go."""
        after = follow.after
        if after is follow:
            self.at = None
        else:
            after.before = follow.before
            follow.before.after = after
            if self.at is follow:
                self.at = after
        # Nothing may keep its neighbours alive through it.
        del follow.before, follow.after
        self.size -= 1
        self.todo = min(self.todo, self.size)

    def begin(self) -> None:
        """Begin a round: everyone is to be visited."""
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
        """Where the next of this round stands that takes bytes, if one is near."""
        follow = self.at
        for _ in range(min(self.todo, NEAR)):
            assert follow is not None
            if follow.seq >= 0 and not follow.reader.blocked:
                return follow.seq
            follow = follow.after
        return None

    def all(self) -> list[Follow]:
        """Every follow, as of now."""
        found: list[Follow] = []
        follow = self.at
        for _ in range(self.size):
            assert follow is not None
            found.append(follow)
            follow = follow.after
        return found
