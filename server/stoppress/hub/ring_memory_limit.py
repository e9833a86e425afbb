"""The limit of the memory that all rings of a process take together.

Rule: above the limit the largest ring drops its oldest events, an eighth at a time:
a busy feed is trimmed before the quiet ones, and the search for it is rare.
"""

from __future__ import annotations

from stoppress.hub.hub_metrics import HubMetrics
from stoppress.hub.ring import Ring


class RingMemoryLimit:
    """Counts the bytes of all rings, and trims the largest above the limit."""

    def __init__(self, limit: int, metrics: HubMetrics) -> None:
        self._limit = limit
        self._metrics = metrics
        self._rings: dict[Ring, int] = {}
        self.used = 0

    def charge(self, ring: Ring) -> None:
        """Count `ring` at its current size; trim if the total is above the limit."""
        self._count(ring)
        while self.used > self._limit:
            largest = max(self._rings, key=lambda ring: ring.bytes)
            events = largest.trim(max(largest.bytes // 8, 1))
            if not events:
                return  # every ring is down to its newest event
            self._metrics.trimmed.add(events)
            self._count(largest)

    def release(self, ring: Ring) -> None:
        """Stop counting a ring."""
        self.used -= self._rings.pop(ring, 0)

    def _count(self, ring: Ring) -> None:
        self.used += ring.bytes - self._rings.get(ring, 0)
        self._rings[ring] = ring.bytes
