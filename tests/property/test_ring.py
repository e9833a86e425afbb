"""The ring against a list of events: what follows on any cursor, on any wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import Event, EventType, Subject
from stoppress.hub.hub_metrics import HubMetrics
from stoppress.hub.ring import BLOCK_BYTES, MAX_PARTS, VISIT_BYTES, Ring
from stoppress.hub.ring_memory_limit import RingMemoryLimit
from stoppress.wire.wire_formats import WireFormat, framed
from tests.scripted_upstream import T0, feed_body, post_body

FEED, BASE, EPOCH = "x", "http://h", "k3v9"


class RingAgainstList(RuleBasedStateMachine):
    """A ring, and beside it all events that ever were."""

    def __init__(self) -> None:
        super().__init__()
        self.encoded = 0
        self.ring = Ring(
            FEED, BASE, max_events=40, max_bytes=300_000, encoded=self._count
        )
        self.ring.restart(Cursor(EPOCH, 0), ())
        self.events: list[Event] = []

    def _count(self) -> None:
        self.encoded += 1

    def _add(self, kind: EventType, post: str, body: bytes) -> None:
        seq = len(self.events) + 1
        subject = Subject.post(post) if post else Subject.feed(FEED)
        event = Event(seq, kind, T0 + seq, subject, body)
        self.events.append(event)
        self.ring.append(event)

    @rule(post=st.integers(0, 3), size=st.sampled_from([1, 300, 2_000, 9_000, 70_000]))
    def publish(self, post: int, size: int) -> None:
        name = f"p{post}"
        self._add(EventType.PUBLISHED, name, post_body(name, "n" * size))

    @rule(post=st.integers(0, 3))
    def withdraw(self, post: int) -> None:
        name = f"p{post}"
        self.events = [
            event._replace(type=EventType.WITHDRAWN, body=b"")
            if event.subject == Subject.post(name)
            else event
            for event in self.events
        ]
        self._add(EventType.WITHDRAWN, name, b"")

    @rule()
    def change(self) -> None:
        self._add(EventType.FEED, "", feed_body(FEED))

    @rule(size=st.integers(1, 100_000))
    def trim(self, size: int) -> None:
        self.ring.trim(size)

    @rule()
    def drop_caches(self) -> None:
        self.ring.drop_caches()

    def _expected(self, wire: WireFormat, after: int, upto: int) -> bytes:
        from stoppress.wire import encode_messages

        return b"".join(
            framed(
                wire,
                event.type.name,
                encode_messages.event(FEED, EPOCH, event, BASE),
                f"{EPOCH}-{event.seq}",
            )
            for event in self.events[after:upto]
        )

    @precondition(lambda self: self.ring.first <= self.ring.head)
    @rule(data=st.data(), wire=st.sampled_from(list(WireFormat)))
    def read(self, data: st.DataObject, wire: WireFormat) -> None:
        """Reading on and on from any cursor gives every event once, in order."""
        ring = self.ring
        seq = data.draw(st.integers(ring.first - 1, ring.head))
        got, start = b"", seq
        while seq != ring.head:
            parts, after = ring.tail(wire, seq)
            assert after > seq
            assert 0 < len(parts) <= MAX_PARTS and all(parts)
            assert sum(map(len, parts)) <= VISIT_BYTES or after == seq + 1
            got += b"".join(parts)
            seq = after
        assert got == self._expected(wire, start, ring.head)

    @rule()
    def read_all(self) -> None:
        """Fill every cache, and find in none what is gone."""
        for wire in (WireFormat.WEBSOCKET, WireFormat.CHUNKS):
            seq, got = self.ring.first - 1, b""
            start = seq
            while seq != self.ring.head:
                parts, seq = self.ring.tail(wire, seq)
                got += b"".join(parts)
            assert got == self._expected(wire, start, self.ring.head)

    @precondition(lambda self: self.ring.first <= self.ring.head)
    @rule(data=st.data(), wire=st.sampled_from(list(WireFormat)))
    def break_off(self, data: st.DataObject, wire: WireFormat) -> None:
        """What was sent and the rest of its message are whole messages."""
        ring = self.ring
        seq = data.draw(st.integers(ring.first - 1, ring.head - 1))
        parts, after = ring.tail(wire, seq)
        tail = b"".join(parts)
        sent = data.draw(st.integers(0, len(tail) - 1))
        rest, at = ring.rest(wire, seq, sent)
        assert seq < at <= after
        assert len(rest) > 0
        assert tail[:sent] + bytes(rest) == self._expected(wire, seq, at)

    @rule(limit=st.integers(1, 50), data=st.data())
    def page(self, limit: int, data: st.DataObject) -> None:
        ring = self.ring
        seq = data.draw(st.integers(ring.first - 1, ring.head))
        found = [json.loads(message) for message in ring.messages(seq, limit)]
        assert [m["cursor"] for m in found] == [
            f"{EPOCH}-{n}" for n in range(seq + 1, min(seq + limit, ring.head) + 1)
        ]

    @invariant()
    def bounded(self) -> None:
        ring = self.ring
        assert ring.head == len(self.events)
        assert ring.head - ring.first + 1 <= 40
        assert ring.bytes <= 300_000 or ring.first == ring.head
        assert ring.holds_after(ring.head)
        assert not ring.holds_after(ring.head + 1)
        assert not ring.holds_after(ring.first - 2)


RingAgainstList.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestRing = RingAgainstList.TestCase


def _events(sizes: list[int]) -> Iterator[Event]:
    for seq, size in enumerate(sizes, 1):
        body = post_body(f"p{seq}", "n" * size)
        yield Event(seq, EventType.PUBLISHED, T0, Subject.post(f"p{seq}"), body)


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(1, 5_000)), min_size=1, max_size=80
    )
)
def test_all_rings_stay_within_their_shared_budget(plan: list[tuple[int, int]]) -> None:
    """They exceed it only when each is down to its newest event."""
    budget = RingMemoryLimit(40_000, HubMetrics())
    rings = [Ring(f"f{n}", BASE, max_events=50, max_bytes=30_000) for n in range(5)]
    for ring in rings:
        ring.restart(Cursor(EPOCH, 0), ())
    for which, size in plan:
        ring = rings[which]
        body = post_body("p", "n" * size)
        ring.append(
            Event(ring.head + 1, EventType.PUBLISHED, T0, Subject.post("p"), body)
        )
        budget.charge(ring)
        assert budget.used == sum(ring.bytes for ring in rings)
        assert budget.used <= 40_000 or all(ring.first >= ring.head for ring in rings)
    for ring in rings:
        budget.release(ring)
    assert budget.used == 0


def test_each_event_is_encoded_once_for_all_encodings() -> None:
    """Whatever the number of cursors, readers and encodings."""
    encoded: list[int] = []
    ring = Ring(
        FEED,
        BASE,
        max_events=4096,
        max_bytes=8 << 20,
        encoded=lambda: encoded.append(1),
    )
    events = tuple(_events([300] * 1000))
    ring.restart(Cursor(EPOCH, 1000), events)
    assert encoded == []  # opening a feed encodes nothing yet
    for wire in WireFormat:
        for seq in range(0, 1000, 7):
            ring.tail(wire, seq)
    ring.messages(0, 1000)
    assert len(encoded) == 1000


def _whole(part: bytes | memoryview) -> int:
    """Which bytes a part is a view into."""
    return id(part.obj if isinstance(part, memoryview) else part)


def test_cursors_share_the_bytes_of_each_block() -> None:
    """A thousand cursors make no thousand joined copies."""
    ring = Ring(FEED, BASE, max_events=4096, max_bytes=8 << 20)
    ring.restart(Cursor(EPOCH, 1000), tuple(_events([300] * 1000)))
    backlog_cache = [ring.tail(WireFormat.WEBSOCKET, seq)[0] for seq in range(999)]
    copies = {_whole(part) for parts in backlog_cache for part in parts}
    assert len(copies) < 1000 / 8


def test_a_visit_sends_as_many_blocks_as_fit() -> None:
    """A reader slightly behind reaches the head in one visit."""
    ring = Ring(FEED, BASE, max_events=4096, max_bytes=8 << 20)
    ring.restart(Cursor(EPOCH, 200), tuple(_events([300] * 200)))
    size = len(framed(WireFormat.WEBSOCKET, "post.published", ring.messages(0, 1)[0]))
    for seq in range(200):
        parts, after = ring.tail(WireFormat.WEBSOCKET, seq)
        if (200 - seq) * (size + 20) < VISIT_BYTES:
            assert after == 200
        else:
            assert VISIT_BYTES - BLOCK_BYTES < sum(map(len, parts))


def test_parts_stay_within_the_kernels_limit() -> None:
    """However small they are on a compressed connection."""
    ring = Ring(FEED, BASE, max_events=4096, max_bytes=64 << 20)
    ring.restart(Cursor(EPOCH, 100), tuple(_events([40_000] * 100)))
    parts, after = ring.tail(WireFormat.DEFLATED, 0)
    assert len(parts) == MAX_PARTS == after
    assert sum(map(len, parts)) < VISIT_BYTES


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_the_rest_of_a_cut_tail_stays_available(chance: Random) -> None:
    """Also if the joined bytes it came from were evicted."""
    ring = Ring(FEED, BASE, max_events=64, max_bytes=8 << 20, encoded=lambda: None)
    ring.restart(Cursor(EPOCH, 0), ())
    for seq in range(1, 61):
        size = chance.choice((10, 500, 3000, 9000, 25_000))
        body = post_body(f"p{seq}", "n" * size)
        ring.append(
            Event(seq, EventType.PUBLISHED, T0 + seq, Subject.post(f"p{seq}"), body)
        )
    wires = (WireFormat.WEBSOCKET, WireFormat.CHUNKS, WireFormat.DEFLATED)
    backlog_cache = {
        (wire, seq): ring.tail(wire, seq) for wire in wires for seq in range(60)
    }
    for _ in range(200):
        wire, seq = chance.choice(list(backlog_cache))
        parts, after = backlog_cache[wire, seq]
        data = b"".join(parts)
        sent = chance.randrange(len(data))
        rest, at = ring.rest(wire, seq, sent)
        assert data[sent : sent + len(rest)] == bytes(rest)
        assert seq < at <= after
