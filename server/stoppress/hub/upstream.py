"""What the hub needs of whoever brings it events (the log's follower)."""

from __future__ import annotations

from typing import Protocol

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import Event
from stoppress.domain.store_records import LogWindow


class EventSink(Protocol):
    """Where one feed's events go: a channel. All calls are synchronous."""

    def fill(self, window: LogWindow) -> None:
        """Start, or start again, from `window`.

        A window of another epoch, or one that begins beyond the head held, resets
        every reader that can't be continued; otherwise only what is missing counts.
        """

    def push(self, event: Event) -> None:
        """Take the next event: its seq is the head's plus one, always."""

    def end(self) -> None:
        """The feed was deleted."""


class Upstream(Protocol):
    """Brings each open feed's events, in order and without a hole, to its sink."""

    async def open(self, feed: str, sink: EventSink) -> None:
        """Subscribe, fill the sink, and keep it filled until `close`.

        Returns once the sink was filled. Raises NotFound or Unavailable (then
        nothing stays open).
        """

    async def close(self, feed: str) -> None:
        """Stop bringing events of the feed."""

    async def head(self, feed: str) -> Cursor:
        """The log's head now: one read, shared by all who ask while it runs.

        Raises NotFound or Unavailable.
        """
