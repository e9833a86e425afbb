"""Keeps a round from running far ahead of a proxy on this machine.

nginx serves its connections in the order in which they became ready. If a round wrote
to all its readers at once, an editor's request, and then the answer to it, waited
behind them: one post a round, and each post cost the proxy a read, a TLS record and a
write per reader. A round that stays a few slices ahead lets posts in while it lasts,
and its later visits send several.

Rules:
- After each slice a few of the follows visited last are kept, for SLICES_AHEAD slices.
  While none of the oldest has been read, the round is held, MAX_HOLD_S at most. A proxy
  that does not read for so long is not waited for again within GIVE_UP_S: readers that
  are not behind it wait for it no longer.
- Only the sockets say what was read (`Reader.has_unread_bytes`): over TCP or TLS a
  round is never held. A client that has stopped reading stops the proxy's reading for
  it, so more than one follow is asked.
- No clock: the owner passes the time.
"""

from __future__ import annotations

from stoppress.hub.follow_and_round_robin_order import RoundRobin
from stoppress.hub.reader import Reader

SLICES_AHEAD = 2
"""Slices of which a proxy may have read nothing: 256 readers, 4 ms of its time."""
ASKED = 4
"""Follows of a slice that are asked."""
MAX_HOLD_S = 0.05
"""Longest time that a slice is waited for."""
GIVE_UP_S = 0.5
"""Time without a hold after one that was in vain."""
LOOK_AGAIN_S = 0.001
"""Time between two looks."""


class ProxyReadWindow:
    """The slices that a proxy may not have read yet."""

    __slots__ = ("_held_until", "_not_before", "_round_robin", "_slices")

    def __init__(self, round_robin: RoundRobin) -> None:
        self._round_robin = round_robin
        self._slices: list[list[Reader]] = []
        self._held_until = 0.0
        self._not_before = 0.0

    def slice_ended(self) -> None:
        """Keep some of the follows that were visited last; forget all after a round."""
        if self._round_robin.todo > 0:
            readers = [follow.reader for follow in self._round_robin.last(ASKED)]
            self._slices = [*self._slices, readers][-SLICES_AHEAD:]
        else:
            self._slices = []

    def is_full(self, now: float) -> bool:
        """Whether the next slice must wait, as of `now`."""
        slices = self._slices
        if len(slices) < SLICES_AHEAD or now < self._not_before:
            return False
        oldest = slices[0]
        if oldest and all(reader.has_unread_bytes() for reader in oldest):
            self._held_until = self._held_until or now + MAX_HOLD_S
            if now < self._held_until:
                return True
            self._not_before = now + GIVE_UP_S
        self._held_until = 0.0
        return False
