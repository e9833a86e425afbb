"""How follows are served: which one when, and with what bytes."""

from __future__ import annotations

from stoppress.domain.cursor import Cursor
from stoppress.hub.delivery_scheduler import SLICE_VISITS
from stoppress.wire.close_codes import CloseCode
from tests.unit.hub.benches import ChannelHarness, SocketPair


def _types(reader: SocketPair) -> list[str]:
    reader.read()
    return [message["type"] for message in reader.messages()]


def test_a_turn_visits_no_more_than_a_slice(harness: ChannelHarness) -> None:
    """And everyone is served in the end, each once a round."""
    channel = harness.channel()
    readers = [harness.reader(channel) for _ in range(SLICE_VISITS * 2 + 5)]
    harness.bench.turn()
    harness.upstream.publish("x")
    assert harness.bench.turn(1) == 1
    assert sum("post.published" in _types(reader) for reader in readers) == (
        SLICE_VISITS
    )
    harness.upstream.publish("x")  # rides along with what is still to be written
    assert harness.bench.turn() == 3
    for reader in readers:
        assert _types(reader) == ["hello", "post.published", "post.published"]
    assert harness.bench.counts.encodes == 2


def test_a_large_feed_does_not_keep_a_small_one_waiting(
    harness: ChannelHarness,
) -> None:
    large, small = harness.channel("large"), harness.channel("small")
    for _ in range(SLICE_VISITS * 3):
        harness.reader(large)
    reader = harness.reader(small)
    harness.upstream.publish("large")
    harness.upstream.publish("small")
    harness.bench.turn(2)
    assert _types(reader) == ["hello", "post.published"]
    assert large.is_behind()


def test_many_readers_catching_up_do_not_delay_the_others(
    harness: ChannelHarness,
) -> None:
    """However much they lack: the round goes on beside it."""
    channel = harness.channel()
    live = [harness.bottomless(channel) for _ in range(20)]
    for _ in range(9):
        harness.upstream.publish("x", "n" * 60_000)
    harness.bench.turn()
    crowd = [harness.bottomless(channel, Cursor("k3v9", 0)) for _ in range(200)]
    harness.upstream.publish("x")
    harness.bench.turn(1)
    # The 20 stand first in the round, so half a slice is more than enough.
    assert all(follow.seq == 10 for follow in live)
    assert any(follow.seq != 10 for follow in crowd)
    harness.bench.turn()
    assert all(follow.seq == 10 for follow in crowd)


def test_a_slice_ends_when_its_time_is_up(harness: ChannelHarness) -> None:
    channel = harness.channel()
    readers = [harness.reader(channel) for _ in range(64)]
    harness.upstream.publish("x")
    sweep = harness.bench.sweep
    ticks = iter(range(1_000_000))
    sweep._clock = lambda: next(ticks) * 0.0006  # a look takes more than half of it
    harness.bench.turn(1)
    assert sum("post.published" in _types(reader) for reader in readers) <= 32
    harness.bench.turn()
    assert all("post.published" in _types(reader) for reader in readers)


def test_a_reader_that_takes_nothing_holds_one_message_and_falls_behind_alone(
    harness: ChannelHarness,
) -> None:
    channel = harness.channel()
    slow, quick = harness.reader(channel), harness.reader(channel)
    for _ in range(5):
        harness.upstream.publish("x", "n" * 3000)
        for _ in range(3):
            harness.bench.turn()
            quick.read()
    assert slow.blocked
    assert slow.rest() < 3500
    assert [m["cursor"] for m in quick.messages()][-1] == "k3v9-5"
    for _ in range(20):
        slow.read()
        harness.bench.turn()
    assert [m["cursor"] for m in slow.messages()] == [f"k3v9-{n}" for n in range(6)]


def test_a_reader_behind_the_ring_is_closed_when_it_drains(
    harness: ChannelHarness,
) -> None:
    channel = harness.channel()
    slow = harness.reader(channel)
    for _ in range(30):
        harness.upstream.publish("x", "n" * 3000)
        harness.bench.turn()
    assert channel.size == 1
    slow.read()
    harness.bench.turn()
    assert slow.closing == CloseCode.SLOW
    assert channel.size == 0


def test_notices_go_to_readers_at_the_head(harness: ChannelHarness) -> None:
    channel = harness.channel()
    slow, quick = harness.reader(channel), harness.reader(channel)
    for _ in range(3):
        harness.upstream.publish("x", "n" * 3000)
        harness.bench.turn()
        quick.read()
    channel.send_notice("beat", b'{"type":"beat"}')
    harness.bench.turn()
    assert _types(quick)[-1] == "beat"
    channel.send_notice("beat", b'{"type":"beat"}')
    harness.upstream.publish("x")  # a sign of life itself
    harness.bench.turn()
    assert _types(quick)[-1] == "post.published"
    for _ in range(20):
        slow.read()
        harness.bench.turn()
    assert "beat" not in _types(slow)
