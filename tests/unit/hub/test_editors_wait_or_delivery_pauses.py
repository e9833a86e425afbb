"""How far posts and rounds run ahead of each other: editors wait, rounds rest."""

from __future__ import annotations

import asyncio

from stoppress.hub.channel import Channel
from stoppress.hub.delivery_scheduler import SLICE_VISITS
from stoppress.hub.editors_wait_or_delivery_pauses import MAX_PAUSE_S
from stoppress.hub.reader_in_channel import Follow
from tests.unit.hub.benches import Room


def test_a_round_that_is_far_behind_presses_until_it_has_caught_up(room: Room) -> None:
    """It is asked of whoever is next, when an editor wants to know."""
    channel = room.channel()
    for _ in range(SLICE_VISITS * 2):
        room.bottomless(channel)
    room.bench.turn()
    assert not channel.is_backlogged()
    room.paper.publish("x")
    assert not channel.is_backlogged()
    for _ in range(30):
        room.paper.publish("x", "n" * 1000)
    assert channel.is_backlogged()
    room.bench.turn(1)
    assert channel.is_backlogged()
    room.bench.turn()
    assert not channel.is_backlogged()


def test_slow_readers_press_nobody(room: Room) -> None:
    channel = room.channel()
    slow = [room.reader(channel) for _ in range(4)]
    for _ in range(8):
        room.paper.publish("x", "n" * 60_000)
        room.bench.turn()
    assert all(reader.blocked for reader in slow)
    room.paper.publish("x", "n" * 60_000)
    assert channel.is_behind() and not channel.is_backlogged()


def _overtaken(room: Room, channel: Channel) -> list[Follow]:
    """A round of four slices of which one was over when the next event came."""
    follows = [room.bottomless(channel) for _ in range(SLICE_VISITS * 4)]
    room.bench.turn()
    room.paper.publish("x")
    room.bench.time += 0.01
    assert room.bench.turn(1) == 1
    room.paper.publish("x")
    return follows


def test_in_a_burst_the_circle_rests_once_around(room: Room) -> None:
    """Whoever still lacks the event before does not wait; the burst over, nobody."""
    channel = room.channel()
    follows = _overtaken(room, channel)
    room.bench.turn()
    had = SLICE_VISITS
    assert [follow.seq for follow in follows] == [1] * had + [2] * had * 3
    assert not channel.is_behind() and channel.in_burst
    room.paper.publish("x")  # rides along
    room.bench.turn()
    assert follows[0].seq == 1
    room.bench.rest()
    assert all(follow.seq == 3 for follow in follows)
    room.paper.publish("x")
    room.bench.turn()
    assert all(follow.seq == 4 for follow in follows) and not channel.in_burst


def test_a_rest_is_as_long_as_the_turn_before_and_bounded(room: Room) -> None:
    channel = room.channel()
    follows = _overtaken(room, channel)
    room.bench.turn()
    assert room.bench.rests == [0.01]
    room.paper.publish("x")
    room.bench.turn()
    room.bench.later.popleft()()
    room.bench.turn(1)
    room.bench.time += 5.0
    room.paper.publish("x")
    room.bench.turn()
    assert room.bench.rests == [0.01, MAX_PAUSE_S]
    room.bench.rest()
    assert all(follow.seq == 4 for follow in follows)


def test_events_that_come_together_make_nobody_wait(room: Room) -> None:
    channel = room.channel()
    follows = [room.bottomless(channel) for _ in range(4)]
    room.bench.turn()
    for _ in range(3):
        room.paper.publish("x")
        room.bench.time += 0.01
    room.bench.turn()
    assert all(follow.seq == 3 for follow in follows) and not room.bench.rests


def test_an_editor_who_waits_ends_the_rest(room: Room) -> None:
    """The one who lacked most may have gone; the bell rings all the same."""
    channel = room.channel()
    follows = _overtaken(room, channel)
    room.bench.turn()
    assert not channel.is_behind(), "it rests"

    async def wait() -> None:
        waiting = asyncio.ensure_future(channel.caught_up.wait())
        await asyncio.sleep(0)
        room.bench.sweep.wake(channel)
        room.bench.turn()
        await waiting

    asyncio.run(asyncio.wait_for(wait(), 10))
    assert all(follow.seq == 2 for follow in follows)
