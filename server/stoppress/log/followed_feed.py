"""One followed feed: the state of its sink, and how it is brought up to the log.

A feed is either live (`held` is None: the next event is pushed at once) or being mended
(`held` collects messages while its log is read). It becomes live once the log and the
collected messages together are complete.

A message without a valid mark only says that the log may have something new (`rung`):
it is not shown, ends nothing, and does not interrupt a read. The secret comes with the
log, so messages received before are checked once it is known.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from typing import Protocol

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Unavailable
from stoppress.domain.event import Event
from stoppress.domain.store_requests_and_results import LogWindow
from stoppress.log.feed_read_scripts import (
    LogPiece,
    MarkedWindow,
)
from stoppress.log.merge_log_and_messages import contiguous, follows, merge
from stoppress.log.pubsub_message import (
    NOTICE,
    PubSubMessage,
    announced,
    is_marked,
    notice_in,
    parse,
)
from stoppress.log.redis_keys import feed_keys

PENDING = 4096
"""Messages collected for one feed while it is mended; above it the log is read
again."""
PENDING_BYTES = 8 << 20
CATCH_UP_ATTEMPTS = 20
"""How often one feed's log is read before the feed waits for its turn again."""

log = logging.getLogger(__name__)


class SinkFailed(Unavailable):
    """The feed's sink failed; it is tried again later."""


class FollowedSink(Protocol):
    """The receiver of one feed's events; see `hub.log_follower_protocol.EventSink`."""

    def fill(self, window: LogWindow) -> None:
        """Start, or restart, from `window`."""

    def push(self, event: Event) -> None:
        """Append the next event."""

    def end(self) -> None:
        """End the follows: the feed was deleted."""

    def notice(self, payload: bytes) -> None:
        """Handle a message that is no event."""


class LogReader(Protocol):
    """Reads logs: the store."""

    async def marked_window(self, feed: str) -> MarkedWindow:
        """The newest part of a log, and the secret of its messages."""

    async def since(self, feed: str, seq: int) -> LogPiece:
        """A piece of the log after `seq`."""

    async def renew(self, feed: str, reported: Cursor) -> Cursor:
        """Begin a new epoch if the log ends before `told`."""


class FollowedFeed:
    """One feed whose events go to its sink."""

    __slots__ = (
        "channel",
        "closed",
        "cursor",
        "feed",
        "held",
        "last_rung",
        "lost",
        "malformed",
        "rung",
        "sink",
        "unmarked",
        "_before",
        "_held_bytes",
        "_overflowed",
        "_secret",
        "_unproved",
    )

    def __init__(
        self,
        feed: str,
        sink: FollowedSink,
        overflowed: Callable[[], None] = lambda: None,
        database: int = 0,
    ) -> None:
        self.feed = feed
        self.channel = feed_keys(feed, database).line.encode()
        self.sink = sink
        self.cursor = Cursor("", 0)
        self.held: list[PubSubMessage] | None = []
        self.lost = False
        """Whether something may have been missed since the last read began."""
        self.closed = False
        self.rung = False
        """Whether a message without a valid mark came: the log must be read."""
        self.unmarked = self.malformed = 0
        """Messages since the counts were last taken."""
        self.last_rung = -math.inf
        """When the log was last read because of such a message."""
        self._secret = b""
        self._before = b""
        """The mark that the last message announced."""
        self._unproved: list[tuple[bytes, bytes]] = []
        """Messages collected while mending, with their marks, not checked yet."""
        self._held_bytes = 0
        self._overflowed = overflowed

    def take(self, raw: bytes) -> bool:
        """Handle a raw message; returns whether the feed must be mended now."""
        if raw.startswith(NOTICE):
            # A notice is no event; a lost one is sent again.
            payload = notice_in(self._secret, self.channel, raw)
            if payload is not None:
                if not self.closed:
                    self.sink.notice(payload)
                return False
        before, self._before = self._before, announced(raw) or b""
        if self._before or self.closed:
            return False
        if is_marked(self._secret, self.channel, raw, before):
            return self.hear(self._parsed(raw))
        if self.held is None:
            self._ring(raw)
        elif self._has_room(len(raw)):
            self._unproved.append((raw, before))
        else:
            self._drop_collected()
            self._overflowed()
            self._ring(raw)
        return False

    def _parsed(self, raw: bytes) -> PubSubMessage | None:
        received = parse(self.feed, raw)
        if received is None:
            self.malformed += 1
        return received

    def _ring(self, raw: bytes) -> None:
        self.unmarked += 1
        self.rung = True
        self._parsed(raw)  # only to count messages that can't be parsed

    def _prove(self) -> list[PubSubMessage]:
        """The collected messages with a valid mark: the secret is known now."""
        proved: list[PubSubMessage] = []
        for raw, before in self._unproved:
            if not is_marked(self._secret, self.channel, raw, before):
                self._ring(raw)
            elif (received := self._parsed(raw)) is not None:
                proved.append(received)
            else:
                self.lost = True
        self._unproved = []
        return proved

    def hear(self, received: PubSubMessage | None) -> bool:
        """Handle a message (None: unreadable); returns whether to mend the feed now."""
        if self.closed:
            return False
        if self.held is not None:
            self._hold(received)
            return False
        if received is not None and received.cursor.epoch == self.cursor.epoch:
            if received.ends:
                self.end()
                return False
            if received.cursor.seq <= self.cursor.seq:
                return False
            if received.event is not None and received.event.seq == self.cursor.seq + 1:
                return not self._push((received.event,)) and self.break_off()
        return self.break_off()

    def lacks(self, head: Cursor) -> bool:
        """Whether the log's head is ahead of the feed, and it is not being read yet."""
        if self.cursor.epoch != head.epoch:
            return bool(self.cursor.epoch)
        return self.held is None and self.cursor < head

    def break_off(self) -> bool:
        """Stop being live; returns False if it was not live."""
        if self.held is not None or self.closed:
            self.lost = True
            return False
        self._begin()
        return True

    def end(self) -> None:
        """End the follows: the feed was deleted."""
        if not self.closed:
            self.closed = True
            self.sink.end()

    async def mend(
        self, logs: LogReader, listening: Callable[[], Awaitable[object]]
    ) -> str:
        """Read the log until nothing is missing; returns what that took.

        "log": the events after the cursor were read. "window": the newest part was
        read, as at the start. "epoch": the same, because the former epoch has ended.

        `listening` returns once the feed's channel is subscribed to. Raises NotFound,
        and Unavailable: then the feed must still be mended.
        """
        was = self.cursor
        how = "log" if was.epoch else "window"
        for _ in range(CATCH_UP_ATTEMPTS):
            await listening()
            self._begin()
            if how == "log":
                read = await self._read_on(logs)
                if read is None:
                    how = "window"
                    continue
            else:
                read = await self._read_anew(logs)
            if self.closed:
                break
            if self._join(read, anew=how == "window"):
                if was.epoch in ("", self.cursor.epoch):
                    return how
                log.warning(
                    "the history of %s ended at %s; its readers are reset to %s",
                    *(self.feed, was, self.cursor),
                )
                return "epoch"
        raise Unavailable(f"the log of {self.feed!r} could not be read to its end")

    def _join(self, read: LogWindow, *, anew: bool) -> bool:
        """Give what was read and received to the sink; returns whether all is there."""
        # Messages that had to wait for the secret came before those that had not.
        held = self.held = self._prove() + (self.held or [])
        merged = merge(read, held)
        whole = merged.whole and not self.lost
        if anew and not whole:
            return False
        if anew:
            self._fill(merged.window)
        elif not self._push(merged.window.events):
            return False
        if whole:
            self.held = None
            if any(one.ends and one.cursor.epoch == self.cursor.epoch for one in held):
                self.end()
        return whole

    async def _read_anew(self, logs: LogReader) -> LogWindow:
        window, self._secret = await logs.marked_window(self.feed)
        events = contiguous(window.events, window.cursor.seq)
        if len(events) < len(window.events):
            log.error("the log of %s has a gap: older events are ignored", self.feed)
        return window._replace(events=events)

    async def _read_on(self, logs: LogReader) -> LogWindow | None:
        """The events after the cursor; None if the log no longer has them all."""
        piece = await logs.since(self.feed, self.cursor.seq)
        self._secret = piece.secret
        if self._is_ahead_of(piece.head):
            # The log was set back. Its new events would have numbers that readers have
            # already: readers would take them for repeats.
            log.error(
                "the log of %s ends at %s, and was at %s: its tail is lost",
                *(self.feed, piece.head, self.cursor),
            )
            await logs.renew(self.feed, self.cursor)
            return None
        last = piece.events[-1].seq if piece.events else self.cursor.seq
        if (
            piece.head.epoch != self.cursor.epoch
            or not follows(piece.events, self.cursor.seq)
            or (not piece.events and last != piece.head.seq)
        ):
            return None
        if last < piece.head.seq:
            self.lost = True  # there is more to read
        return LogWindow(self.cursor._replace(seq=last), piece.events, piece.feed)

    def _is_ahead_of(self, head: Cursor) -> bool:
        return head.epoch == self.cursor.epoch and head.seq < self.cursor.seq

    def _fill(self, window: LogWindow) -> None:
        """Restart the sink. Raises SinkFailed."""
        try:
            self.sink.fill(window)
        except Exception as fault:
            log.exception("the channel of %s could not be filled", self.feed)
            raise SinkFailed(f"the feed {self.feed!r} can't be read") from fault
        self.cursor = window.cursor

    def _push(self, events: tuple[Event, ...]) -> bool:
        """Give events to the sink; returns whether it took them."""
        try:
            for event in events:
                self.sink.push(event)
                self.cursor = self.cursor._replace(seq=event.seq)
        except Exception:
            # A fault in one channel must not reach other feeds.
            log.exception("the channel of %s failed: it starts again", self.feed)
            self.cursor = Cursor("", 0)
            return False
        return True

    def _begin(self) -> None:
        self._drop_collected()
        self.lost = self.rung = False  # the next read covers it

    def _drop_collected(self) -> None:
        """Drop all collected messages."""
        self.held = []
        self._unproved = []
        self._held_bytes = 0

    def _has_room(self, size: int) -> bool:
        self._held_bytes += size
        held = len(self.held or ()) + len(self._unproved)
        return held < PENDING and self._held_bytes <= PENDING_BYTES

    def _hold(self, received: PubSubMessage | None) -> None:
        held = self.held
        assert held is not None  # noqa: S101 (for the type checker)
        if received is None:
            self.lost = True
            return
        if not self._has_room(len(received.event.body) if received.event else 0):
            self._drop_collected()
            self.lost = True
            self._overflowed()
            return
        held.append(received)
