"""One followed feed: how far its sink is, and how it is brought up to the log.

A feed is either live (`held` is None: what follows on the last event is pushed) or
being mended (`held` collects what is heard while its log is read). It becomes live
only when what was read and what was heard meanwhile make a whole.

A message without the right mark says no more than that there may be something in the
log (`rung`): it is not shown, ends nothing, and spoils no reading. The secret is learnt
with the log, so what is heard before is looked at once it is known.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from typing import Protocol

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Unavailable
from stoppress.domain.event import Event
from stoppress.domain.store_records import LogWindow
from stoppress.log.catch_up import contiguous, follows, merge
from stoppress.log.pubsub_message import PubSubMessage, announced, is_marked, parse
from stoppress.log.redis_keys import feed_keys
from stoppress.log.scripts import LogPiece, MarkedWindow

PENDING = 4096
"""Events held back of one feed while it is mended; past that the log is read again."""
PENDING_BYTES = 8 << 20
CATCH_UP_ATTEMPTS = 20
"""How often one feed's log is read before the feed has to wait its turn again."""

log = logging.getLogger(__name__)


class SinkFailed(Unavailable):
    """The feed's sink can't take what was read: it is to be tried again later."""


class FollowedSink(Protocol):
    """Where one feed's events go; `hub.upstream.EventSink` says more."""

    def fill(self, window: LogWindow) -> None:
        """Start, or start again, from `window`."""

    def push(self, event: Event) -> None:
        """Take the next event."""

    def end(self) -> None:
        """The feed was deleted."""


class LogReader(Protocol):
    """Reads logs: the store."""

    async def marked_window(self, feed: str) -> MarkedWindow:
        """The newest part of a log, and the secret of its messages."""

    async def since(self, feed: str, seq: int) -> LogPiece:
        """What followed on `seq`, a piece of it."""

    async def renew(self, feed: str, told: Cursor) -> Cursor:
        """Begin a new epoch if the log ends before `told`."""


class FollowedFeed:
    """One feed that is brought to its sink."""

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
        """Something may have been missed since the last reading began."""
        self.closed = False
        self.rung = False
        """A message without the right mark came: the log is to be read."""
        self.unmarked = self.malformed = 0
        """Messages since this was last looked at."""
        self.last_rung = -math.inf
        """When the log was last read for that."""
        self._secret = b""
        self._before = b""
        """The mark that the last message announced."""
        self._unproved: list[tuple[bytes, bytes]] = []
        """What was heard while it is mended, with its mark, and is not proved yet."""
        self._held_bytes = 0
        self._overflowed = overflowed

    def take(self, raw: bytes) -> bool:
        """Take a message as it came; whether to mend the feed now."""
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
            self._let_go()
            self._overflowed()
            self._ring(raw)
        return False

    def _parsed(self, raw: bytes) -> PubSubMessage | None:
        heard = parse(self.feed, raw)
        if heard is None:
            self.malformed += 1
        return heard

    def _ring(self, raw: bytes) -> None:
        self.unmarked += 1
        self.rung = True
        self._parsed(raw)  # whether it could be read is counted, and that is all

    def _prove(self) -> list[PubSubMessage]:
        """What the scripts made of what was heard, now that the secret is known."""
        proved: list[PubSubMessage] = []
        for raw, before in self._unproved:
            if not is_marked(self._secret, self.channel, raw, before):
                self._ring(raw)
            elif (heard := self._parsed(raw)) is not None:
                proved.append(heard)
            else:
                self.lost = True
        self._unproved = []
        return proved

    def hear(self, heard: PubSubMessage | None) -> bool:
        """Take a message, None if it can't be read; whether to mend the feed now."""
        if self.closed:
            return False
        if self.held is not None:
            self._hold(heard)
            return False
        if heard is not None and heard.cursor.epoch == self.cursor.epoch:
            if heard.ends:
                self.end()
                return False
            if heard.cursor.seq <= self.cursor.seq:
                return False
            if heard.event is not None and heard.event.seq == self.cursor.seq + 1:
                return not self._push((heard.event,)) and self.break_off()
        return self.break_off()

    def break_off(self) -> bool:
        """Be live no longer; True, unless it was not."""
        if self.held is not None or self.closed:
            self.lost = True
            return False
        self._begin()
        return True

    def end(self) -> None:
        """The feed was deleted."""
        if not self.closed:
            self.closed = True
            self.sink.end()

    async def mend(
        self, logs: LogReader, listening: Callable[[], Awaitable[object]]
    ) -> str:
        """Read the log until nothing is missing; what it took.

        "log": what followed was read. "window": all was read anew, as at the start.
        "epoch": the same, as the history that was followed has ended.

        `listening` returns when the feed's channel is listened to. Raises NotFound,
        and Unavailable: the feed then still has to be mended.
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
        """Bring what was read and heard to the sink; whether nothing is missing."""
        # What could not be proved when it came was heard before what could.
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
            log.error("the log of %s has a hole; what is older is left", self.feed)
        return window._replace(events=events)

    async def _read_on(self, logs: LogReader) -> LogWindow | None:
        """What followed on the cursor, None if the log does not say any more."""
        piece = await logs.since(self.feed, self.cursor.seq)
        self._secret = piece.secret
        if self._is_ahead_of(piece.head):
            # Set back under our eyes. New events would bear numbers that readers
            # have, and be taken for repeats.
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
        """Begin the sink anew. Raises SinkFailed."""
        try:
            self.sink.fill(window)
        except Exception as fault:
            log.exception("the channel of %s could not be filled", self.feed)
            raise SinkFailed(f"the feed {self.feed!r} can't be read") from fault
        self.cursor = window.cursor

    def _push(self, events: tuple[Event, ...]) -> bool:
        """Give events to the sink, whether it took them."""
        try:
            for event in events:
                self.sink.push(event)
                self.cursor = self.cursor._replace(seq=event.seq)
        except Exception:
            # One channel's trouble is not the other feeds'.
            log.exception("the channel of %s failed; it begins anew", self.feed)
            self.cursor = Cursor("", 0)
            return False
        return True

    def _begin(self) -> None:
        self._let_go()
        self.lost = self.rung = False  # what is read from now on holds it

    def _let_go(self) -> None:
        """Of what was heard, nothing is held any more."""
        self.held = []
        self._unproved = []
        self._held_bytes = 0

    def _has_room(self, size: int) -> bool:
        self._held_bytes += size
        held = len(self.held or ()) + len(self._unproved)
        return held < PENDING and self._held_bytes <= PENDING_BYTES

    def _hold(self, heard: PubSubMessage | None) -> None:
        held = self.held
        assert held is not None
        if heard is None:
            self.lost = True
            return
        if not self._has_room(len(heard.event.body) if heard.event else 0):
            self._let_go()
            self.lost = True
            self._overflowed()
            return
        held.append(heard)
