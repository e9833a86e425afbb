"""One feed and its follows, on a bench: who is served when, and with what."""

from __future__ import annotations

from stoppress.domain.cursor import Cursor
from stoppress.hub.follow import RESET, Follow, RoundRobin
from stoppress.hub.sweep import SLICE_VISITS
from stoppress.wire.close_codes import CloseCode
from tests.unit.hub.benches import Room, SocketPair, join


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


def test_who_is_told_to_go_goes_even_if_it_takes_nothing(room: Room) -> None:
    channel = room.channel()
    slow = room.reader(channel)
    for _ in range(5):
        room.paper.publish("x", "n" * 3000)
        room.bench.turn()
    assert slow.blocked
    channel.end()
    room.bench.turn()
    assert slow.closing == CloseCode.ENDED
    assert room.bench.ended == [channel]


def test_murmurs_are_for_who_is_at_the_head(room: Room) -> None:
    channel = room.channel()
    slow, quick = room.reader(channel), room.reader(channel)
    for _ in range(3):
        room.paper.publish("x", "n" * 3000)
        room.bench.turn()
        quick.read()
    channel.murmur("beat", b'{"type":"beat"}')
    room.bench.turn()
    assert _types(quick)[-1] == "beat"
    channel.murmur("beat", b'{"type":"beat"}')
    room.paper.publish("x")  # a sign of life itself
    room.bench.turn()
    assert _types(quick)[-1] == "post.published"
    for _ in range(20):
        slow.read()
        room.bench.turn()
    assert "beat" not in _types(slow)


def test_a_window_with_a_hole_resets_and_one_without_does_not(room: Room) -> None:
    channel = room.channel()
    reader = room.reader(channel)
    room.paper.held = True
    for _ in range(3):
        room.paper.publish("x")
    room.paper.lose("x")
    room.bench.turn()
    assert _types(reader) == ["hello"] + ["post.published"] * 3
    room.paper.window_events = 2
    for _ in range(5):
        room.paper.publish("x")
    room.paper.lose("x")
    room.bench.turn()
    assert _types(reader)[4:] == ["reset"]
    assert reader.messages()[-1]["cursor"] == "k3v9-8"
    assert channel.ring.first == 7


def test_an_older_window_changes_nothing(room: Room) -> None:
    channel = room.channel()
    room.paper.publish("x")
    old = room.paper.window("x")
    room.paper.change("x", title="New")
    channel.fill(old)
    assert channel.ring.head == 2
    assert b"New" in channel.body


def test_what_was_withdrawn_is_not_replayed(room: Room) -> None:
    channel = room.channel()
    room.paper.publish("x", "secret", post="p")
    room.paper.edit("x", "p", "secret too")
    early = room.reader(channel, Cursor("k3v9", 0))
    room.bench.turn()
    early.read()
    assert "secret" in str(early.messages())
    room.paper.withdraw("x", "p")
    late = room.reader(channel, Cursor("k3v9", 0))
    room.bench.turn()
    assert _types(late) == ["hello"] + ["post.withdrawn"] * 3
    assert "secret" not in str(late.messages())


def test_the_feed_as_it_is_now_is_at_hand(room: Room) -> None:
    channel = room.channel(show_readers=True)
    assert channel.feed_state.show_readers
    room.paper.change("x", status="paused", show_readers=False)
    assert channel.feed_state.status == "paused"
    assert not channel.feed_state.show_readers
    assert b'"paused"' in channel.body


def test_leaving_can_hide_nobody_from_a_round() -> None:
    """Whoever leaves or joins while a round runs, the others are all visited."""
    for gone in range(6):
        for after in range(6):
            round_robin = RoundRobin()
            follows = [Follow.__new__(Follow) for _ in range(6)]
            for follow in follows:
                round_robin.add(follow)
            round_robin.begin()
            visited = [round_robin.next() for _ in range(after)]
            round_robin.drop(follows[gone])
            round_robin.add(Follow.__new__(Follow))
            while (found := round_robin.next()) is not None:
                visited.append(found)
            missing = set(map(id, follows)) - set(map(id, visited))
            assert missing <= {id(follows[gone])}


def test_a_follow_of_two_ends_alone_and_the_last_ends_the_line(room: Room) -> None:
    one, two = room.channel("one"), room.channel("two")
    reader = room.reader(one)
    join(reader, two)
    one.end()
    room.bench.turn()
    reader.read()
    assert reader.messages()[-1]["type"] == "error"
    assert reader.chain is not None
    two.end()
    room.bench.turn()
    assert reader.closing == CloseCode.ENDED


def test_a_reader_follows_32_feeds_and_no_more(room: Room) -> None:
    reader = SocketPair(room.bench)
    room.readers.append(reader)
    for n in range(32):
        assert reader.enlist(f"f{n}") is not None
    assert reader.enlist("one-too-many") is None
    again = reader.enlist("f7")  # a seek is no further feed
    assert again is not None
    assert reader.holds(again)
    reader.strike("f7")
    assert not reader.holds(again)


def test_a_reset_is_an_order_for_all(room: Room) -> None:
    channel = room.channel()
    readers = [room.reader(channel) for _ in range(3)]
    room.paper.restart("x", "w7")
    assert {follow.seq for follow in channel.all()} == {RESET}
    room.bench.turn()
    assert all(_types(reader) == ["hello", "reset"] for reader in readers)
