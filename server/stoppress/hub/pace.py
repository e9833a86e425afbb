"""How far posts and rounds run ahead of each other in one channel.

A visit costs about as much for one post as for ten. So in a burst readers are served
best when each finds some, and posts come in best when nobody is served meanwhile;
and no reader may be left too far behind.

Rules:
- While a round is further behind than AT_EASE_BYTES editors wait for it.
- A round that is overtaken by the next event is part of a burst: from then on each
  turn of the circle is followed by a rest, as long as the turn itself and no longer
  than LONGEST_REST_S, unless an editor waits. Where rounds end before the next event
  comes nobody ever rests. It is for workers that have no post to write: they went round
  all the faster, with less for each reader, and took the core from the one that has.
- No clock: the owner says what time it is.
"""

from __future__ import annotations

from stoppress.hub.follow import RoundRobin
from stoppress.hub.ring import Ring

AT_EASE_BYTES = 20 << 10
"""What a round may be behind before editors wait for it (as the ring weighs them:
a dozen posts of 300 bytes)."""
LONGEST_REST_S = 0.03
"""About what a round of 2,500 readers takes beside another worker's."""


class Pace:
    """What is known of one channel's burst."""

    __slots__ = ("_round_robin", "_granted", "_ring", "_since", "in_burst", "resting")

    def __init__(self, ring: Ring, round_robin: RoundRobin) -> None:
        self._ring = ring
        self._round_robin = round_robin
        self._since = 0.0
        """When this turn of the circle began."""
        self._granted = 0
        """Visits before the circle may rest."""
        self.in_burst = False
        """Whether events come faster than rounds end."""
        self.resting = False
        """Whether the round waits for `rested`."""

    def is_pressed(self) -> bool:
        """Whether who is next in the round lacks so much that editors should wait."""
        seq, ring = self._round_robin.next_seq(), self._ring
        if seq is None:
            return False
        held = ring.head - ring.first + 1
        return (ring.head - seq) * ring.bytes > AT_EASE_BYTES * held

    def came(self, now: float) -> None:
        """An event is here, and its round not yet begun."""
        todo = self._round_robin.todo
        if todo <= 0:
            self._since = now
        elif not self.in_burst:
            self.in_burst = True
            self._granted = todo  # who lacks the one before does not wait

    def went(self, visits: int) -> None:
        """So many follows were visited."""
        self._granted -= visits
        if self._round_robin.todo <= 0:
            self.in_burst = False

    def rest_s(self, now: float) -> float:
        """How long the round should rest now; 0: not at all."""
        if not self.in_burst or self._granted > 0:
            return 0.0
        return min(LONGEST_REST_S, now - self._since)

    def rested(self, now: float) -> None:
        """The round goes on, once around."""
        self.resting = False
        self._granted = self._round_robin.size
        self._since = now
