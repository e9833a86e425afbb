"""What is on a page."""

from __future__ import annotations

import pytest

from stoppress.web.pages import reader_template_values
from tests.unit.web.web_harness import Stand, feed, post

pytestmark = pytest.mark.asyncio


async def test_the_page_of_a_feed_says_what_it_is_about() -> None:
    """To people who share it, and to machines."""
    stand = Stand()
    stand.put(feed(), post(1), post(2, pinned=True))
    async with stand.client() as client:
        page = (await client.get("/live/x")).text
    assert "<title>Fire at the harbour" in page
    assert 'property="og:title"' in page and "LiveBlogPosting" in page
    assert page.index("Headline 2") < page.index("Headline 1")


async def test_the_page_of_a_post_is_named_by_its_headline() -> None:
    """And leads to its own address."""
    stand = Stand()
    stand.put(feed(), post(1), post(2))
    name = post(1)["id"]
    async with stand.client() as client:
        page = (await client.get(f"/live/x/{name}")).text
    assert "<title>Headline 1 · Fire at the harbour" in page
    assert f'rel="canonical" href="https://live.example.org/live/x/{name}"' in page


async def test_a_description_is_short() -> None:
    """A long standfirst is cut where a word ends."""
    stand = Stand()
    stand.put(feed(standfirst="The quay is closed. " * 100), post(1))
    async with stand.client() as client:
        page = (await client.get("/live/x")).text
    described = page.partition('name="description" content="')[2].partition('"')[0]
    assert 50 < len(described) <= reader_template_values.DESCRIPTION + 1


async def test_the_rest_of_a_page_has_an_address() -> None:
    """That of the API's page, as readers have it."""
    assert reader_template_values._page_of("x", None) is None
    path = "/v1/feeds/x/posts?before=7-p1&tag=rail"
    assert reader_template_values._page_of("x", path) == "/live/x?before=7-p1&tag=rail"
