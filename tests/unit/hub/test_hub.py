"""The hub over a log in memory: opening, following, waiting, ending."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import NotFound, Unavailable
from stoppress.hub import hub, open_channels
from stoppress.hub.asgi_readers import RelayedReader
from stoppress.hub.bell import Bell
from stoppress.hub.feed_state import ANYONE
from stoppress.hub.hub import Hub
from stoppress.settings import Settings
from stoppress.wire.close_codes import CloseCode
from stoppress.wire.wire_formats import WireFormat
from tests.newsroom_line import Paper

pytestmark = pytest.mark.asyncio


def _hub(**changes: Any) -> tuple[Hub, Paper]:
    paper = Paper()
    paper.make("x")
    return Hub(paper, Settings(public_url="http://h", **changes)), paper


def _reader(of: Hub) -> RelayedReader:
    return RelayedReader(of, WireFormat.LINES, ANYONE)


async def _next(reader: RelayedReader) -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        data = await reader.next_bytes()
    return [json.loads(line) for line in data.splitlines()]


async def test_a_feed_that_is_not_there_is_not_found_each_time() -> None:
    of, paper = _hub()
    for _ in range(2):
        with pytest.raises(NotFound):
            await of.channel("nowhere")
    paper.make("nowhere")
    assert (await of.channel("nowhere")).feed == "nowhere"
    await of.stop()


async def test_whoever_asked_first_may_leave_and_the_others_get_the_feed() -> None:
    of, paper = _hub()
    paper.gate = asyncio.Event()
    first = asyncio.create_task(of.channel("x"))
    second = asyncio.create_task(of.channel("x"))
    for _ in range(10):  # turns of the loop
        await asyncio.sleep(0)
    assert paper.opens == 1
    first.cancel()
    paper.gate.set()
    assert (await second).ring.epoch == "k3v9"
    assert paper.opens == 1
    assert first.cancelled()
    await of.stop()
    assert paper.closes == 1


async def test_opening_takes_no_longer_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(open_channels, "OPEN_S", 0.01)
    of, paper = _hub()
    paper.gate = asyncio.Event()
    with pytest.raises(Unavailable):
        await of.channel("x")
    paper.gate.set()
    assert (await of.channel("x")).ring.head == 0
    await of.stop()


async def test_a_cursor_beyond_the_log_is_reset_at_once() -> None:
    """One read of the head says so; nobody waits."""
    of, paper = _hub()
    await of.channel("x")
    reader = _reader(of)
    of.follow(reader, "x", Cursor("k3v9", 5))
    (reset,) = await _next(reader)
    assert reset["type"] == "reset"
    assert paper.heads == 1
    reader.disconnected()
    await of.stop()


async def test_a_line_that_does_not_come_up_in_time_leads_nobody_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who is ahead of it comes again, and goes on where it was."""
    monkeypatch.setattr(hub, "CATCH_UP_S", 0.01)
    of, paper = _hub()
    await of.channel("x")
    paper.held = True
    paper.publish("x")
    reader = _reader(of)
    of.follow(reader, "x", Cursor("k3v9", 1))
    (error,) = await _next(reader)
    assert (error["type"], error["code"]) == ("error", CloseCode.BYE)
    paper.deliver("x")
    of.follow(reader, "x", Cursor("k3v9", 1))
    (hello,) = await _next(reader)
    assert (hello["type"], hello["resumed"]) == ("hello", True)
    reader.disconnected()
    await of.stop()


async def test_a_channel_closed_while_a_follow_waits_is_opened_for_it() -> None:
    """The feed goes on: only this process had no use for it a moment ago."""
    of, paper = _hub(channel_idle_s=1)
    await of.channel("x")
    paper.held = True
    paper.publish("x")
    reader = _reader(of)
    of.follow(reader, "x", Cursor("k3v9", 1))
    for _ in range(10):  # turns of the loop: until it waits for the line
        await asyncio.sleep(0)
    assert paper.heads == 1
    paper.held = False
    of.tick(of.now() + 2)
    (hello,) = await _next(reader)
    assert (hello["type"], hello["cursor"]) == ("hello", "k3v9-1")
    assert (paper.opens, paper.closes) == (2, 1)
    reader.disconnected()
    await of.stop()


async def test_another_epoch_costs_no_read() -> None:
    of, paper = _hub()
    await of.channel("x")
    reader = _reader(of)
    of.follow(reader, "x", Cursor("old", 5))
    assert (await _next(reader))[0]["type"] == "reset"
    assert paper.heads == 0
    reader.disconnected()
    await of.stop()


async def test_the_last_of_several_seeks_counts() -> None:
    """Also when an earlier one still waits for the feed to open."""
    of, paper = _hub()
    for _ in range(3):
        paper.publish("x")
    paper.gate = asyncio.Event()
    reader = _reader(of)
    of.follow(reader, "x", Cursor("k3v9", 0))
    of.follow(reader, "x", Cursor("k3v9", 2))
    paper.gate.set()
    hello = await _next(reader)
    assert [m["cursor"] for m in hello] == ["k3v9-2"]
    assert [m["cursor"] for m in await _next(reader)] == ["k3v9-3"]
    reader.disconnected()
    await of.stop()


async def test_who_leaves_while_it_waits_is_not_joined() -> None:
    of, paper = _hub()
    paper.gate = asyncio.Event()
    reader = _reader(of)
    of.follow(reader, "x", None)
    reader.disconnected()
    paper.gate.set()
    channel = await of.channel("x")
    for _ in range(10):  # turns of the loop
        await asyncio.sleep(0)
    assert len(of._tasks) == 0
    assert channel.size == 0
    assert of.readers() == 0
    await of.stop()


@pytest.mark.parametrize(("bound", "spread"), [(1000, 18_000), (10_000, 9000)])
async def test_no_more_are_told_to_come_than_are_let_in(
    bound: int, spread: int
) -> None:
    of, _ = _hub(retry_ms=4000, handshakes_per_s=bound)
    assert of.spread_ms(4000, 18_000) == spread
    await of.stop()


async def test_a_crowd_is_sent_away_over_a_spread_of_its_size() -> None:
    of, _ = _hub(retry_ms=4000)
    assert of.spread_ms(4000, 10) == 4000
    assert of.spread_ms(4000, 18_000) == 9000
    await of.channel("x")
    readers = [_reader(of) for _ in range(200)]
    for reader in readers:
        of.follow(reader, "x", None)
    await of.drain(0.02)
    waits = set()
    for reader in readers:
        bye = (await _next(reader))[-1]
        assert bye["type"] == "bye"
        assert 0 <= bye["retry_ms"] <= 4000
        waits.add(bye["retry_ms"])
        assert reader.closing == CloseCode.BYE
        reader.disconnected()
    assert len(waits) > 50
    assert of.is_draining
    await of.stop()


async def test_a_plain_reader_that_takes_nothing_has_one_visit_waiting() -> None:
    """And beats, up to a bound; then it is let go."""
    of, paper = _hub(ring_events=10)
    channel = await of.channel("x")
    reader = _reader(of)
    of.follow(reader, "x", None)
    for _ in range(20):
        paper.publish("x", "n" * 50_000)
        await asyncio.sleep(0)
    waiting = sum(map(len, reader._outbox))
    assert waiting < 120_000
    assert reader.blocked
    assert channel.size == 1
    for _ in range(10):
        reader.write(b"b" * 10_000)
    assert reader.closing == CloseCode.SLOW
    assert channel.size == 0
    reader.disconnected()
    await of.stop()


async def test_stopping_ends_every_task() -> None:
    of, paper = _hub()
    paper.gate = asyncio.Event()
    reader = _reader(of)
    of.follow(reader, "x", None)
    asking = asyncio.create_task(of.channel("x"))
    await asyncio.sleep(0)
    await of.stop()
    with pytest.raises((asyncio.CancelledError, Unavailable)):
        await asking
    with pytest.raises(Unavailable):
        await of.channel("x")
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_hub_whose_sweep_failed_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who runs it ends with it; it does not stand there and serve nobody."""

    def broken(*_: object) -> int:
        raise IndexError("beyond the end")

    of, _ = _hub()
    watching = asyncio.create_task(of.watch())
    reader = _reader(of)
    of.follow(reader, "x", None)
    await _next(reader)
    assert not watching.done()
    monkeypatch.setattr("stoppress.hub.channel.Channel.serve", broken)
    monkeypatch.setattr("stoppress.hub.channel.Channel.failed", broken)
    (await of.channel("x")).send_notice("beat", b"{}")
    with pytest.raises(RuntimeError, match="the sweep failed") as failed:
        async with asyncio.timeout(10):
            await watching
    assert isinstance(failed.value.__cause__, IndexError)
    await of.stop()


async def _backlogged() -> tuple[Hub, Paper]:
    """A hub in which a reader lacks more than it is at ease with."""
    of, paper = _hub()
    await of.channel("x")
    reader = _reader(of)
    of.follow(reader, "x", None)
    await _next(reader)
    for _ in range(40):
        paper.publish("x", "n" * 1000)
    return of, paper


async def test_an_editor_waits_until_the_round_has_caught_up() -> None:
    """No longer: the sweep rings."""
    of, _ = await _backlogged()
    channel = await of.channel("x")
    assert channel.is_backlogged()
    await of.keep_pace("x")
    assert not channel.is_backlogged() and not channel.caught_up.is_awaited
    await of.keep_pace("x")
    await of.keep_pace("nowhere")
    await of.stop()


async def test_an_editor_who_comes_to_a_rest_wakes_the_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would wait for the end of the rest otherwise."""
    monkeypatch.setattr(hub, "PACE_S", 60)
    of, _ = await _backlogged()
    channel = await of.channel("x")
    channel._delivery.pace.paused = True
    await asyncio.sleep(0)
    assert not channel.is_queued, "it rests"
    async with asyncio.timeout(10):
        await of.keep_pace("x")
    assert not channel.is_backlogged()
    await of.stop()


async def test_an_editor_waits_no_longer_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "PACE_S", 0.01)
    of, _ = await _backlogged()
    monkeypatch.setattr(of.sweep, "_serve", lambda: None)
    async with asyncio.timeout(10):
        await of.keep_pace("x")
    assert (await of.channel("x")).is_backlogged()
    await of.stop()


async def test_a_bell_rings_for_who_waits_now() -> None:
    """Who left takes it from nobody; who comes later waits for the next."""
    bell = Bell()
    bell.ring()
    first, second = (asyncio.ensure_future(bell.wait()) for _ in range(2))
    await asyncio.sleep(0)
    assert bell.is_awaited
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    bell.ring()
    await second
    assert not bell.is_awaited
    third = asyncio.ensure_future(bell.wait())
    for _ in range(3):
        await asyncio.sleep(0)
    assert not third.done()
    bell.ring()
    await third
