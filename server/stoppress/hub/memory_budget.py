"""How much memory all rings of a process may take together.

Rule: when they take more, the largest ring lets its oldest events go, an eighth
at a time, so that a busy feed pays before the quiet ones, and finding it is rare.
"""

from __future__ import annotations

from stoppress.hub.hub_metrics import HubMetrics
from stoppress.hub.ring import Ring


class MemoryBudget:
    """Bytes shared by all rings."""

    def __init__(self, limit: int, metrics: HubMetrics) -> None:
        self._limit = limit
        self._metrics = metrics
        self._rings: dict[Ring, int] = {}
        self.used = 0

    def charge(self, ring: Ring) -> None:
        """Count `ring` as it is now; make room if that is too much."""
        self._count(ring)
        while self.used > self._limit:
            largest = max(self._rings, key=lambda ring: ring.bytes)
            events = largest.trim(max(largest.bytes // 8, 1))
            if not events:
                return  # every ring is down to its newest event
            self._metrics.trimmed.add(events)
            self._count(largest)

    def release(self, ring: Ring) -> None:
        """The ring is gone."""
        self.used -= self._rings.pop(ring, 0)

    def _count(self, ring: Ring) -> None:
        self.used += ring.bytes - self._rings.get(ring, 0)
        self._rings[ring] = ring.bytes
