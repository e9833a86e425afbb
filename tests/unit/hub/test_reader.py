"""What all kinds of readers share: their follows, and what they are told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stoppress.hub.feed_status_and_access import ANYONE
from stoppress.hub.follow_and_round_robin_order import Follow
from stoppress.hub.hub_metrics import HubMetrics
from stoppress.hub.reader import MAX_FOLLOWS, Reader
from stoppress.hub.ring import Bytes
from stoppress.wire.close_codes import CloseCode
from stoppress.wire.wire_formats import WireFormat
from tests.tally import Tally
from tests.unit.hub.benches import Bench, ChannelHarness, join


class Closed(HubMetrics):
    """Notes with what codes lines end."""

    def __init__(self) -> None:
        self.tally = Tally()
        super().__init__(self.tally)

    @property
    def codes(self) -> list[int]:
        """The codes, in their order."""
        return [int(one.label) for one in self.tally.of("stoppress_closed")]


class Listener(Reader):
    """Keeps what it is told, a message a line."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench, WireFormat.LINES, ANYONE)
        self.said: list[bytes] = []
        self.ended: list[CloseCode] = []

    def write(self, data: Bytes) -> None:
        self.said.append(bytes(data))

    def _end(self, code: CloseCode) -> None:
        self.ended.append(code)


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.metrics = Closed()
    return bench


@pytest.fixture
def reader(bench: Bench) -> Iterator[Listener]:
    yield Listener(bench)


def feeds(reader: Reader) -> list[str]:
    return [follow.feed for follow in reader.follows()]


def test_a_feed_is_followed_once(reader: Listener) -> None:
    """Who follows it again seeks: the former follow is no more."""
    first = reader.add_follow("x")
    assert first is not None and reader.holds(first)
    reader.add_follow("y")
    again = reader.add_follow("x")
    assert sorted(feeds(reader)) == ["x", "y"]
    assert again is not None and reader.holds(again) and not reader.holds(first)


def test_the_feeds_of_a_reader_are_bounded(reader: Listener) -> None:
    """But one of those may be followed anew."""
    for number in range(MAX_FOLLOWS):
        assert reader.add_follow(f"f{number}") is not None
    assert reader.add_follow("another") is None
    assert reader.add_follow("f7") is not None
    reader.unfollow("f3")
    reader.unfollow("f3")
    assert len(feeds(reader)) == MAX_FOLLOWS - 1


def test_a_line_ends_once(reader: Listener, bench: Bench) -> None:
    """With the first code that is said; then it follows nothing and says nothing."""
    reader.add_follow("x")
    reader.close(CloseCode.SLOW)
    reader.close(CloseCode.BYE)
    reader.bye(100)
    assert reader.ended == [CloseCode.SLOW] == [reader.closing]
    assert feeds(reader) == [] and reader.said == []
    assert isinstance(bench.metrics, Closed) and bench.metrics.codes == [4001]


def test_a_goodbye_says_when_to_come_back(reader: Listener) -> None:
    reader.bye(1234)
    assert reader.said == [b'{"type":"bye","retry_ms":1234}\n']
    assert reader.ended == [CloseCode.BYE]


def test_a_feed_that_ends_ends_the_line_if_it_was_the_last(reader: Listener) -> None:
    """Else it is an error about that feed, and the others go on."""
    first, second = reader.add_follow("x"), reader.add_follow("y")
    assert first is not None and second is not None
    reader.end_follow(first, CloseCode.ENDED)
    assert feeds(reader) == ["y"] and not reader.closing
    said = b'"feed":"x","code":4410,"detail":"the feed has ended"'
    assert said in reader.said[-1]
    assert b'"request_id":"r-4410"' in reader.said[-1]
    reader.end_follow(second, CloseCode.ENDED)
    assert reader.ended == [CloseCode.ENDED]


def test_a_reader_too_slow_in_one_feed_is_closed(reader: Listener) -> None:
    """All feeds share one socket."""
    first = reader.add_follow("x")
    reader.add_follow("y")
    assert first is not None
    reader.end_follow(first, CloseCode.SLOW)
    assert reader.ended == [CloseCode.SLOW] and feeds(reader) == []


def test_a_drained_reader_is_served_again(harness: ChannelHarness) -> None:
    """In every feed where something came meanwhile."""
    channel = harness.channel()
    reader = Listener(harness.bench)
    reader.blocked = True
    follow = join(reader, channel)
    harness.bench.turn()
    harness.upstream.publish("x")
    harness.bench.turn()
    seq = follow.seq
    seen: list[Follow] = []
    channel.ready = seen.append  # type: ignore[method-assign, assignment]
    reader.drained()
    assert not reader.blocked and seen == [follow] and seq != channel.ring.head
    follow.seq = channel.ring.head
    reader.drained()
    assert seen == [follow]
    reader.leave_all()


def test_writing_is_left_to_the_kinds_of_readers(bench: Bench) -> None:
    """What all share does not."""
    bare = Reader(bench, WireFormat.LINES, ANYONE)
    follow = Follow(bare, "x")
    for call in (
        lambda: bare.write(b"x"),
        lambda: bare.put(follow, b"x", 1),
        bare.write_failed,
        lambda: bare.close(CloseCode.BYE),
    ):
        with pytest.raises(NotImplementedError):
            call()
