"""The sitemap."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from stoppress.web.pages.sitemap import last_changes, sitemap
from tests.memory_store import MemoryStore
from tests.unit.web.web_harness import BASE, Stand, feed, post

pytestmark = pytest.mark.asyncio


async def test_the_document() -> None:
    """One address per feed, with when it changed."""
    times = ["2026-11-22T09:20:00.000Z", "2026-11-23T09:20:00.000Z"]
    feeds = zip((feed("a"), feed("b")), times, strict=True)
    tree = ET.fromstring(sitemap(feeds, BASE))
    assert [one[0].text for one in tree] == [f"{BASE}/live/a", f"{BASE}/live/b"]
    assert [one[1].text for one in tree] == times


async def test_a_post_moves_the_time() -> None:
    """Though the feed's own fields stay."""
    stand = Stand()
    stand.put(feed(), post(1))
    async with stand.client() as client:
        before = (await client.get("/sitemap.xml")).text
        stand.put(feed(), post(2))
        assert (await client.get("/sitemap.xml")).text != before


async def test_a_feed_without_events_has_its_own_time() -> None:
    """So has every feed while the store is away."""
    store = MemoryStore()
    one = feed("nowhere")
    assert await last_changes(store, [one]) == [(one, one["updated_at"])]
    store.away = True
    assert await last_changes(store, [one]) == [(one, one["updated_at"])]
