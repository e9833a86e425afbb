"""The hub over a log in memory: opening, following, waiting, ending."""

from __future__ import annotations

import asyncio

import pytest

from stoppress.domain.errors import NotFound, Unavailable
from stoppress.hub import hub, open_channels
from stoppress.hub.bell import Bell
from stoppress.hub.hub import Hub
from stoppress.wire.close_codes import CloseCode
from tests.scripted_upstream import ScriptedUpstream
from tests.unit.hub.hub_harness import next_messages, open_hub, relayed_reader

pytestmark = pytest.mark.asyncio


async def test_a_feed_that_is_not_there_is_not_found_each_time() -> None:
    of, upstream = open_hub()
    for _ in range(2):
        with pytest.raises(NotFound):
            await of.channel("nowhere")
    upstream.make("nowhere")
    assert (await of.channel("nowhere")).feed == "nowhere"
    await of.stop()


async def test_the_first_caller_may_leave_and_the_others_get_the_feed() -> None:
    of, upstream = open_hub()
    upstream.answering = asyncio.Event()
    first = asyncio.create_task(of.channel("x"))
    second = asyncio.create_task(of.channel("x"))
    for _ in range(10):  # turns of the loop
        await asyncio.sleep(0)
    assert upstream.opens == 1
    first.cancel()
    upstream.answering.set()
    assert (await second).ring.epoch == "k3v9"
    assert upstream.opens == 1
    assert first.cancelled()
    await of.stop()
    assert upstream.closes == 1


async def test_opening_takes_no_longer_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(open_channels, "OPEN_S", 0.01)
    of, upstream = open_hub()
    upstream.answering = asyncio.Event()
    with pytest.raises(Unavailable):
        await of.channel("x")
    upstream.answering.set()
    assert (await of.channel("x")).ring.head == 0
    await of.stop()


@pytest.mark.parametrize(("bound", "spread"), [(1000, 18_000), (10_000, 9000)])
async def test_reconnects_are_spread_over_the_admission_rate(
    bound: int, spread: int
) -> None:
    of, _ = open_hub(retry_ms=4000, handshakes_per_s=bound)
    assert of.spread_ms(4000, 18_000) == spread
    await of.stop()


async def test_a_drain_is_spread_by_the_number_of_readers() -> None:
    of, _ = open_hub(retry_ms=4000)
    assert of.spread_ms(4000, 10) == 4000
    assert of.spread_ms(4000, 18_000) == 9000
    await of.channel("x")
    readers = [relayed_reader(of) for _ in range(200)]
    for reader in readers:
        of.follow(reader, "x", None)
    await of.drain(0.02)
    waits = set()
    for reader in readers:
        bye = (await next_messages(reader))[-1]
        assert bye["type"] == "bye"
        assert 0 <= bye["retry_ms"] <= 4000
        waits.add(bye["retry_ms"])
        assert reader.closing == CloseCode.BYE
        reader.disconnected()
    assert len(waits) > 50
    assert of.is_draining
    await of.stop()


async def test_a_plain_reader_that_reads_nothing_has_one_write_waiting() -> None:
    """And beats, up to a bound; then it is closed."""
    of, upstream = open_hub(ring_events=10)
    channel = await of.channel("x")
    reader = relayed_reader(of)
    of.follow(reader, "x", None)
    for _ in range(20):
        upstream.publish("x", "n" * 50_000)
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
    of, upstream = open_hub()
    upstream.answering = asyncio.Event()
    reader = relayed_reader(of)
    of.follow(reader, "x", None)
    asking = asyncio.create_task(of.channel("x"))
    await asyncio.sleep(0)
    await of.stop()
    with pytest.raises((asyncio.CancelledError, Unavailable)):
        await asking
    with pytest.raises(Unavailable):
        await of.channel("x")
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_failed_delivery_loop_ends_the_hub(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process that runs it ends too, rather than serve no reader."""

    def broken(*_: object) -> int:
        raise IndexError("beyond the end")

    of, _ = open_hub()
    watching = asyncio.create_task(of.watch())
    reader = relayed_reader(of)
    of.follow(reader, "x", None)
    await next_messages(reader)
    assert not watching.done()
    monkeypatch.setattr("stoppress.hub.channel.Channel.serve", broken)
    monkeypatch.setattr("stoppress.hub.channel.Channel.failed", broken)
    (await of.channel("x")).send_notice("beat", b"{}")
    with pytest.raises(RuntimeError, match="the sweep failed") as failed:
        async with asyncio.timeout(60):
            await watching
    assert isinstance(failed.value.__cause__, IndexError)
    await of.stop()


async def _backlogged() -> tuple[Hub, ScriptedUpstream]:
    """A hub in which a reader lacks more than it is at ease with."""
    of, upstream = open_hub()
    await of.channel("x")
    reader = relayed_reader(of)
    of.follow(reader, "x", None)
    await next_messages(reader)
    for _ in range(40):
        upstream.publish("x", "n" * 1000)
    return of, upstream


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


async def test_an_editor_who_arrives_in_a_pause_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise the write would wait for its end."""
    monkeypatch.setattr(hub, "PACE_S", 60)
    of, _ = await _backlogged()
    channel = await of.channel("x")
    channel._delivery.write_throttle.paused = True
    await asyncio.sleep(0)
    assert not channel.is_queued, "it rests"
    async with asyncio.timeout(60):
        await of.keep_pace("x")
    assert not channel.is_backlogged()
    await of.stop()


async def test_an_editor_waits_no_longer_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "PACE_S", 0.01)
    of, _ = await _backlogged()
    monkeypatch.setattr(of.sweep, "_serve", lambda: None)
    async with asyncio.timeout(60):
        await of.keep_pace("x")
    assert (await of.channel("x")).is_backlogged()
    await of.stop()


async def test_a_bell_wakes_the_present_waiters() -> None:
    """A waiter that leaves takes it from no other; a later one waits for the next."""
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
