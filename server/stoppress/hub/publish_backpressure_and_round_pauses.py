"""Decides when editors wait for a channel's readers, and when its rounds pause.

A visit costs about as much for one post as for ten. So in a burst the throughput is
best if each visit finds several posts and writing posts is not interrupted by visits;
and no reader may fall too far behind.

Rules:
- While a round is further behind than MAX_BACKLOG_BYTES, editors wait for it.
- If an event arrives before the round of the previous event has ended, a burst begins:
  from then on each turn of the circle is followed by a pause, as long as the turn and
  MAX_PAUSE_S at most, unless an editor waits. If rounds end before the next event,
  there is no pause. Without pauses, a worker with nothing to write sweeps faster,
  sends less per visit and takes the core from the worker that writes.
- No clock: the owner passes the time.
"""

from __future__ import annotations

from stoppress.hub.follow_and_round_robin_order import RoundRobin
from stoppress.hub.ring import Ring

MAX_BACKLOG_BYTES = 20 << 10
"""Backlog of a round above which editors wait for it (in the ring's weights: a dozen
posts of 300 bytes)."""
MAX_PAUSE_S = 0.03
"""Longest pause: about a round of 2,500 readers beside another worker's."""

CLOSE_EVENTS_S = 0.25
"""Time between two events below which a round stays close to a proxy's reading."""


class WriteThrottle:
    """The burst and backlog state of one channel."""

    __slots__ = (
        "_round_robin",
        "_last_event",
        "_visits_left",
        "events_are_close",
        "_ring",
        "_since",
        "in_burst",
        "paused",
    )

    def __init__(self, ring: Ring, round_robin: RoundRobin) -> None:
        self._ring = ring
        self._round_robin = round_robin
        self._since = 0.0
        """When this turn of the circle began."""
        self._visits_left = 0
        """Visits before the round may pause."""
        self.in_burst = False
        """Whether events arrive faster than rounds end."""
        self._last_event = -CLOSE_EVENTS_S
        self.events_are_close = False
        """Whether the last event came less than CLOSE_EVENTS_S after the one before."""
        self.paused = False
        """Whether the round is paused until `resume`."""

    def is_backlogged(self) -> bool:
        """Whether the round's next follow is so far behind that editors should wait."""
        seq, ring = self._round_robin.next_seq(), self._ring
        if seq is None:
            return False
        held = ring.head - ring.first + 1
        return (ring.head - seq) * ring.bytes > MAX_BACKLOG_BYTES * held

    def event_added(self, now: float) -> None:
        """Note an event, before its round begins."""
        self.events_are_close = now - self._last_event < CLOSE_EVENTS_S
        self._last_event = now
        todo = self._round_robin.todo
        if todo <= 0:
            self._since = now
        elif not self.in_burst:
            self.in_burst = True
            self._visits_left = (
                todo  # follows that lack the previous event are not delayed
            )

    def visited(self, visits: int) -> None:
        """Note that `visits` follows were visited."""
        self._visits_left -= visits
        if self._round_robin.todo <= 0:
            self.in_burst = False

    def pause_s(self, now: float) -> float:
        """Seconds that the round should pause now; 0 for no pause."""
        if not self.in_burst or self._visits_left > 0:
            return 0.0
        return min(MAX_PAUSE_S, now - self._since)

    def resume(self, now: float) -> None:
        """End the pause: the round continues."""
        self.paused = False
        self._visits_left = self._round_robin.size
        self._since = now
