"""One feed and its follows, on a bench: what it holds, and who follows."""

from __future__ import annotations

from stoppress.domain.cursor import Cursor
from stoppress.hub.follow_and_round_robin_order import RESET, Follow, RoundRobin
from stoppress.wire.close_codes import CloseCode
from tests.unit.hub.benches import ChannelHarness, SocketPair, join


def _types(reader: SocketPair) -> list[str]:
    reader.read()
    return [message["type"] for message in reader.messages()]


def test_a_blocked_follow_ends_when_the_channel_ends(harness: ChannelHarness) -> None:
    channel = harness.channel()
    slow = harness.reader(channel)
    for _ in range(5):
        harness.upstream.publish("x", "n" * 3000)
        harness.bench.turn()
    assert slow.blocked
    channel.end()
    harness.bench.turn()
    assert slow.closing == CloseCode.ENDED
    assert harness.bench.ended == [channel]


def test_a_window_with_a_hole_resets_and_one_without_does_not(
    harness: ChannelHarness,
) -> None:
    channel = harness.channel()
    reader = harness.reader(channel)
    harness.upstream.held = True
    for _ in range(3):
        harness.upstream.publish("x")
    harness.upstream.lose("x")
    harness.bench.turn()
    assert _types(reader) == ["hello"] + ["post.published"] * 3
    harness.upstream.window_events = 2
    for _ in range(5):
        harness.upstream.publish("x")
    harness.upstream.lose("x")
    harness.bench.turn()
    assert _types(reader)[4:] == ["reset"]
    assert reader.messages()[-1]["cursor"] == "k3v9-8"
    assert channel.ring.first == 7


def test_an_older_window_changes_nothing(harness: ChannelHarness) -> None:
    channel = harness.channel()
    harness.upstream.publish("x")
    old = harness.upstream.window("x")
    harness.upstream.change("x", title="New")
    channel.fill(old)
    assert channel.ring.head == 2
    assert b"New" in channel.body


def test_a_withdrawn_post_is_not_replayed(harness: ChannelHarness) -> None:
    channel = harness.channel()
    harness.upstream.publish("x", "secret", post="p")
    harness.upstream.edit("x", "p", "secret too")
    early = harness.reader(channel, Cursor("k3v9", 0))
    harness.bench.turn()
    early.read()
    assert "secret" in str(early.messages())
    harness.upstream.withdraw("x", "p")
    late = harness.reader(channel, Cursor("k3v9", 0))
    harness.bench.turn()
    assert _types(late) == ["hello"] + ["post.withdrawn"] * 3
    assert "secret" not in str(late.messages())


def test_the_current_feed_is_available(harness: ChannelHarness) -> None:
    channel = harness.channel(show_readers=True)
    assert channel.feed_state.show_readers
    harness.upstream.change("x", status="paused", show_readers=False)
    assert channel.feed_state.status == "paused"
    assert not channel.feed_state.show_readers
    assert b'"paused"' in channel.body


def test_follows_that_leave_hide_no_other_from_a_round() -> None:
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


def test_the_last_follow_to_end_ends_the_connection(harness: ChannelHarness) -> None:
    one, two = harness.channel("one"), harness.channel("two")
    reader = harness.reader(one)
    join(reader, two)
    one.end()
    harness.bench.turn()
    reader.read()
    assert reader.messages()[-1]["type"] == "error"
    assert reader.chain is not None
    two.end()
    harness.bench.turn()
    assert reader.closing == CloseCode.ENDED


def test_a_reader_follows_32_feeds_and_no_more(harness: ChannelHarness) -> None:
    reader = SocketPair(harness.bench)
    harness.readers.append(reader)
    for n in range(32):
        assert reader.add_follow(f"f{n}") is not None
    assert reader.add_follow("one-too-many") is None
    again = reader.add_follow("f7")  # a seek is no further feed
    assert again is not None
    assert reader.holds(again)
    reader.unfollow("f7")
    assert not reader.holds(again)


def test_a_reset_is_an_order_for_all(harness: ChannelHarness) -> None:
    channel = harness.channel()
    readers = [harness.reader(channel) for _ in range(3)]
    harness.upstream.restart("x", "w7")
    assert {follow.seq for follow in channel.all()} == {RESET}
    harness.bench.turn()
    assert all(_types(reader) == ["hello", "reset"] for reader in readers)


def test_certainty_is_sent_if_the_feed_enables_it(harness: ChannelHarness) -> None:
    """Readers with posts under the other rule are reset, and get a snapshot."""
    channel = harness.channel()
    reader = harness.reader(channel)
    harness.upstream.publish("x", verification="disputed")
    harness.bench.turn()
    assert _types(reader) == ["hello", "post.published"]
    assert "verification" not in reader.messages()[-1]["post"]
    for shows in (True, False):
        harness.upstream.change("x", show_verification=shows)
        harness.bench.turn()
        assert _types(reader)[-1] == "reset"
        assert reader.messages()[-1]["cursor"] == str(channel.cursor)
        harness.upstream.publish("x", verification="single")
        harness.bench.turn()
        assert _types(reader)[-1] == "post.published"
        assert reader.messages()[-1]["post"].get("verification") == (
            "single" if shows else None
        )
    before = len(_types(reader))
    harness.upstream.change("x", title="The same rule")
    harness.bench.turn()
    assert _types(reader)[before:] == ["feed.updated"]


def test_a_feed_that_opens_with_the_rule_resets_nobody(harness: ChannelHarness) -> None:
    channel = harness.channel(show_verification=True)
    harness.upstream.publish("x", verification="confirmed")
    reader = harness.reader(channel, Cursor("k3v9", 0))
    harness.bench.turn()
    assert _types(reader) == ["hello", "post.published"]
    assert reader.messages()[-1]["post"]["verification"] == "confirmed"
