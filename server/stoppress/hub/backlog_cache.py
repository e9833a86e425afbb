"""What follows on a cursor, remembered until the head moves.

Rule: readers at one seq get the same bytes, found once. Few are remembered, for
each may hold on to a joined block that the ring would let go.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from stoppress.hub.ring import Parts, Ring
from stoppress.wire.wire_formats import WireFormat

MAX_TAILS = 64
"""Cursors remembered a wire."""

Tail = tuple[Callable[[int, Any], int], Any, int, int]
"""How the bytes are written to a socket, what that call takes (one part for
`os.write`, else all for `os.writev`, which costs 0.3 µs more), how many bytes they
are, and the seq after them."""


class BacklogCache:
    """The missing bytes of each cursor that was asked for, by wire."""

    __slots__ = ("_ring", "known")

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self.known: tuple[dict[int, Tail], ...] = tuple({} for _ in WireFormat)

    def after(self, wire: WireFormat, seq: int) -> Tail:
        """What follows on `seq`, as much as a visit takes."""
        parts, after = self._ring.tail(wire, seq)
        return self.keep(wire, seq, parts, after)

    def keep(self, wire: WireFormat, seq: int, parts: Parts, after: int) -> Tail:
        """Remember what whoever stands at `seq` is to get."""
        known = self.known[wire]
        if len(known) >= MAX_TAILS:
            known.clear()
        size = sum(map(len, parts))
        tail: Tail = os.writev, parts, size, after
        if len(parts) == 1:
            tail = os.write, parts[0], size, after
        known[seq] = tail
        return tail

    def clear(self) -> None:
        """The head moved: everyone lacks something else."""
        for known in self.known:
            known.clear()


def parts_of(tail: Tail) -> Parts:
    """The parts, however they are written."""
    write, data, _, _ = tail
    return [data] if write is os.write else data
