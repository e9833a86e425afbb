"""How one channel's follows get their bytes: the hot path of the server.

Rules:
- A follow is a reader and a seq. Serving it means writing what follows its seq, at
  most 64 KiB per visit. Live delivery, catching up and recovery from slowness are the
  same operation.
- A round visits every follow once after each event. An event during a round extends
  it from the current position; the round does not restart. `_ready` holds follows to
  serve out of turn: just drained, just joined, or not yet at the head.
- If a socket takes only a part, the transport gets the rest of that one message and
  nothing else; the reader stays blocked until the transport has sent it.
- Notices (beats, reader counts) are not in the ring, and only follows at the head get
  them.
- No await, no I/O but the socket's `write`; a socket error ends that reader.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from stoppress.hub.bell import Bell
from stoppress.hub.bytes_after_cursor_cache import BacklogCache, Tail, parts_of
from stoppress.hub.channel_owner_protocol import ChannelOwner
from stoppress.hub.follow_and_round_robin_order import (
    CLOSE_ORDER,
    RESET,
    Follow,
    RoundRobin,
)
from stoppress.hub.hello_and_reset import HelloAndReset
from stoppress.hub.pace_rounds_behind_proxy import LOOK_AGAIN_S, ProxyReadWindow
from stoppress.hub.publish_backpressure_and_round_pauses import WriteThrottle
from stoppress.hub.ring import Bytes, Ring
from stoppress.wire.close_codes import CloseCode
from stoppress.wire.wire_formats import WireFormat, framed

if TYPE_CHECKING:
    from stoppress.hub.channel import Channel

COPIED_BELOW_BYTES = 4096
"""A partly sent message with less than this left is copied, so that the transport
does not keep a shared block alive."""


class Delivery:
    """Serves the follows of one channel from its ring."""

    __slots__ = (
        "_backlog_cache",
        "_channel",
        "_is_held",
        "_notice",
        "_owner",
        "_proxy_read_window",
        "_ready",
        "_ring",
        "caught_up",
        "hello_and_reset",
        "write_throttle",
        "round_robin",
    )

    def __init__(self, channel: Channel, ring: Ring, owner: ChannelOwner) -> None:
        self._channel = channel
        self._ring = ring
        self._owner = owner
        self.round_robin = RoundRobin()
        self.write_throttle = WriteThrottle(ring, self.round_robin)
        self.hello_and_reset = HelloAndReset(channel.feed, owner)
        self.caught_up = Bell()
        """Rings when the backlog is so small that no editor needs to wait for it."""
        self._ready: deque[Follow] = deque()
        self._backlog_cache = BacklogCache(ring)
        self._notice: tuple[bytes, ...] | None = None
        self._proxy_read_window = ProxyReadWindow(self.round_robin)
        self._is_held = False
        """Whether a timer is to look again at the window."""

    # Work to deliver

    def begin_round(self, now: float) -> None:
        """Start or extend a round: the head moved, or follows have a new order."""
        self._backlog_cache.clear()
        self._notice = None
        self.write_throttle.event_added(now)
        self.round_robin.begin()
        if self.round_robin.size:
            self._owner.sweep.wake(self._channel)

    def send_notice(self, kind: str, payload: bytes) -> None:
        """Send a message that is no event (a beat, a count) to follows at the head."""
        self._notice = tuple(framed(wire, kind, payload) for wire in WireFormat)
        self.round_robin.begin()
        self._owner.sweep.wake(self._channel)

    def ready(self, follow: Follow) -> None:
        """Serve this follow out of turn: it joined, or its socket has room again."""
        self._ready.append(follow)
        self._owner.sweep.wake(self._channel)

    def drop_caches(self) -> None:
        """Free the cached backlogs; they are made again when needed."""
        self._backlog_cache.clear()

    def pause_after_fault(self, seconds: float) -> None:
        """Serve nothing for `seconds`, so that a lasting fault costs little."""
        self._ready.clear()
        self.write_throttle.paused = True
        self._owner.call_later(seconds, self._resume)

    # Serving

    def is_behind(self) -> bool:
        """Whether a follow is to be visited now."""
        if self._is_held:
            return False
        return bool(self._ready) or (
            self.round_robin.todo > 0 and not self.write_throttle.paused
        )

    def serve(self, allowance: int, deadline: float, clock: Callable[[], float]) -> int:
        """Visit follows until the allowance or the time is used up.

        Returns the number of visits.
        """
        ring, round_robin, ready = self._ring, self.round_robin, self._ready
        if (not ready and self._is_paused()) or self._holds():
            return 0
        channel = self._channel
        backlog_cache = self._backlog_cache.known
        head = ring.head
        visits = events = size = 0
        alone = False
        while visits < allowance:
            # Follows that catch up take at most every other visit of a round.
            alone = not alone
            if ready and (alone or round_robin.todo <= 0):
                follow = ready.popleft()
                if follow.channel is not channel:
                    continue
                notice = None
            else:
                found = round_robin.next()
                if found is None:
                    self._notice = None
                    break
                follow = found
                notice = self._notice
            visits += 1
            seq, reader = follow.seq, follow.reader
            if seq == head:
                if notice is not None and not reader.blocked:
                    reader.write(notice[reader.wire])
                continue
            if reader.blocked:
                if seq <= CLOSE_ORDER:
                    reader.end_follow(follow, CloseCode(-seq))
                continue
            tail = backlog_cache[reader.wire].get(seq) or self._tail(follow)
            if tail is None:
                continue
            write, data, length, after = tail
            if reader.fd < 0:
                whole = self._backlog_cache.joined(reader.wire, seq, tail)
                visits += reader.put(follow, whole, after)
                if follow.seq != after:  # a poll, which ends with its first event
                    continue
                sent = length
            else:
                try:
                    sent = write(reader.fd, data)
                except BlockingIOError:
                    sent = 0
                except OSError:
                    reader.write_failed()
                    continue
                if sent == length:
                    follow.seq = after
                    if after != head:
                        ready.append(follow)
                else:
                    self._sent_in_part(follow, tail, sent)
            size += sent
            if seq >= 0:
                events += follow.seq - seq
            if not visits & 15 or length > COPIED_BELOW_BYTES:
                if clock() > deadline:
                    break
        self.write_throttle.visited(visits)
        self._proxy_read_window.slice_ended()
        if events:
            metrics = self._owner.metrics
            metrics.deliveries.value += events
            metrics.delivered_bytes.value += size
        if self.caught_up.is_awaited and not channel.is_backlogged():
            self.caught_up.ring()
        return visits

    def _is_paused(self) -> bool:
        """Whether the round is paused; it may begin a pause, which `_resume` ends."""
        write_throttle, owner = self.write_throttle, self._owner
        if self.caught_up.is_awaited:
            write_throttle.resume(owner.now())
        elif not write_throttle.paused:
            pause_s = write_throttle.pause_s(owner.now())
            if pause_s > 0:
                write_throttle.paused = True
                owner.call_later(pause_s, self._resume)
        return write_throttle.paused

    def _holds(self) -> bool:
        """Whether the round waits for a proxy to read; then a timer goes on with it."""
        if (
            not self._is_held
            and self.write_throttle.events_are_close
            and self._proxy_read_window.is_full(self._owner.now())
        ):
            self._is_held = True
            self._owner.call_later(LOOK_AGAIN_S, self._look_again)
        return self._is_held

    def _look_again(self) -> None:
        self._is_held = False
        self._owner.sweep.wake(self._channel)

    def _resume(self) -> None:
        self.write_throttle.resume(self._owner.now())
        self._owner.sweep.wake(self._channel)

    def _tail(self, follow: Follow) -> Tail | None:
        """The bytes a follow needs next; None if it was ordered to end, and has."""
        seq, reader, ring = follow.seq, follow.reader, self._ring
        if seq == RESET:
            size = self.round_robin.size
            data = self.hello_and_reset.reset(reader.wire, ring.cursor, size)
            return self._backlog_cache.keep(reader.wire, seq, [data], ring.head)
        if seq <= CLOSE_ORDER:
            reader.end_follow(follow, CloseCode(-seq))
        elif not ring.holds_after(seq):
            reader.end_follow(follow, CloseCode.SLOW)
        else:
            return self._backlog_cache.after(reader.wire, seq)
        return None

    def _sent_in_part(self, follow: Follow, tail: Tail, sent: int) -> None:
        """Give the transport the rest of the message in progress, and no more."""
        reader = follow.reader
        if follow.seq == RESET:
            (reset,), at = parts_of(tail), tail[3]
            rest: Bytes = memoryview(reset)[sent:]
        else:
            rest, at = self._ring.rest(reader.wire, follow.seq, sent)
        follow.seq = at
        self._owner.metrics.stuck.add()
        reader.write(bytes(rest) if len(rest) < COPIED_BELOW_BYTES else rest)
        if not reader.blocked and at != self._ring.head:
            self._ready.append(follow)
