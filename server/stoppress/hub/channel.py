"""One feed inside the hub: its ring, its state and its follows.

Rules:
- The upstream fills the ring; `Delivery` serves the follows from it.
- A follow joins at a cursor that the ring can continue, or is reset to the head.
- An order to many follows (reset, close) is a number in each follow's `seq`; the
  sweep carries it out (`follow_and_round_robin_order.py`).
- If the feed begins or stops to show its posts' verification, the ring is emptied and
  all follows are reset: their messages were encoded by the other rule.
- If the ring's content can't be sent, the ring is emptied and all follows are reset:
  a fault in one feed stays in that feed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import Event
from stoppress.domain.store_requests_and_results import LogWindow
from stoppress.hub.bell import Bell
from stoppress.hub.channel_delivery_rounds import Delivery
from stoppress.hub.channel_owner_protocol import ChannelOwner
from stoppress.hub.feed_status_and_access import UNKNOWN, FeedState
from stoppress.hub.follow_and_round_robin_order import (
    CLOSE_ORDER,
    NOT_JOINED,
    RESET,
    Follow,
)
from stoppress.hub.ring import Ring
from stoppress.wire.close_codes import CloseCode

FAULT_PAUSE_S = 1.0
"""How long a channel pauses after a fault, so that a lasting fault costs little."""

log = logging.getLogger("stoppress.hub")


class Channel:
    """A feed that is open in this process; the EventSink of its upstream."""

    def __init__(self, feed: str, owner: ChannelOwner) -> None:
        self.feed = feed
        self.body = b""
        """The feed's stored JSON, as of the ring's head."""
        self.feed_state: FeedState = UNKNOWN
        self.is_queued = False
        """Whether the channel is in the sweep's queue."""
        self.ended = False
        """Whether the feed was deleted or the channel closed: no event follows."""
        self.quiet_since = 0.0
        """When the last event or notice was queued for delivery."""
        self._owner = owner
        settings = owner.settings
        self.ring = Ring(
            feed,
            settings.base,
            max_events=settings.ring_events,
            max_bytes=settings.ring_bytes,
            encoded=owner.metrics.encoded.add,
            foreign=settings.foreign_content,
        )
        self._delivery = Delivery(self, self.ring, owner)
        self._round_robin = self._delivery.round_robin
        self.head_moved = Bell()
        """Rings when the head moves, or the channel ends."""
        self.caught_up = self._delivery.caught_up
        """Rings when the backlog is so small that no editor needs to wait for it."""

    # From the upstream (EventSink)

    def fill(self, window: LogWindow) -> None:
        """Start, or restart, from `window`; events already held are skipped."""
        ring = self.ring
        if self.ended:
            return
        state = FeedState.of(window.feed)
        if window.cursor.epoch == ring.epoch and window.first <= ring.head + 1:
            for event in window.events[ring.head + 1 - window.first :]:
                self.push(event)
        else:
            begun = bool(ring.epoch)
            ring.restart(window.cursor, window.events)
            self._owner.budget.charge(ring)
            if begun:
                self._reset_all()
            self._begin_round()
        if window.cursor.seq >= ring.head:
            self._set_feed(window.feed, state)

    def push(self, event: Event) -> None:
        """Append the next event; its seq is the head's plus one."""
        if self.ended:
            return
        # Parsed first: if that fails, nothing has changed yet.
        state = FeedState.of(event.body) if event.type.shows_feed else None
        self.ring.append(event)
        self._owner.budget.charge(self.ring)
        if state is not None:
            self._set_feed(event.body, state)
        self._begin_round()

    def end(self) -> None:
        """End every follow and the channel: the feed was deleted."""
        self.ended = True
        self.close_follows(CloseCode.ENDED)
        self._owner.channel_ended(self)

    def notice(self, payload: bytes) -> None:
        """Send a notice, which is no event, to the present followers of the desk."""
        for follow in self._round_robin.all():
            if not follow.reader.blocked:
                follow.reader.send_message("presence", payload)

    def close(self) -> None:
        """Accept no further event, and wake every waiting task."""
        self.ended = True
        self.head_moved.ring()
        self.caught_up.ring()

    def failed(self, fault: Exception) -> None:
        """Empty the ring, whose content can't be sent; after a pause reset all."""
        log.error(
            "sending feed %s failed: its readers are reset", self.feed, exc_info=fault
        )
        self._owner.metrics.feed_faults["sending"].add()
        self.ring.restart(self.ring.cursor, ())
        self._owner.budget.charge(self.ring)
        self._delivery.pause_after_fault(FAULT_PAUSE_S)
        self._reset_all()

    # The ring, as routes read it

    @property
    def cursor(self) -> Cursor:
        """The cursor of the newest event."""
        return self.ring.cursor

    def messages_after(
        self, cursor: Cursor, limit: int | None = None
    ) -> list[bytes] | None:
        """Up to `limit` messages after the cursor (by default all).

        None if they are not in memory, or can't be encoded.
        """
        if not self.can_resume(cursor):
            return None
        ring = self.ring
        try:
            return ring.messages(cursor.seq, ring.head if limit is None else limit)
        except Exception as fault:
            self.failed(fault)
            return None

    def is_ahead(self, cursor: Cursor | None) -> bool:
        """Whether the cursor is later than the head, as another process may be."""
        return (
            cursor is not None
            and cursor.epoch == self.ring.epoch
            and cursor.seq > self.ring.head
        )

    def can_resume(self, cursor: Cursor) -> bool:
        """Whether every event after the cursor is in memory."""
        return cursor.epoch == self.ring.epoch and self.ring.holds_after(cursor.seq)

    # Follows

    @property
    def size(self) -> int:
        """The number of follows."""
        return self._round_robin.size

    def all(self) -> list[Follow]:
        """Every follow, as of now."""
        return self._round_robin.all()

    def join(self, follow: Follow, cursor: Cursor | None) -> None:
        """Add a follow at `cursor` (None: the head), with hello or reset."""
        resumed = cursor is not None and self.can_resume(cursor)
        place = self.ring.cursor if cursor is None else cursor
        follow.channel = self
        if cursor is None or resumed:
            follow.seq = place.seq
            reader = follow.reader
            hello = self._delivery.hello_and_reset.hello(reader.wire, resumed, place)
            reader.send_hello(hello)
        else:
            follow.seq = RESET
            self._owner.metrics.resets.add()
        self._add(follow)

    def join_silently(self, follow: Follow, seq: int) -> None:
        """Add a follow at `seq` without a hello: a long poll waits for events only."""
        follow.channel = self
        follow.seq = seq
        self._add(follow)

    def _add(self, follow: Follow) -> None:
        self._round_robin.add(follow)
        self._owner.follows_changed(self)
        if follow.seq != self.ring.head:
            self.ready(follow)

    def leave(self, follow: Follow) -> None:
        """Remove a follow."""
        self._round_robin.drop(follow)
        follow.channel = None
        follow.seq = NOT_JOINED
        self._owner.follows_changed(self)

    def ready(self, follow: Follow) -> None:
        """Serve this follow out of turn: it joined, or its socket has room again."""
        self._delivery.ready(follow)

    def close_follows(self, code: CloseCode) -> None:
        """End every follow with `code`."""
        self._order(self._round_robin.all(), -code)

    def send_notice(self, kind: str, payload: bytes) -> None:
        """Send a message that is no event (a beat, a count) to follows at the head."""
        self.quiet_since = self._owner.now()
        self._delivery.send_notice(kind, payload)

    def reset_spread_ms(self) -> int:
        """Milliseconds over which reset readers spread their snapshot requests."""
        return self._delivery.hello_and_reset.reset_spread_ms(self.size)

    def drop_caches(self) -> None:
        """Free what can be made again: the channel is quiet."""
        self._delivery.drop_caches()
        self.ring.drop_caches()

    # Serving, as the sweep and the editors see it

    def serve(self, allowance: int, deadline: float, clock: Callable[[], float]) -> int:
        """Visit follows until the allowance or the time is used up.

        Returns the number of visits.
        """
        return self._delivery.serve(allowance, deadline, clock)

    def is_behind(self) -> bool:
        """Whether a follow is to be visited now."""
        return self._delivery.is_behind()

    @property
    def in_burst(self) -> bool:
        """Whether events arrive faster than rounds end."""
        return self._delivery.write_throttle.in_burst

    def is_backlogged(self) -> bool:
        """Whether the next follow is so far behind that editors should wait."""
        return not self.ended and self._delivery.write_throttle.is_backlogged()

    # Inside

    def _begin_round(self) -> None:
        """Visit every follow: the head moved, or there is an order to carry out."""
        self.quiet_since = now = self._owner.now()
        self._delivery.begin_round(now)
        self.head_moved.ring()

    def _reset_all(self) -> None:
        self._order(self._round_robin.all(), RESET)
        self._owner.metrics.resets.add(self._round_robin.size)

    def _order(self, follows: list[Follow], order: int) -> None:
        for follow in follows:
            if follow.seq > CLOSE_ORDER:
                follow.seq = order
        self._begin_round()

    def _set_feed(self, body: bytes, state: FeedState) -> None:
        """Store the feed's new state; end follows that may not read it any more."""
        self.body = body
        is_open = self.feed_state is not UNKNOWN
        self.feed_state = state
        if state.show_verification != self.ring.with_verification:
            self.ring.with_verification = state.show_verification
            if is_open:
                self.ring.restart(self.ring.cursor, ())
                self._owner.budget.charge(self.ring)
                self._reset_all()
        self.end_barred()

    def end_barred(self) -> None:
        """End the follows whose readers may not read the feed any more."""
        if self.feed_state.visibility != "private":
            return
        barred: dict[CloseCode, list[Follow]] = {}
        for follow in self._round_robin.all():
            code = self.feed_state.bar(self.feed, follow.reader.rights)
            if code is not None:
                barred.setdefault(code, []).append(follow)
        for code, follows in barred.items():
            self._order(follows, -code)
