"""What follows on a cursor, found once for all who stand there."""

from __future__ import annotations

import os

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import Event, EventType, Subject
from stoppress.hub import bytes_after_cursor_cache
from stoppress.hub.ring import Ring
from stoppress.wire.wire_formats import WireFormat
from tests.scripted_upstream import post_body

CACHE = next(
    kind
    for kind in vars(bytes_after_cursor_cache).values()
    if isinstance(kind, type) and kind.__module__ == bytes_after_cursor_cache.__name__
)


@pytest.fixture
def ring() -> Ring:
    """A ring of 100 events of some 2 KB: several blocks."""
    ring = Ring("x", "http://h", max_events=4096, max_bytes=8 << 20)
    events = [
        Event(
            seq,
            EventType.PUBLISHED,
            0,
            Subject.post(f"p{seq}"),
            post_body(f"p{seq}", "n" * 2000),
        )
        for seq in range(1, 101)
    ]
    ring.restart(Cursor("e", 100), events)
    return ring


def test_one_part_is_written_plainly_and_several_are_gathered(ring: Ring) -> None:
    """The plain call is faster; either way the bytes are those of the ring."""
    cache = CACHE(ring)
    write, data, size, after = cache.after(WireFormat.LINES, 99)
    assert (write, after, size) == (os.write, 100, len(data))
    assert data == ring.messages(99, 1)[0] + b"\n"
    gathered = cache.after(WireFormat.LINES, 10)
    assert gathered[0] is os.writev and len(gathered[1]) > 1
    for tail in (cache.after(WireFormat.LINES, 99), gathered):
        assert sum(map(len, bytes_after_cursor_cache.parts_of(tail))) == tail[2]


def test_a_backlog_is_cached_until_the_head_moves(ring: Ring) -> None:
    """For each encoding separately."""
    cache = CACHE(ring)
    tail = cache.after(WireFormat.LINES, 99)
    assert cache.known[WireFormat.LINES][99] is tail
    assert 99 not in cache.known[WireFormat.WEBSOCKET]
    cache.clear()
    assert not any(cache.known)


def test_few_backlogs_are_cached(ring: Ring) -> None:
    """Each may hold a block that the ring would release."""
    cache = CACHE(ring)
    for seq in range(bytes_after_cursor_cache.MAX_TAILS + 5):
        cache.after(WireFormat.LINES, seq)
    assert len(cache.known[WireFormat.LINES]) == 5
