"""Rounds that stay close to what a proxy on this machine has read, on real sockets."""

from __future__ import annotations

import pytest

from stoppress.hub.channel import Channel
from stoppress.hub.delivery_scheduler import SLICE_VISITS
from stoppress.hub.pace_rounds_behind_proxy import (
    ASKED,
    GIVE_UP_S,
    LOOK_AGAIN_S,
    MAX_HOLD_S,
    SLICES_AHEAD,
)
from stoppress.hub.publish_backpressure_and_round_pauses import CLOSE_EVENTS_S
from tests.unit.hub.benches import ChannelHarness, SocketPair

AHEAD = SLICE_VISITS * SLICES_AHEAD


@pytest.fixture
def channel(harness: ChannelHarness) -> Channel:
    return harness.channel()


@pytest.fixture
def readers(harness: ChannelHarness, channel: Channel) -> list[SocketPair]:
    """Two slices more than may be ahead, behind a proxy that has read everything."""
    made = [harness.proxied(channel) for _ in range(AHEAD + 2 * SLICE_VISITS)]
    harness.bench.turn()
    read(made)
    return made


def read(readers: list[SocketPair]) -> None:
    """Let the proxy read."""
    for reader in readers:
        reader.read()


def publish_two(harness: ChannelHarness, readers: list[SocketPair]) -> None:
    """Two posts in quick succession; the proxy has read the first."""
    harness.bench.time += CLOSE_EVENTS_S
    harness.upstream.publish("x")
    harness.bench.turn()
    assert not harness.bench.rests, "a single post is not held"
    read(readers)
    harness.bench.time += CLOSE_EVENTS_S / 2
    harness.upstream.publish("x")
    harness.bench.turn()


def visited(readers: list[SocketPair]) -> int:
    """How many readers have been sent the second post."""
    return sum(follow.seq == 2 for reader in readers for follow in reader.follows())


def test_a_round_is_held_until_the_proxy_has_read(
    harness: ChannelHarness, channel: Channel, readers: list[SocketPair]
) -> None:
    """Only the slices that are ahead count, and it goes on where it was."""
    publish_two(harness, readers)
    bench = harness.bench
    assert visited(readers) == AHEAD and not channel.is_behind()
    bench.later.popleft()()
    bench.turn()
    assert visited(readers) == AHEAD and bench.rests == [LOOK_AGAIN_S] * 2
    read(readers[:SLICE_VISITS])
    bench.later.popleft()()
    bench.turn()
    assert visited(readers) == AHEAD + SLICE_VISITS
    read(readers)
    bench.later.popleft()()
    bench.turn()
    assert visited(readers) == len(readers) and not bench.later


def test_a_post_that_comes_meanwhile_leaves_with_the_one_before(
    harness: ChannelHarness, readers: list[SocketPair]
) -> None:
    publish_two(harness, readers)
    harness.upstream.publish("x")
    harness.bench.turn()
    assert visited(readers) == AHEAD
    while harness.bench.later:
        read(readers)
        harness.bench.later.popleft()()
        harness.bench.turn()
    read(readers)
    heard = [len(reader.messages()) for reader in readers]
    assert set(heard) == {heard[0]}, "everybody has all posts, once"


def test_a_proxy_that_does_not_read_holds_a_slice_for_a_short_time(
    harness: ChannelHarness, readers: list[SocketPair]
) -> None:
    """Then the others get theirs without a pause, and it is tried again later."""
    publish_two(harness, readers)
    bench = harness.bench
    bench.time += MAX_HOLD_S
    bench.later.popleft()()
    bench.turn()
    assert visited(readers) == len(readers) and not bench.later
    held = []
    for _ in range(3):
        bench.time += CLOSE_EVENTS_S * 0.8
        harness.upstream.publish("x")
        bench.turn()
        held.append(len(bench.later))
    assert CLOSE_EVENTS_S * 1.6 < GIVE_UP_S < CLOSE_EVENTS_S * 2.4
    assert held == [0, 0, 1]


def test_a_round_that_was_far_ahead_waits_for_all_but_the_last_slices(
    harness: ChannelHarness, readers: list[SocketPair]
) -> None:
    """A burst's first post is not held; the second one finds its round far ahead."""
    bench = harness.bench
    bench.time += CLOSE_EVENTS_S
    harness.upstream.publish("x")
    bench.turn(SLICES_AHEAD + 1)
    bench.time += CLOSE_EVENTS_S / 2
    harness.upstream.publish("x")
    bench.turn()
    read(readers[:SLICE_VISITS])
    bench.later.popleft()()
    bench.turn()
    assert visited(readers) == 0 and len(bench.later) == 1
    read(readers[: 2 * SLICE_VISITS])
    bench.later.popleft()()
    bench.turn()
    assert visited(readers) == SLICE_VISITS


def test_a_client_that_does_not_read_holds_nothing(
    harness: ChannelHarness, readers: list[SocketPair]
) -> None:
    """Its proxy waits for it; the others of the slice have read."""
    harness.bench.time += CLOSE_EVENTS_S
    harness.upstream.publish("x")
    harness.bench.turn()
    harness.bench.time += CLOSE_EVENTS_S / 2
    for reader in readers:
        reader.is_proxied = False
    for at in range(SLICE_VISITS, len(readers) + 1, SLICE_VISITS):
        for reader in readers[at - ASKED + 1 : at]:
            reader.is_proxied = True
    harness.upstream.publish("x")
    harness.bench.turn()
    assert visited(readers) == len(readers) and not harness.bench.rests


def test_readers_without_a_proxy_are_not_waited_for(
    harness: ChannelHarness, readers: list[SocketPair]
) -> None:
    for reader in readers:
        reader.is_proxied = False
    publish_two(harness, readers)
    assert visited(readers) == len(readers) and not harness.bench.rests


def test_a_reader_that_leaves_holds_nothing(
    harness: ChannelHarness, readers: list[SocketPair]
) -> None:
    publish_two(harness, readers)
    for reader in readers[:AHEAD]:
        reader.done()
    harness.bench.later.popleft()()
    harness.bench.turn()
    rest = readers[AHEAD:]
    assert visited(rest) == AHEAD


def test_posts_apart_are_never_held(
    harness: ChannelHarness, readers: list[SocketPair]
) -> None:
    """They reach the last reader as soon as the proxy can take them."""
    for _ in range(3):
        harness.bench.time += CLOSE_EVENTS_S
        harness.upstream.publish("x")
        harness.bench.turn()
    assert not harness.bench.rests
