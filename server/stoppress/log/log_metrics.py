"""What the log counts, for whoever counts it."""

from __future__ import annotations

from typing import Protocol


class FollowerMetrics(Protocol):
    """What a follower counts."""

    def line_up(self, up: bool) -> None:
        """The line to Redis stands, or was lost."""

    def mended(self, how: str) -> None:
        """A feed was mended: from its "log", or begun anew from a "window".

        "epoch" is the latter too, where its history has ended.
        """

    def malformed(self) -> None:
        """A message could not be read."""

    def probe_missed(self) -> None:
        """A probe did not come back in time."""

    def held_back_too_much(self) -> None:
        """What was heard of a feed while it was mended went over its bound."""

    def feed_failed(self, where: str) -> None:
        """A fault stayed in one feed; `where` it was."""


class NoFollowerMetrics:
    """Counts nothing."""

    def line_up(self, up: bool) -> None:
        """Do nothing."""

    def mended(self, how: str) -> None:
        """Do nothing."""

    def malformed(self) -> None:
        """Do nothing."""

    def probe_missed(self) -> None:
        """Do nothing."""

    def held_back_too_much(self) -> None:
        """Do nothing."""

    def feed_failed(self, where: str) -> None:
        """Do nothing."""


class StoreMetrics(Protocol):
    """What a store counts."""

    def aged(self, events: int) -> None:
        """So many events left a log because of their age."""


class NoStoreMetrics:
    """Counts nothing."""

    def aged(self, events: int) -> None:
        """Do nothing."""


class InboxMetrics(Protocol):
    """What an inbox counts."""

    def taken_in(self, refused: bool) -> None:
        """A post was taken from the inbox: published, or refused."""


class NoInboxMetrics:
    """Counts nothing."""

    def taken_in(self, refused: bool) -> None:
        """Do nothing."""
