"""One feed and its follows, on a bench: what it holds, and who follows."""

from __future__ import annotations

from stoppress.domain.cursor import Cursor
from stoppress.hub.reader_in_channel import RESET, Follow, RoundRobin
from stoppress.wire.close_codes import CloseCode
from tests.unit.hub.benches import Room, SocketPair, join


def _types(reader: SocketPair) -> list[str]:
    reader.read()
    return [message["type"] for message in reader.messages()]


def test_a_blocked_follow_ends_when_the_channel_ends(room: Room) -> None:
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
    """Follows that leave or join during a round do not keep others from a visit."""
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
        assert reader.add_follow(f"f{n}") is not None
    assert reader.add_follow("one-too-many") is None
    again = reader.add_follow("f7")  # a seek is no further feed
    assert again is not None
    assert reader.holds(again)
    reader.unfollow("f7")
    assert not reader.holds(again)


def test_a_reset_is_an_order_for_all(room: Room) -> None:
    channel = room.channel()
    readers = [room.reader(channel) for _ in range(3)]
    room.paper.restart("x", "w7")
    assert {follow.seq for follow in channel.all()} == {RESET}
    room.bench.turn()
    assert all(_types(reader) == ["hello", "reset"] for reader in readers)


def test_how_sure_it_is_goes_out_where_the_feed_says_so(room: Room) -> None:
    """Who holds posts by the other rule is reset, and gets them in a snapshot."""
    channel = room.channel()
    reader = room.reader(channel)
    room.paper.publish("x", verification="disputed")
    room.bench.turn()
    assert _types(reader) == ["hello", "post.published"]
    assert "verification" not in reader.messages()[-1]["post"]
    for shows in (True, False):
        room.paper.change("x", show_verification=shows)
        room.bench.turn()
        assert _types(reader)[-1] == "reset"
        assert reader.messages()[-1]["cursor"] == str(channel.cursor)
        room.paper.publish("x", verification="single")
        room.bench.turn()
        assert _types(reader)[-1] == "post.published"
        assert reader.messages()[-1]["post"].get("verification") == (
            "single" if shows else None
        )
    before = len(_types(reader))
    room.paper.change("x", title="The same rule")
    room.bench.turn()
    assert _types(reader)[before:] == ["feed.updated"]


def test_a_feed_that_opens_with_the_rule_resets_nobody(room: Room) -> None:
    channel = room.channel(show_verification=True)
    room.paper.publish("x", verification="confirmed")
    reader = room.reader(channel, Cursor("k3v9", 0))
    room.bench.turn()
    assert _types(reader) == ["hello", "post.published"]
    assert reader.messages()[-1]["post"]["verification"] == "confirmed"
