"""Readers whose bytes a task carries, and the long poll."""

from __future__ import annotations

import asyncio

import pytest

from stoppress.hub.asgi_and_long_poll_readers import (
    TASK_VISITS,
    LongPoll,
    RelayedReader,
)
from stoppress.hub.feed_status_and_access import ANYONE
from stoppress.hub.reader import MAX_WAITING
from stoppress.wire.close_codes import CloseCode
from stoppress.wire.wire_formats import WireFormat
from tests.unit.hub.benches import Bench, Room, join

pytestmark = pytest.mark.asyncio


async def test_it_carries_what_the_sweep_has_and_is_blocked_meanwhile(
    room: Room,
) -> None:
    """Like a socket that takes no more; carried away, it is served on."""
    channel = room.channel()
    reader = RelayedReader(room.bench, WireFormat.LINES, ANYONE)
    join(reader, channel)
    room.bench.turn()
    assert b'"hello"' in await reader.next_bytes()
    room.paper.publish("x")
    room.bench.turn()
    assert reader.blocked
    room.paper.publish("x")
    room.bench.turn()
    assert (await reader.next_bytes()).count(b"\n") == 1
    later = asyncio.create_task(reader.next_bytes())
    await asyncio.sleep(0)
    room.bench.turn()
    assert (await later).count(b"\n") == 1
    reader.disconnected()
    assert await reader.next_bytes() == b""


async def test_what_a_task_carries_is_counted_and_a_poll_counts_nothing(
    room: Room,
) -> None:
    """A poll leaves at its first event: that must not lower the count."""
    channel = room.channel()
    reader = RelayedReader(room.bench, WireFormat.LINES, ANYONE)
    join(reader, channel)
    poll = LongPoll(room.bench, ANYONE)
    join(poll, channel, channel.ring.cursor)
    room.bench.turn()
    await reader.next_bytes()
    room.paper.publish("x")
    room.bench.turn()
    await poll.happened
    data = await reader.next_bytes()
    assert room.bench.metrics.deliveries.value == 1
    assert room.bench.metrics.delivered_bytes.value == len(data)
    reader.disconnected()


async def test_it_waits_until_there_is_something(room: Room) -> None:
    """A beat, say; then the end of the line."""
    reader = RelayedReader(room.bench, WireFormat.LINES, ANYONE)
    carried = asyncio.create_task(reader.next_bytes())
    await asyncio.sleep(0)
    assert not carried.done()
    reader.send_message("beat", b"{}")
    assert await carried == b"{}\n"
    carried = asyncio.create_task(reader.next_bytes())
    await asyncio.sleep(0)
    reader.close(CloseCode.TOO_MANY)
    assert await carried == b"" and reader.closing == CloseCode.TOO_MANY
    reader.write(b"nothing more")
    assert await reader.next_bytes() == b""


async def test_a_relayed_reader_that_takes_nothing_is_closed() -> None:
    """What waits is bounded."""
    reader = RelayedReader(Bench(), WireFormat.LINES, ANYONE)
    while not reader.closing:
        reader.write(b"x" * 1000)
    assert reader.closing == CloseCode.SLOW
    held = sum(map(len, reader._outbox))
    assert 2 * MAX_WAITING < held <= 2 * MAX_WAITING + 1000
    reader.write_failed()  # there is no socket to lose


async def test_an_event_stream_is_told_when_to_come_back() -> None:
    """By its own field, first and last; a refusal ends it, as it has but one feed."""
    bench = Bench(retry_ms=1)
    reader = RelayedReader(bench, WireFormat.STREAM, ANYONE)
    reader.send_hello(b"hello\n\n")
    reader.bye(77)
    said = await reader.next_bytes()
    assert said.startswith(b"retry: ") and b"hello\n\nretry: 77\n\nevent: bye" in said
    reader.bye(78)
    assert await reader.next_bytes() == b""
    refused = RelayedReader(bench, WireFormat.STREAM, ANYONE)
    refused.refuse("x", CloseCode.NOT_FOUND, "no such feed")
    assert refused.closing == CloseCode.NOT_FOUND
    assert b"no such feed" in await refused.next_bytes()
    line = RelayedReader(bench, WireFormat.LINES, ANYONE)
    line.refuse("x", CloseCode.NOT_FOUND, "no such feed")
    assert not line.closing


async def test_a_poll_is_done_when_something_happens(room: Room) -> None:
    """An event, and no word before it: neither hello nor beat."""
    channel = room.channel()
    poll = LongPoll(room.bench, ANYONE)
    join(poll, channel, channel.ring.cursor)
    room.bench.turn()
    poll.send_message("beat", b"{}")
    poll.write_failed()
    assert not poll.happened.done()
    room.paper.publish("x")
    room.bench.turn()
    assert poll.happened.done() and poll.chain is None


async def test_a_poll_is_done_when_its_feed_ends(room: Room) -> None:
    """Once, whatever comes after."""
    channel = room.channel()
    poll = LongPoll(room.bench, ANYONE)
    follow = join(poll, channel, channel.ring.cursor)
    poll.close(CloseCode.ENDED)
    await poll.happened
    assert poll.put(follow, b"x", 1) == TASK_VISITS
    assert poll.closing == CloseCode.ENDED
