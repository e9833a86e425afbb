"""One feed inside the hub: its ring, its follows, and how they are served.

Rules:
- A follow is a reader and a seq. Serving it means writing what follows on its
  seq, at most 64 KiB a visit. Live, catching up and recovering from slowness are
  this one thing.
- A round visits every follow once after each event; it goes on where it is, and
  does not begin again. Who drained, joined or could take more stands in `_ready`.
- A reader that takes less than it is given stays behind: the transport gets the
  rest of the one message at hand, nothing else, and tells when it is gone.
- Beats and counts are murmurs: not in the ring, and only for who is at the head.
- No await, no I/O but the socket's `write`; errors of a socket end that reader.
- What can't be sent is let go with all that is held, and its readers are reset: a
  fault in one feed stays there.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import Event
from stoppress.domain.store_records import LogWindow
from stoppress.hub.backlog_cache import BacklogCache, Tail, parts_of
from stoppress.hub.bell import Bell
from stoppress.hub.channel_owner import ChannelOwner
from stoppress.hub.feed_state import UNKNOWN, FeedState
from stoppress.hub.follow import DISMISSED, PARKED, RESET, Follow, RoundRobin
from stoppress.hub.pace import Pace
from stoppress.hub.ring import Bytes, Ring
from stoppress.wire import messages
from stoppress.wire.close_codes import CloseCode
from stoppress.wire.wire_formats import WireFormat, framed

FAULT_PAUSE_S = 1.0
"""How long a channel rests after a fault, so that one that stays costs little."""
COPIED_BELOW_BYTES = 4096
"""A rest below this is copied, so that it doesn't hold on to a shared block."""


log = logging.getLogger("stoppress.hub")


class Channel:
    """A feed that is open in this process. Is the EventSink of its upstream."""

    def __init__(self, feed: str, owner: ChannelOwner) -> None:
        self.feed = feed
        self.body = b""
        """The feed's kept JSON, as of the ring's head."""
        self.feed_state: FeedState = UNKNOWN
        self.awake = False
        """Whether the sweep has this channel in its queue."""
        self.ended = False
        """Whether the feed is gone or the channel closed: nothing comes any more."""
        self.quiet_since = 0.0
        """When the last event or murmur began to go out."""
        self._owner = owner
        settings = owner.settings
        self.ring = Ring(
            feed,
            settings.base,
            max_events=settings.ring_events,
            max_bytes=settings.ring_bytes,
            encoded=owner.metrics.encoded.add,
        )
        self._round_robin = RoundRobin()
        self._pace = Pace(self.ring, self._round_robin)
        self._ready: deque[Follow] = deque()
        self._backlog_cache = BacklogCache(self.ring)
        self._murmur: tuple[bytes, ...] | None = None
        self._hello: tuple[tuple[WireFormat, bool, Cursor], bytes] | None = None
        self.moved = Bell()
        """Rings when the head moves, or the channel ends."""
        self.eased = Bell()
        """Rings when the sweep has caught up so far that nobody need wait for it."""

    # What the line brings

    def fill(self, window: LogWindow) -> None:
        """Start, or start again, from `window`; only what is missing counts."""
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
                self._order(self._round_robin.all(), RESET)
                self._owner.metrics.resets.add(self._round_robin.size)
            self._begin()
        if window.cursor.seq >= ring.head:
            self._take_feed(window.feed, state)

    def push(self, event: Event) -> None:
        """Take the next event; its seq is the head's plus one."""
        if self.ended:
            return
        # Read first: if it can't be, nothing has happened yet.
        state = FeedState.of(event.body) if event.type.shows_feed else None
        self.ring.append(event)
        self._owner.budget.charge(self.ring)
        if state is not None:
            self._take_feed(event.body, state)
        self._begin()

    def end(self) -> None:
        """The feed was deleted."""
        self.ended = True
        self.send_home(CloseCode.ENDED)
        self._owner.over(self)

    def shut(self) -> None:
        """Nothing comes any more; whoever waits is told."""
        self.ended = True
        self.moved.ring()
        self.eased.ring()

    def failed(self, fault: Exception) -> None:
        """What is held can't be sent: let it go; after a pause all are reset."""
        log.error("%s can't be sent; its readers are reset", self.feed, exc_info=fault)
        self._owner.metrics.feed_faults["sending"].add()
        self._ready.clear()
        self.ring.restart(self.ring.cursor, ())
        self._owner.budget.charge(self.ring)
        self._order(self._round_robin.all(), RESET)
        self._owner.metrics.resets.add(self._round_robin.size)
        self._pace.resting = True
        self._owner.after(FAULT_PAUSE_S, self._rested)

    # Follows

    @property
    def size(self) -> int:
        """How many follow."""
        return self._round_robin.size

    def all(self) -> list[Follow]:
        """Every follow, as of now."""
        return self._round_robin.all()

    @property
    def cursor(self) -> Cursor:
        """The place after the newest event."""
        return self.ring.cursor

    def messages_after(
        self, cursor: Cursor, limit: int | None = None
    ) -> list[bytes] | None:
        """Up to `limit` messages that follow on the cursor (by default all).

        None if they are not here, or can't be made.
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
        """Whether the cursor may come from a line that is a step ahead of ours."""
        return (
            cursor is not None
            and cursor.epoch == self.ring.epoch
            and cursor.seq > self.ring.head
        )

    def can_resume(self, cursor: Cursor) -> bool:
        """Whether all that follows on the cursor is here."""
        return cursor.epoch == self.ring.epoch and self.ring.holds_after(cursor.seq)

    def join(self, follow: Follow, cursor: Cursor | None) -> None:
        """Let a follow in: hello, or reset if it can't be continued."""
        resumed = cursor is not None and self.can_resume(cursor)
        place = self.ring.cursor if cursor is None else cursor
        follow.channel = self
        if cursor is None or resumed:
            follow.seq = place.seq
            follow.reader.greet(self._greeting(follow.reader.wire, resumed, place))
        else:
            follow.seq = RESET
            self._owner.metrics.resets.add()
        self._enter(follow)

    def watch(self, follow: Follow, seq: int) -> None:
        """Let a follow in without a word: it wants only to know what comes."""
        follow.channel = self
        follow.seq = seq
        self._enter(follow)

    def _enter(self, follow: Follow) -> None:
        self._round_robin.add(follow)
        self._owner.counted(self)
        if follow.seq != self.ring.head:
            self.ready(follow)

    def leave(self, follow: Follow) -> None:
        """Let a follow go."""
        self._round_robin.drop(follow)
        follow.channel = None
        follow.seq = PARKED
        self._owner.counted(self)

    def ready(self, follow: Follow) -> None:
        """Serve this follow alone: it joined, or its socket has room again."""
        self._ready.append(follow)
        self._owner.sweep.wake(self)

    def send_home(self, code: CloseCode) -> None:
        """End every follow with `code`."""
        self._order(self._round_robin.all(), -code)

    # What goes beside the ring

    def murmur(self, kind: str, payload: bytes) -> None:
        """Tell everyone at the head something that is no event."""
        self._murmur = tuple(framed(wire, kind, payload) for wire in WireFormat)
        self.quiet_since = self._owner.now()
        self._round_robin.begin()
        self._owner.sweep.wake(self)

    def reset_spread_ms(self) -> int:
        """Over how long readers that are reset should ask for a snapshot."""
        return self._owner.spread_ms(self._owner.settings.reset_spread_ms, self.size)

    def forget(self) -> None:
        """Let go what can be made again: the channel is quiet."""
        self._backlog_cache.clear()
        self.ring.forget()

    # Serving

    def is_behind(self) -> bool:
        """Whether somebody is still to be visited now."""
        return bool(self._ready) or (
            self._round_robin.todo > 0 and not self._pace.resting
        )

    @property
    def in_burst(self) -> bool:
        """Whether events come faster than rounds end."""
        return self._pace.in_burst

    def is_pressed(self) -> bool:
        """Whether who is next lacks so much that editors should wait."""
        return not self.ended and self._pace.is_pressed()

    def serve(self, allowance: int, deadline: float, clock: Callable[[], float]) -> int:
        """Visit follows until the allowance or the time is used up.

        Returns how many visits that took.
        """
        ring, round_robin, ready = self.ring, self._round_robin, self._ready
        if not ready and self._rests():
            return 0
        backlog_cache = self._backlog_cache.known
        head = ring.head
        visits = events = size = 0
        alone = False
        while visits < allowance:
            # Those who catch up take at most every other visit of a round.
            alone = not alone
            if ready and (alone or round_robin.todo <= 0):
                follow = ready.popleft()
                if follow.channel is not self:
                    continue
                murmur = None
            else:
                found = round_robin.next()
                if found is None:
                    self._murmur = None
                    break
                follow = found
                murmur = self._murmur
            visits += 1
            seq, reader = follow.seq, follow.reader
            if seq == head:
                if murmur is not None and not reader.blocked:
                    reader.write(murmur[reader.wire])
                continue
            if reader.blocked:
                if seq <= DISMISSED:
                    reader.dismiss(follow, CloseCode(-seq))
                continue
            tail = backlog_cache[reader.wire].get(seq) or self._tail(follow)
            if tail is None:
                continue
            write, data, length, after = tail
            if reader.fd < 0:
                visits += reader.put(follow, parts_of(tail), after)
                continue
            try:
                sent = write(reader.fd, data)
            except BlockingIOError:
                sent = 0
            except OSError:
                reader.lost()
                continue
            size += sent
            if sent == length:
                follow.seq = after
                if after != head:
                    ready.append(follow)
            else:
                self._stuck(follow, tail, sent)
            if seq >= 0:
                events += follow.seq - seq
            if not visits & 15 or length > COPIED_BELOW_BYTES:
                if clock() > deadline:
                    break
        self._pace.went(visits)
        if events:
            metrics = self._owner.metrics
            metrics.deliveries.value += events
            metrics.delivered_bytes.value += size
        if self.eased.is_awaited and not self.is_pressed():
            self.eased.ring()
        return visits

    def _rests(self) -> bool:
        """Whether the round waits a little; then `_rested` ends that."""
        pace, owner = self._pace, self._owner
        if self.eased.is_awaited:
            pace.rested(owner.now())
        elif not pace.resting:
            rest_s = pace.rest_s(owner.now())
            if rest_s > 0:
                pace.resting = True
                owner.after(rest_s, self._rested)
        return pace.resting

    def _rested(self) -> None:
        self._pace.rested(self._owner.now())
        self._owner.sweep.wake(self)

    def _tail(self, follow: Follow) -> Tail | None:
        """What a follow lacks; or None, if it was to end and has ended."""
        seq, reader, ring = follow.seq, follow.reader, self.ring
        if seq == RESET:
            cursor = ring.cursor
            spread = self.reset_spread_ms()
            payload = messages.reset(self.feed, cursor, retry_ms=spread)
            data = framed(reader.wire, "reset", payload, str(cursor))
            return self._backlog_cache.keep(reader.wire, seq, [data], ring.head)
        if seq <= DISMISSED:
            reader.dismiss(follow, CloseCode(-seq))
        elif not ring.holds_after(seq):
            reader.dismiss(follow, CloseCode.SLOW)
        else:
            return self._backlog_cache.after(reader.wire, seq)
        return None

    def _stuck(self, follow: Follow, tail: Tail, sent: int) -> None:
        """Hand the rest of the message at hand to the transport, and no more."""
        reader = follow.reader
        if follow.seq == RESET:
            (told,), at = parts_of(tail), tail[3]
            rest: Bytes = memoryview(told)[sent:]
        else:
            rest, at = self.ring.rest(reader.wire, follow.seq, sent)
        follow.seq = at
        self._owner.metrics.stuck.add()
        reader.write(bytes(rest) if len(rest) < COPIED_BELOW_BYTES else rest)
        if not reader.blocked and at != self.ring.head:
            self._ready.append(follow)

    # Inside

    def _begin(self) -> None:
        """The head moved: everyone lacks something now."""
        self._backlog_cache.clear()
        self._murmur = None
        self.quiet_since = now = self._owner.now()
        self._pace.came(now)
        self._round_robin.begin()
        if self._round_robin.size:
            self._owner.sweep.wake(self)
        self.moved.ring()

    def _order(self, follows: list[Follow], order: int) -> None:
        for follow in follows:
            if follow.seq > DISMISSED:
                follow.seq = order
        self._begin()

    def _take_feed(self, body: bytes, state: FeedState) -> None:
        self.body = body
        self.feed_state = state
        if self.feed_state.visibility == "private":
            shut = [
                follow
                for follow in self._round_robin.all()
                if not follow.reader.rights.may_read(self.feed)
            ]
            if shut:
                self._order(shut, -CloseCode.NOT_FOUND)

    def _greeting(self, wire: WireFormat, resumed: bool, place: Cursor) -> bytes:
        """The hello of everyone who comes to the same place: made once."""
        key = wire, resumed, place
        if self._hello is None or self._hello[0] != key:
            owner = self._owner
            payload = messages.hello(
                self.feed,
                place,
                resumed=resumed,
                beat_s=owner.settings.beat_s,
                retry_ms=owner.spread_ms(owner.settings.retry_ms, owner.readers()),
            )
            self._hello = key, framed(wire, "hello", payload, str(place))
        return self._hello[1]
