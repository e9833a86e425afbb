"""What follows on a cursor, remembered until the head moves.

Rule: readers at one seq get the same bytes, found once. Few are remembered, for
each may hold on to a joined block that the ring would let go.
"""

from __future__ import annotations

from stoppress.hub.ring import Bytes, Ring
from stoppress.hub.wires import Wire

MAX_TAILS = 64
"""Cursors remembered a wire."""

Tail = tuple[Bytes, int, int]
"""Bytes, how many they are, and the seq after them."""


class Tails:
    """The missing bytes of each cursor that was asked for, by wire."""

    __slots__ = ("_ring", "known")

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self.known: tuple[dict[int, Tail], ...] = tuple({} for _ in Wire)

    def after(self, wire: Wire, seq: int) -> Tail:
        """What follows on `seq`, up to the end of a block."""
        data, after = self._ring.tail(wire, seq)
        return self.keep(wire, seq, data, after)

    def keep(self, wire: Wire, seq: int, data: Bytes, after: int) -> Tail:
        """Remember what whoever stands at `seq` is to get."""
        known = self.known[wire]
        if len(known) >= MAX_TAILS:
            known.clear()
        tail = known[seq] = data, len(data), after
        return tail

    def clear(self) -> None:
        """The head moved: everyone lacks something else."""
        for known in self.known:
            known.clear()
