"""How many read a feed: counted over processes, told at a bounded rate."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from stoppress.domain.errors import Unavailable
from stoppress.hub.asgi_and_long_poll_readers import RelayedReader
from stoppress.hub.feed_status_and_access import ANYONE
from stoppress.hub.hub import Hub
from stoppress.hub.send_reader_counts import EVERY_S, LEASE_S
from stoppress.settings import Settings
from stoppress.wire.wire_formats import WireFormat
from tests.scripted_upstream import ScriptedUpstream

pytestmark = pytest.mark.asyncio


class Book:
    """A census in memory, and one process's side of it."""

    def __init__(self, pages: dict[int, Mapping[str, int]]) -> None:
        self.pages = pages
        self.asked = 0
        self.away = False
        self.leases: list[float] = []

    async def count(self, here: Mapping[str, int], lease_s: float) -> Mapping[str, int]:
        """Leave counts, get everyone's."""
        self.asked += 1
        self.leases.append(lease_s)
        if self.away:
            raise Unavailable("away")
        self.pages[id(self)] = dict(here)
        total: Counter[str] = Counter()
        for page in self.pages.values():
            total.update(page)
        return total


class House:
    """One process, on a clock that is turned by hand."""

    def __init__(self, pages: dict[int, Mapping[str, int]]) -> None:
        self.book = Book(pages)
        self.upstream = ScriptedUpstream()
        self.upstream.make("x", show_readers=True)
        self.upstream.make("shy")
        settings = Settings(public_url="http://h")
        self.hub = Hub(self.upstream, settings, census=self.book)
        self.now = self.hub.now()

    async def round(self, seconds: float = EVERY_S) -> None:
        """So much time goes by, then a tick, and what follows from it."""
        self.now += seconds
        self.hub.tick(self.now)
        for _ in range(10):
            await asyncio.sleep(0)


async def _reads(owner: House, feed: str) -> RelayedReader:
    reader = RelayedReader(owner.hub, WireFormat.LINES, ANYONE)
    await owner.hub.channel(feed)
    owner.hub.follow(reader, feed, None)
    await reader.next_bytes()
    return reader


async def _told(reader: RelayedReader) -> list[Any]:
    """The counts that wait for a reader."""
    if not reader._outbox:
        return []
    lines = (await reader.next_bytes()).splitlines()
    return [json.loads(line).get("count") for line in lines]


async def test_readers_of_all_processes_get_one_count() -> None:
    pages: dict[int, Mapping[str, int]] = {}
    one, two = House(pages), House(pages)
    here = [await _reads(one, "x") for _ in range(3)]
    there = await _reads(two, "x")
    for _ in range(2):
        await one.round()
        await two.round()
    assert [(await _told(reader))[-1] for reader in (*here, there)] == [4] * 4
    # Nothing changed: nobody is told, though the lease is kept.
    asked = one.book.asked
    await one.round()
    assert one.book.asked == asked + 1
    assert one.book.leases[-1] == LEASE_S > 2 * EVERY_S
    assert await _told(here[0]) == []
    # One goes there: who is here hears of it.
    there.disconnected()
    await two.round()
    await one.round()
    assert await _told(here[0]) == [3]
    assert pages[id(two.book)] == {}
    asked = two.book.asked
    await two.round()
    assert two.book.asked == asked
    await one.hub.stop()
    assert pages[id(one.book)] == {}
    await two.hub.stop()


async def test_the_census_is_queried_rarely_and_once_at_a_time() -> None:
    owner = House({})
    reader = await _reads(owner, "x")
    for number in range(40):
        await owner.round(0.5)
        if number % 3 == 0:
            await _reads(owner, "x")
    assert owner.book.asked == 40 * 0.5 / EVERY_S
    assert len(await _told(reader)) <= owner.book.asked
    await owner.hub.stop()


async def test_feeds_that_hide_their_count_are_not_queried() -> None:
    owner = House({})
    reader = await _reads(owner, "shy")
    for _ in range(3):
        await owner.round()
    assert owner.book.asked == 0
    owner.upstream.change("shy", show_readers=True)
    await owner.round()
    await reader.next_bytes()  # that the feed was changed
    await owner.round()
    assert owner.book.asked == 2
    assert owner.book.pages[id(owner.book)] == {"shy": 1}
    await owner.hub.stop()


async def test_no_count_is_sent_without_the_census() -> None:
    owner = House({})
    owner.book.away = True
    reader = await _reads(owner, "x")
    await owner.round()
    await owner.round()
    assert (owner.book.asked, await _told(reader)) == (2, [])
    owner.book.away = False
    await owner.round()
    assert await _told(reader) == [1]
    owner.book.away = True
    await owner.hub.stop()
