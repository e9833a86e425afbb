"""The bytes that follow each cursor, cached until the head moves.

Rule: readers at the same seq get the same bytes, computed once. The cache is small:
each entry may keep a joined block alive that the ring would free.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from stoppress.hub.ring import Bytes, Parts, Ring
from stoppress.wire.wire_formats import WireFormat

MAX_TAILS = 64
"""Cached cursors per wire format."""

MAX_JOINED = 16
"""Cached tails that were joined: 1 MiB."""

Tail = tuple[Callable[[int, Any], int], Any, int, int]
"""The call that writes the bytes to a socket, its argument (one part for `os.write`,
else all for `os.writev`, which costs 0.3 µs more), the number of bytes, and the seq
after them."""


class BacklogCache:
    """The bytes after each requested cursor, by wire format."""

    __slots__ = ("_joined", "_ring", "known")

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._joined: dict[tuple[WireFormat, int], bytes] = {}
        self.known: tuple[dict[int, Tail], ...] = tuple({} for _ in WireFormat)

    def after(self, wire: WireFormat, seq: int) -> Tail:
        """The bytes after `seq`, as many as one visit writes."""
        parts, after = self._ring.tail(wire, seq)
        return self.keep(wire, seq, parts, after)

    def keep(self, wire: WireFormat, seq: int, parts: Parts, after: int) -> Tail:
        """Cache `parts` as the bytes for every follow at `seq`."""
        known = self.known[wire]
        if len(known) >= MAX_TAILS:
            known.clear()
        size = sum(map(len, parts))
        tail: Tail = os.writev, parts, size, after
        if len(parts) == 1:
            tail = os.write, parts[0], size, after
        known[seq] = tail
        return tail

    def joined(self, wire: WireFormat, seq: int, tail: Tail) -> Bytes:
        """The bytes of a tail in one piece, for readers that the transport writes to.

        Joined once: TLS makes records of 16 KiB whatever the parts are.
        """
        write, data, _, _ = tail
        if write is os.write:
            one: Bytes = data
            return one
        joined = self._joined.get((wire, seq))
        if joined is None:
            if len(self._joined) >= MAX_JOINED:
                self._joined.clear()
            joined = self._joined[wire, seq] = b"".join(data)
        return joined

    def clear(self) -> None:
        """Drop every entry: the head moved, so the bytes have changed."""
        self._joined.clear()
        for known in self.known:
            known.clear()


def parts_of(tail: Tail) -> Parts:
    """The parts of a tail, for either write call."""
    write, data, _, _ = tail
    return [data] if write is os.write else data
