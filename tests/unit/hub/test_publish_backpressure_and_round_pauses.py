"""How far posts and rounds run ahead of each other: editors wait, rounds rest."""

from __future__ import annotations

import asyncio

from stoppress.hub.channel import Channel
from stoppress.hub.delivery_scheduler import SLICE_VISITS
from stoppress.hub.follow_and_round_robin_order import Follow
from stoppress.hub.publish_backpressure_and_round_pauses import MAX_PAUSE_S
from tests.unit.hub.benches import ChannelHarness


def test_a_round_far_behind_applies_backpressure_until_it_has_caught_up(
    harness: ChannelHarness,
) -> None:
    """The next reader to visit is checked, when an editor asks."""
    channel = harness.channel()
    for _ in range(SLICE_VISITS * 2):
        harness.bottomless(channel)
    harness.bench.turn()
    assert not channel.is_backlogged()
    harness.upstream.publish("x")
    assert not channel.is_backlogged()
    for _ in range(30):
        harness.upstream.publish("x", "n" * 1000)
    assert channel.is_backlogged()
    harness.bench.turn(1)
    assert channel.is_backlogged()
    harness.bench.turn()
    assert not channel.is_backlogged()


def test_slow_readers_cause_no_backpressure(harness: ChannelHarness) -> None:
    channel = harness.channel()
    slow = [harness.reader(channel) for _ in range(4)]
    for _ in range(8):
        harness.upstream.publish("x", "n" * 60_000)
        harness.bench.turn()
    assert all(reader.blocked for reader in slow)
    harness.upstream.publish("x", "n" * 60_000)
    assert channel.is_behind() and not channel.is_backlogged()


def _overtaken(harness: ChannelHarness, channel: Channel) -> list[Follow]:
    """A round of four slices of which one was over when the next event came."""
    follows = [harness.bottomless(channel) for _ in range(SLICE_VISITS * 4)]
    harness.bench.turn()
    harness.upstream.publish("x")
    harness.bench.time += 0.01
    assert harness.bench.turn(1) == 1
    harness.upstream.publish("x")
    return follows


def test_in_a_burst_rounds_pause_once_per_round(harness: ChannelHarness) -> None:
    """A reader that lacks the event before does not wait; after the burst none does."""
    channel = harness.channel()
    follows = _overtaken(harness, channel)
    harness.bench.turn()
    had = SLICE_VISITS
    assert [follow.seq for follow in follows] == [1] * had + [2] * had * 3
    assert not channel.is_behind() and channel.in_burst
    harness.upstream.publish("x")  # rides along
    harness.bench.turn()
    assert follows[0].seq == 1
    harness.bench.rest()
    assert all(follow.seq == 3 for follow in follows)
    harness.upstream.publish("x")
    harness.bench.turn()
    assert all(follow.seq == 4 for follow in follows) and not channel.in_burst


def test_a_pause_is_as_long_as_the_turn_before_and_bounded(
    harness: ChannelHarness,
) -> None:
    channel = harness.channel()
    follows = _overtaken(harness, channel)
    harness.bench.turn()
    assert harness.bench.rests == [0.01]
    harness.upstream.publish("x")
    harness.bench.turn()
    harness.bench.later.popleft()()
    harness.bench.turn(1)
    harness.bench.time += 5.0
    harness.upstream.publish("x")
    harness.bench.turn()
    assert harness.bench.rests == [0.01, MAX_PAUSE_S]
    harness.bench.rest()
    assert all(follow.seq == 4 for follow in follows)


def test_simultaneous_events_cause_no_pause(harness: ChannelHarness) -> None:
    channel = harness.channel()
    follows = [harness.bottomless(channel) for _ in range(4)]
    harness.bench.turn()
    for _ in range(3):
        harness.upstream.publish("x")
        harness.bench.time += 0.01
    harness.bench.turn()
    assert all(follow.seq == 3 for follow in follows) and not harness.bench.rests


def test_a_waiting_editor_ends_the_pause(harness: ChannelHarness) -> None:
    """Also if the reader furthest behind has gone."""
    channel = harness.channel()
    follows = _overtaken(harness, channel)
    harness.bench.turn()
    assert not channel.is_behind(), "it rests"

    async def wait() -> None:
        waiting = asyncio.ensure_future(channel.caught_up.wait())
        await asyncio.sleep(0)
        harness.bench.sweep.wake(channel)
        harness.bench.turn()
        await waiting

    asyncio.run(asyncio.wait_for(wait(), 60))
    assert all(follow.seq == 2 for follow in follows)
