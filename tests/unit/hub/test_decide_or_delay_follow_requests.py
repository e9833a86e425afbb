"""Follows that are decided at once, and those that wait for a feed or for events."""

from __future__ import annotations

import asyncio

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.hub import decide_or_delay_follow_requests
from stoppress.wire.close_codes import CloseCode
from tests.unit.hub.hub_harness import next_messages, open_hub, relayed_reader

pytestmark = pytest.mark.asyncio


async def test_a_cursor_beyond_the_log_is_reset_at_once() -> None:
    """One read of the head says so; nobody waits."""
    of, upstream = open_hub()
    await of.channel("x")
    reader = relayed_reader(of)
    of.follow(reader, "x", Cursor("k3v9", 5))
    (reset,) = await next_messages(reader)
    assert reset["type"] == "reset"
    assert upstream.heads == 1
    reader.disconnected()
    await of.stop()


async def test_readers_ahead_of_a_late_subscription_keep_their_cursor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They reconnect and resume there."""
    monkeypatch.setattr(decide_or_delay_follow_requests, "CATCH_UP_S", 0.01)
    of, upstream = open_hub()
    await of.channel("x")
    upstream.held = True
    upstream.publish("x")
    reader = relayed_reader(of)
    of.follow(reader, "x", Cursor("k3v9", 1))
    (error,) = await next_messages(reader)
    assert (error["type"], error["code"]) == ("error", CloseCode.BYE)
    upstream.deliver("x")
    of.follow(reader, "x", Cursor("k3v9", 1))
    (hello,) = await next_messages(reader)
    assert (hello["type"], hello["resumed"]) == ("hello", True)
    reader.disconnected()
    await of.stop()


async def test_a_channel_closed_while_a_follow_waits_is_opened_for_it() -> None:
    """The feed goes on: only this process had no use for it a moment ago."""
    of, upstream = open_hub(channel_idle_s=1)
    await of.channel("x")
    upstream.held = True
    upstream.publish("x")
    reader = relayed_reader(of)
    of.follow(reader, "x", Cursor("k3v9", 1))
    for _ in range(10):  # turns of the loop: until it waits for the line
        await asyncio.sleep(0)
    assert upstream.heads == 1
    upstream.held = False
    of.tick(of.now() + 2)
    (hello,) = await next_messages(reader)
    assert (hello["type"], hello["cursor"]) == ("hello", "k3v9-1")
    assert (upstream.opens, upstream.closes) == (2, 1)
    reader.disconnected()
    await of.stop()


async def test_another_epoch_costs_no_read() -> None:
    of, upstream = open_hub()
    await of.channel("x")
    reader = relayed_reader(of)
    of.follow(reader, "x", Cursor("old", 5))
    assert (await next_messages(reader))[0]["type"] == "reset"
    assert upstream.heads == 0
    reader.disconnected()
    await of.stop()


async def test_the_last_of_several_seeks_counts() -> None:
    """Also when an earlier one still waits for the feed to open."""
    of, upstream = open_hub()
    for _ in range(3):
        upstream.publish("x")
    upstream.answering = asyncio.Event()
    reader = relayed_reader(of)
    of.follow(reader, "x", Cursor("k3v9", 0))
    of.follow(reader, "x", Cursor("k3v9", 2))
    upstream.answering.set()
    hello = await next_messages(reader)
    assert [m["cursor"] for m in hello] == ["k3v9-2"]
    assert [m["cursor"] for m in await next_messages(reader)] == ["k3v9-3"]
    reader.disconnected()
    await of.stop()


async def test_a_reader_that_leaves_while_waiting_is_not_joined() -> None:
    of, upstream = open_hub()
    upstream.answering = asyncio.Event()
    reader = relayed_reader(of)
    of.follow(reader, "x", None)
    reader.disconnected()
    upstream.answering.set()
    channel = await of.channel("x")
    for _ in range(10):  # turns of the loop
        await asyncio.sleep(0)
    assert len(of._tasks) == 0
    assert channel.size == 0
    assert of.readers() == 0
    await of.stop()
