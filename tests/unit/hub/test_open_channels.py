"""The open channels of a process: each feed once, for as long as it is used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from stoppress.domain.errors import NotFound, Unavailable
from stoppress.hub import open_channels
from stoppress.hub.channel import Channel
from stoppress.hub.log_follower_protocol import EventSink
from stoppress.hub.open_channels import OpenChannels
from tests.scripted_upstream import ScriptedUpstream
from tests.unit.hub.benches import Bench, ChannelHarness, join

pytestmark = pytest.mark.asyncio
IDLE_S = 60.0


class House:
    """Channels over a log in memory, with a clock that is set by hand."""

    def __init__(self) -> None:
        self.upstream = ScriptedUpstream()
        self.upstream.make("x")
        self.bench = Bench()
        self.time = 0.0
        self.gone: list[Channel] = []
        self.channels = OpenChannels(
            self.upstream,
            IDLE_S,
            lambda: self.time,
            lambda feed: Channel(feed, self.bench),
            self.gone.append,
        )


@pytest_asyncio.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    house.upstream.answering = None
    await house.channels.stop()


async def test_all_who_ask_at_once_get_one_channel(house: House) -> None:
    """It is opened once; who leaves meanwhile ends it for nobody."""
    house.upstream.answering = asyncio.Event()
    asking = [asyncio.create_task(house.channels.get("x")) for _ in range(5)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    house.upstream.answering.set()
    found = await asyncio.gather(*asking[1:])
    assert len(set(map(id, found))) == 1 and house.upstream.opens == 1
    assert await house.channels.get("x") is found[0]
    assert list(house.channels.all()) == [found[0]]


async def test_a_feed_that_is_not_there_stays_closed(house: House) -> None:
    """And is looked for again by the next one who asks."""
    with pytest.raises(NotFound):
        await house.channels.get("y")
    assert house.channels.find("y") is None
    # Counted as gone: requests for feeds that do not exist fill no gauge.
    assert [channel.feed for channel in house.gone] == ["y"]
    house.upstream.make("y")
    assert (await house.channels.get("y")).feed == "y"


async def test_a_feed_that_does_not_open_in_time_is_unavailable(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was begun of it is ended."""
    monkeypatch.setattr(open_channels, "OPEN_S", 0.01)
    house.upstream.answering = asyncio.Event()
    with pytest.raises(Unavailable, match="'x' did not open in time"):
        await house.channels.get("x")
    assert house.upstream.closes == 1 and house.channels.find("x") is None


async def test_a_feed_that_ends_as_it_is_opened_is_not_there(house: House) -> None:
    """It was deleted in that moment."""
    opened = house.upstream.open

    async def ends(feed: str, sink: EventSink) -> None:
        await opened(feed, sink)
        sink.end()

    house.upstream.open = ends  # type: ignore[method-assign]
    with pytest.raises(NotFound):
        await house.channels.get("x")
    assert house.channels.find("x") is None


async def test_a_channel_closes_a_while_after_its_last_use(
    house: House, harness: ChannelHarness
) -> None:
    """Asking counts as use, and while it has readers it stays."""
    channel = await house.channels.get("x")
    house.time = IDLE_S - 1
    assert house.channels.find("x") is channel
    house.time += IDLE_S - 1
    house.channels.close_unused(house.time)
    assert house.gone == []
    reader = harness.bottomless(channel).reader
    house.channels.used(channel)
    house.channels.close_unused(house.time + 10 * IDLE_S)
    assert house.gone == []
    reader.leave_all()
    house.channels.used(channel)
    house.channels.close_unused(house.time + IDLE_S)
    assert house.gone == [channel] and house.channels.find("x") is None


async def test_a_feed_is_closed_before_it_is_opened_again(house: House) -> None:
    """Else the end of the one would be the end of the other."""
    first = await house.channels.get("x")
    house.channels.close(first)
    house.channels.used(first)  # too late: it is no use of the next one
    second = await house.channels.get("x")
    assert second is not first and (house.upstream.opens, house.upstream.closes) == (
        2,
        1,
    )


async def test_a_line_that_can_not_be_closed_is_told_and_is_no_obstacle(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """The next one opens all the same."""

    async def away(feed: str) -> None:
        raise Unavailable("Redis is away")

    channel = await house.channels.get("x")
    house.upstream.close = away  # type: ignore[method-assign]
    house.channels.close(channel)
    assert await house.channels.get("x") is not channel
    assert "closing the upstream of feed x" in caplog.text


async def test_once_stopped_nothing_is_opened(house: House) -> None:
    """And all is closed."""
    channel = await house.channels.get("x")
    await house.channels.stop()
    assert house.gone == [channel]
    with pytest.raises(Unavailable, match="shutting down"):
        await house.channels.get("x")


async def test_join_is_what_makes_a_channel_used(
    house: House, harness: ChannelHarness
) -> None:
    """The bench's readers are real ones, as far as a channel knows."""
    channel = await house.channels.get("x")
    follow = join(harness.bottomless(channel).reader, channel)
    assert channel.size == 1
    follow.reader.leave_all()
    assert channel.size == 0
