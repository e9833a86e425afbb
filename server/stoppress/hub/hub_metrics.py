"""What the hub counts, for whoever shows it (Prometheus, in `metrics.py`).

Rules: called on the hot path only once a slice, with sums; an implementation
must not wait, raise or allocate per reader.
"""

from __future__ import annotations

from typing import Protocol


class HubMetrics(Protocol):
    """Takes the hub's counts."""

    def readers(self, wire: str, change: int) -> None:
        """A reader came (+1) or went (-1) on `wire`."""

    def channels(self, change: int) -> None:
        """A channel was opened (+1) or closed (-1)."""

    def delivered(self, events: int, size: int) -> None:
        """So many events, in so many bytes, were taken by readers' sockets."""

    def swept(self, visits: int, seconds: float) -> None:
        """One turn of the sweep: follows visited, and how long it took."""

    def stuck(self) -> None:
        """A reader's socket took less than it was given."""

    def paced(self) -> None:
        """An editor's answer waits for the readers of the feed."""

    def closed(self, code: int) -> None:
        """The hub ended a reader's line with this code."""

    def reset(self, readers: int) -> None:
        """So many follows are told that they can't be continued."""

    def trimmed(self, events: int) -> None:
        """So many events left a ring because all rings together were full."""

    def encoded(self) -> None:
        """An event was encoded as a message."""

    def feed_failed(self, where: str) -> None:
        """A fault stayed in one feed; `where` it was."""


class NoHubMetrics:
    """A HubMetrics that counts nothing."""

    def readers(self, wire: str, change: int) -> None:
        """Nothing."""

    def channels(self, change: int) -> None:
        """Nothing."""

    def delivered(self, events: int, size: int) -> None:
        """Nothing."""

    def swept(self, visits: int, seconds: float) -> None:
        """Nothing."""

    def stuck(self) -> None:
        """Nothing."""

    def paced(self) -> None:
        """Nothing."""

    def closed(self, code: int) -> None:
        """Nothing."""

    def reset(self, readers: int) -> None:
        """Nothing."""

    def trimmed(self, events: int) -> None:
        """Nothing."""

    def encoded(self) -> None:
        """Nothing."""

    def feed_failed(self, where: str) -> None:
        """Nothing."""
