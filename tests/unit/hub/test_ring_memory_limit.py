"""How much memory all rings of a process may take together."""

from __future__ import annotations

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import Event, EventType, Subject
from stoppress.hub.hub_metrics import HubMetrics
from stoppress.hub.ring import Ring
from stoppress.hub.ring_memory_limit import RingMemoryLimit
from tests.scripted_upstream import post_body
from tests.tally import Tally


class Trims(HubMetrics):
    """Counts what rings let go."""

    def __init__(self) -> None:
        self.tally = Tally()
        super().__init__(self.tally)

    @property
    def events(self) -> int:
        """Events that left a ring."""
        return self.tally.sum("stoppress_trimmed_events")


def filled(count: int, size: int) -> Ring:
    """A ring of so many events of about that size."""
    ring = Ring("x", "http://h", max_events=4096, max_bytes=8 << 20)
    events = [
        Event(
            seq,
            EventType.PUBLISHED,
            0,
            Subject.post(f"p{seq}"),
            post_body(f"p{seq}", "n" * size),
        )
        for seq in range(1, count + 1)
    ]
    ring.restart(Cursor("e", count), events)
    return ring


def test_within_the_limit_nothing_leaves() -> None:
    """The use of all is counted, each once however often it is charged."""
    trims, ring = Trims(), filled(10, 100)
    budget = RingMemoryLimit(ring.bytes, trims)
    budget.charge(ring)
    budget.charge(ring)
    assert (budget.used, ring.first, trims.events) == (ring.bytes, 1, 0)


def test_the_largest_ring_is_trimmed_first() -> None:
    """Whichever ring grew: a quiet feed keeps its window."""
    trims, busy, quiet = Trims(), filled(100, 1000), filled(10, 1000)
    budget = RingMemoryLimit(busy.bytes + quiet.bytes - 1, trims)
    budget.charge(busy)
    budget.charge(quiet)
    assert quiet.first == 1 and busy.first > 1
    assert trims.events == busy.first - 1
    assert busy.bytes < filled(100, 1000).bytes * 7 / 8 + 2000


def test_the_newest_event_of_each_stays_whatever_the_limit() -> None:
    """It gives up there, rather than try for ever."""
    one, two = filled(5, 1000), filled(5, 1000)
    budget = RingMemoryLimit(1, HubMetrics())
    budget.charge(one)
    budget.charge(two)
    assert (one.first, two.first) == (5, 5)
    assert budget.used == one.bytes + two.bytes


def test_a_removed_ring_uses_no_memory() -> None:
    """Removing one that was never charged changes nothing."""
    ring = filled(3, 10)
    budget = RingMemoryLimit(1 << 20, HubMetrics())
    budget.charge(ring)
    budget.release(ring)
    budget.release(filled(1, 1))
    assert budget.used == 0
