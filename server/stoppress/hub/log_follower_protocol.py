"""The interface of the hub's event source, implemented by the log's follower."""

from __future__ import annotations

from typing import Protocol

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import Event
from stoppress.domain.store_requests_and_results import LogWindow


class EventSink(Protocol):
    """The receiver of one feed's events: a channel. All calls are synchronous."""

    def fill(self, window: LogWindow) -> None:
        """Start, or restart, from `window`.

        A window of another epoch, or one that begins beyond the head held, resets
        every reader that can't be continued; otherwise events already held are skipped.
        """

    def push(self, event: Event) -> None:
        """Append the next event: its seq is always the head's plus one."""

    def end(self) -> None:
        """End the feed's follows: the feed was deleted."""

    def notice(self, payload: bytes) -> None:
        """Send a notice, which is no event, to the followers here now."""


class Upstream(Protocol):
    """Delivers each open feed's events to its sink, in order and without a gap."""

    async def open(self, feed: str, sink: EventSink) -> None:
        """Subscribe, fill the sink, and keep it filled until `close`.

        Returns once the sink is filled. Raises NotFound or Unavailable (then the
        feed is not open).
        """

    async def close(self, feed: str) -> None:
        """Stop delivering events of the feed."""

    async def head(self, feed: str) -> Cursor:
        """The log's head now: one read, shared by all calls while it runs.

        Raises NotFound or Unavailable.
        """
