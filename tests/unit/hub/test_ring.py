"""The window of one log in memory; `tests/property/test_ring.py` has its laws."""

from __future__ import annotations

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import Event, EventType, Subject
from stoppress.hub.ring import MAX_JOINED_BLOCKS, Ring
from stoppress.wire.wire_formats import WireFormat
from tests.scripted_upstream import post_body


def event(seq: int, size: int = 10, kind: EventType = EventType.PUBLISHED) -> Event:
    """The event of a post of its own."""
    name = f"p{seq}"
    body = b"" if kind is EventType.WITHDRAWN else post_body(name, "n" * size)
    return Event(seq, kind, 0, Subject.post(name), body)


def ring_of(count: int, size: int = 10, max_events: int = 4096) -> Ring:
    """A ring of so many events."""
    ring = Ring("x", "http://h", max_events=max_events, max_bytes=64 << 20)
    ring.restart(Cursor("e", count), [event(seq, size) for seq in range(1, count + 1)])
    return ring


def test_an_event_that_does_not_follow_is_a_fault() -> None:
    """A hole in the ring would be a hole for every reader."""
    ring = ring_of(3)
    for seq in (3, 5):
        with pytest.raises(ValueError, match=f"event {seq} does not follow 3"):
            ring.append(event(seq))
    assert ring.cursor == Cursor("e", 3)


def test_the_oldest_leave_by_number() -> None:
    """And who stands before them can't be continued."""
    ring = ring_of(10, max_events=4)
    assert (ring.first, ring.head) == (7, 10)
    assert ring.holds_after(6) and not ring.holds_after(5)


def test_a_withdrawn_post_leaves_nothing_of_its_text() -> None:
    """Neither in what was encoded, nor in what was joined."""
    ring = ring_of(3, size=100)
    for wire in (WireFormat.LINES, WireFormat.WEBSOCKET):
        assert b"nnnn" in b"".join(ring.tail(wire, 0)[0])
    ring.append(Event(4, EventType.WITHDRAWN, 0, Subject.post("p2"), b""))
    first, second, third, fourth = ring.messages(0, 10)
    assert b"nnnn" in first and b"nnnn" in third
    assert b'"type":"post.withdrawn"' in second and b'"cursor":"e-2"' in second
    assert b"nnnn" not in second + fourth


def test_a_ring_begins_anew_in_another_epoch() -> None:
    """With nothing of the one before."""
    ring = ring_of(5)
    ring.tail(WireFormat.LINES, 0)
    ring.restart(Cursor("f", 1), [event(1)])
    assert (str(ring.cursor), ring.first) == ("f-1", 1)
    assert b"f-1" in b"".join(ring.tail(WireFormat.LINES, 0)[0])
    ring.restart(Cursor("g", 7), [])
    assert ring.first == 8 and ring.bytes == 0 and ring.holds_after(7)


def test_few_joined_blocks_are_kept() -> None:
    """Who reads all of a long log makes nobody's memory grow."""
    ring = ring_of(2 * MAX_JOINED_BLOCKS, size=40_000)
    seq = 0
    while seq != ring.head:
        _, seq = ring.tail(WireFormat.LINES, seq)
    made = [block for block in ring._blocks if block.encoded]
    assert len(made) == MAX_JOINED_BLOCKS + 1  # and the newest, which everyone needs
    ring.drop_caches()
    assert not any(block.encoded for block in ring._blocks)
    assert b"e-1" in b"".join(ring.tail(WireFormat.LINES, 0)[0])


def test_trimming_leaves_the_newest() -> None:
    """However much is asked for; it says how many events went."""
    ring = ring_of(10, size=1000)
    weight = ring.bytes // 10
    assert ring.trim(weight + 1) == 2
    assert ring.trim(1 << 30) == 7
    assert (ring.first, ring.head) == (10, 10)
