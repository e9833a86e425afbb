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
from tests.unit.hub.benches import Bench, ChannelHarness, join

pytestmark = pytest.mark.asyncio


async def test_a_relayed_reader_takes_one_write_and_is_blocked_meanwhile(
    harness: ChannelHarness,
) -> None:
    """Like a socket whose buffer is full; once relayed, it is served again."""
    channel = harness.channel()
    reader = RelayedReader(harness.bench, WireFormat.LINES, ANYONE)
    join(reader, channel)
    harness.bench.turn()
    assert b'"hello"' in await reader.next_bytes()
    harness.upstream.publish("x")
    harness.bench.turn()
    assert reader.blocked
    harness.upstream.publish("x")
    harness.bench.turn()
    assert (await reader.next_bytes()).count(b"\n") == 1
    later = asyncio.create_task(reader.next_bytes())
    await asyncio.sleep(0)
    harness.bench.turn()
    assert (await later).count(b"\n") == 1
    reader.disconnected()
    assert await reader.next_bytes() == b""


async def test_relayed_bytes_are_counted_except_for_polls(
    harness: ChannelHarness,
) -> None:
    """A poll leaves at its first event, which must not lower the count."""
    channel = harness.channel()
    reader = RelayedReader(harness.bench, WireFormat.LINES, ANYONE)
    join(reader, channel)
    poll = LongPoll(harness.bench, ANYONE)
    join(poll, channel, channel.ring.cursor)
    harness.bench.turn()
    await reader.next_bytes()
    harness.upstream.publish("x")
    harness.bench.turn()
    await poll.happened
    data = await reader.next_bytes()
    assert harness.bench.metrics.deliveries.value == 1
    assert harness.bench.metrics.delivered_bytes.value == len(data)
    reader.disconnected()


async def test_a_relayed_reader_waits_for_a_message(harness: ChannelHarness) -> None:
    """A beat, for instance; then the end of the connection."""
    reader = RelayedReader(harness.bench, WireFormat.LINES, ANYONE)
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


async def test_an_event_stream_gets_a_retry_time() -> None:
    """In a field of its own, first and last; a refusal ends it: it has one feed."""
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


async def test_a_poll_ends_at_the_first_event(harness: ChannelHarness) -> None:
    """Neither hello nor beat ends it."""
    channel = harness.channel()
    poll = LongPoll(harness.bench, ANYONE)
    join(poll, channel, channel.ring.cursor)
    harness.bench.turn()
    poll.send_message("beat", b"{}")
    poll.write_failed()
    assert not poll.happened.done()
    harness.upstream.publish("x")
    harness.bench.turn()
    assert poll.happened.done() and poll.chain is None


async def test_a_poll_ends_with_its_feed(harness: ChannelHarness) -> None:
    """Once, whatever follows."""
    channel = harness.channel()
    poll = LongPoll(harness.bench, ANYONE)
    follow = join(poll, channel, channel.ring.cursor)
    poll.close(CloseCode.ENDED)
    await poll.happened
    assert poll.put(follow, b"x", 1) == TASK_VISITS
    assert poll.closing == CloseCode.ENDED
