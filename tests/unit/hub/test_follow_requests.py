"""Follows that are decided at once, and those that wait for a feed or for events."""

from __future__ import annotations

import asyncio

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.hub import follow_requests
from stoppress.wire.close_codes import CloseCode
from tests.unit.hub.hub_harness import next_messages, open_hub, relayed_reader

pytestmark = pytest.mark.asyncio


async def test_a_cursor_beyond_the_log_is_reset_at_once() -> None:
    """One read of the head says so; nobody waits."""
    of, paper = open_hub()
    await of.channel("x")
    reader = relayed_reader(of)
    of.follow(reader, "x", Cursor("k3v9", 5))
    (reset,) = await next_messages(reader)
    assert reset["type"] == "reset"
    assert paper.heads == 1
    reader.disconnected()
    await of.stop()


async def test_a_line_that_does_not_come_up_in_time_leads_nobody_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who is ahead of it comes again, and goes on where it was."""
    monkeypatch.setattr(follow_requests, "CATCH_UP_S", 0.01)
    of, paper = open_hub()
    await of.channel("x")
    paper.held = True
    paper.publish("x")
    reader = relayed_reader(of)
    of.follow(reader, "x", Cursor("k3v9", 1))
    (error,) = await next_messages(reader)
    assert (error["type"], error["code"]) == ("error", CloseCode.BYE)
    paper.deliver("x")
    of.follow(reader, "x", Cursor("k3v9", 1))
    (hello,) = await next_messages(reader)
    assert (hello["type"], hello["resumed"]) == ("hello", True)
    reader.disconnected()
    await of.stop()


async def test_a_channel_closed_while_a_follow_waits_is_opened_for_it() -> None:
    """The feed goes on: only this process had no use for it a moment ago."""
    of, paper = open_hub(channel_idle_s=1)
    await of.channel("x")
    paper.held = True
    paper.publish("x")
    reader = relayed_reader(of)
    of.follow(reader, "x", Cursor("k3v9", 1))
    for _ in range(10):  # turns of the loop: until it waits for the line
        await asyncio.sleep(0)
    assert paper.heads == 1
    paper.held = False
    of.tick(of.now() + 2)
    (hello,) = await next_messages(reader)
    assert (hello["type"], hello["cursor"]) == ("hello", "k3v9-1")
    assert (paper.opens, paper.closes) == (2, 1)
    reader.disconnected()
    await of.stop()


async def test_another_epoch_costs_no_read() -> None:
    of, paper = open_hub()
    await of.channel("x")
    reader = relayed_reader(of)
    of.follow(reader, "x", Cursor("old", 5))
    assert (await next_messages(reader))[0]["type"] == "reset"
    assert paper.heads == 0
    reader.disconnected()
    await of.stop()


async def test_the_last_of_several_seeks_counts() -> None:
    """Also when an earlier one still waits for the feed to open."""
    of, paper = open_hub()
    for _ in range(3):
        paper.publish("x")
    paper.gate = asyncio.Event()
    reader = relayed_reader(of)
    of.follow(reader, "x", Cursor("k3v9", 0))
    of.follow(reader, "x", Cursor("k3v9", 2))
    paper.gate.set()
    hello = await next_messages(reader)
    assert [m["cursor"] for m in hello] == ["k3v9-2"]
    assert [m["cursor"] for m in await next_messages(reader)] == ["k3v9-3"]
    reader.disconnected()
    await of.stop()


async def test_a_reader_that_leaves_while_waiting_is_not_joined() -> None:
    of, paper = open_hub()
    paper.gate = asyncio.Event()
    reader = relayed_reader(of)
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
