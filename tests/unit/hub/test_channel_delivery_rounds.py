"""How follows are served: which one when, and with what bytes."""

from __future__ import annotations

from stoppress.domain.cursor import Cursor
from stoppress.hub.delivery_scheduler import SLICE_VISITS
from stoppress.wire.close_codes import CloseCode
from tests.unit.hub.benches import Room, SocketPair


def _types(reader: SocketPair) -> list[str]:
    reader.read()
    return [message["type"] for message in reader.messages()]


def test_a_turn_visits_no_more_than_a_slice(room: Room) -> None:
    """And everyone is served in the end, each once a round."""
    channel = room.channel()
    readers = [room.reader(channel) for _ in range(SLICE_VISITS * 2 + 5)]
    room.bench.turn()
    room.paper.publish("x")
    assert room.bench.turn(1) == 1
    assert sum("post.published" in _types(reader) for reader in readers) == (
        SLICE_VISITS
    )
    room.paper.publish("x")  # rides along with what is still to be written
    assert room.bench.turn() == 3
    for reader in readers:
        assert _types(reader) == ["hello", "post.published", "post.published"]
    assert room.bench.counts.encodes == 2


def test_a_large_feed_does_not_keep_a_small_one_waiting(room: Room) -> None:
    large, small = room.channel("large"), room.channel("small")
    for _ in range(SLICE_VISITS * 3):
        room.reader(large)
    reader = room.reader(small)
    room.paper.publish("large")
    room.paper.publish("small")
    room.bench.turn(2)
    assert _types(reader) == ["hello", "post.published"]
    assert large.is_behind()


def test_a_crowd_that_catches_up_does_not_keep_the_others_waiting(
    room: Room,
) -> None:
    """However much it lacks: the round goes on beside it."""
    channel = room.channel()
    live = [room.bottomless(channel) for _ in range(20)]
    for _ in range(9):
        room.paper.publish("x", "n" * 60_000)
    room.bench.turn()
    crowd = [room.bottomless(channel, Cursor("k3v9", 0)) for _ in range(200)]
    room.paper.publish("x")
    room.bench.turn(1)
    # The 20 stand first in the round, so half a slice is more than enough.
    assert all(follow.seq == 10 for follow in live)
    assert any(follow.seq != 10 for follow in crowd)
    room.bench.turn()
    assert all(follow.seq == 10 for follow in crowd)


def test_a_slice_ends_when_its_time_is_up(room: Room) -> None:
    channel = room.channel()
    readers = [room.reader(channel) for _ in range(64)]
    room.paper.publish("x")
    sweep = room.bench.sweep
    ticks = iter(range(1_000_000))
    sweep._clock = lambda: next(ticks) * 0.0006  # a look takes more than half of it
    room.bench.turn(1)
    assert sum("post.published" in _types(reader) for reader in readers) <= 32
    room.bench.turn()
    assert all("post.published" in _types(reader) for reader in readers)


def test_a_reader_that_takes_nothing_holds_one_message_and_falls_behind_alone(
    room: Room,
) -> None:
    channel = room.channel()
    slow, quick = room.reader(channel), room.reader(channel)
    for _ in range(5):
        room.paper.publish("x", "n" * 3000)
        for _ in range(3):
            room.bench.turn()
            quick.read()
    assert slow.blocked
    assert slow.rest() < 3500
    assert [m["cursor"] for m in quick.messages()][-1] == "k3v9-5"
    for _ in range(20):
        slow.read()
        room.bench.turn()
    assert [m["cursor"] for m in slow.messages()] == [f"k3v9-{n}" for n in range(6)]


def test_who_falls_out_of_the_ring_is_closed_when_it_drains(room: Room) -> None:
    channel = room.channel()
    slow = room.reader(channel)
    for _ in range(30):
        room.paper.publish("x", "n" * 3000)
        room.bench.turn()
    assert channel.size == 1
    slow.read()
    room.bench.turn()
    assert slow.closing == CloseCode.SLOW
    assert channel.size == 0


def test_notices_are_for_who_is_at_the_head(room: Room) -> None:
    channel = room.channel()
    slow, quick = room.reader(channel), room.reader(channel)
    for _ in range(3):
        room.paper.publish("x", "n" * 3000)
        room.bench.turn()
        quick.read()
    channel.send_notice("beat", b'{"type":"beat"}')
    room.bench.turn()
    assert _types(quick)[-1] == "beat"
    channel.send_notice("beat", b'{"type":"beat"}')
    room.paper.publish("x")  # a sign of life itself
    room.bench.turn()
    assert _types(quick)[-1] == "post.published"
    for _ in range(20):
        slow.read()
        room.bench.turn()
    assert "beat" not in _types(slow)
