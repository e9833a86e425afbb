"""The hub over a log in memory: opening, following, waiting, ending."""

from __future__ import annotations

import asyncio

import pytest

from stoppress.domain.errors import NotFound, Unavailable
from stoppress.hub import hub, open_channels
from stoppress.hub.bell import Bell
from stoppress.hub.hub import Hub
from stoppress.wire.close_codes import CloseCode
from tests.newsroom_line import Paper
from tests.unit.hub.hub_harness import next_messages, open_hub, relayed_reader

pytestmark = pytest.mark.asyncio


async def test_a_feed_that_is_not_there_is_not_found_each_time() -> None:
    of, paper = open_hub()
    for _ in range(2):
        with pytest.raises(NotFound):
            await of.channel("nowhere")
    paper.make("nowhere")
    assert (await of.channel("nowhere")).feed == "nowhere"
    await of.stop()


async def test_whoever_asked_first_may_leave_and_the_others_get_the_feed() -> None:
    of, paper = open_hub()
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
    of, paper = open_hub()
    paper.gate = asyncio.Event()
    with pytest.raises(Unavailable):
        await of.channel("x")
    paper.gate.set()
    assert (await of.channel("x")).ring.head == 0
    await of.stop()


@pytest.mark.parametrize(("bound", "spread"), [(1000, 18_000), (10_000, 9000)])
async def test_reconnects_are_spread_over_the_admission_rate(
    bound: int, spread: int
) -> None:
    of, _ = open_hub(retry_ms=4000, handshakes_per_s=bound)
    assert of.spread_ms(4000, 18_000) == spread
    await of.stop()


async def test_a_crowd_is_sent_away_over_a_spread_of_its_size() -> None:
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


async def test_a_plain_reader_that_takes_nothing_has_one_visit_waiting() -> None:
    """And beats, up to a bound; then it is let go."""
    of, paper = open_hub(ring_events=10)
    channel = await of.channel("x")
    reader = relayed_reader(of)
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
    of, paper = open_hub()
    paper.gate = asyncio.Event()
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


async def test_a_hub_whose_sweep_failed_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who runs it ends with it; it does not stand there and serve nobody."""

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


async def _backlogged() -> tuple[Hub, Paper]:
    """A hub in which a reader lacks more than it is at ease with."""
    of, paper = open_hub()
    await of.channel("x")
    reader = relayed_reader(of)
    of.follow(reader, "x", None)
    await next_messages(reader)
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
