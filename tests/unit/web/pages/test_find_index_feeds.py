"""The list of feeds: what is live first, with newest post, time and picture."""

from __future__ import annotations

import re

import pytest

from tests.unit.web.web_harness import Stand, feed, post

pytestmark = pytest.mark.asyncio

PICTURE = {"type": "image", "url": "/p.svg", "width": 12, "height": 8}
START = "2026-11-30T09:00:00.000Z"


def newsroom() -> Stand:
    """Feeds in every status, in no order."""
    made = Stand()
    made.put(feed("over", title="Over", status="closed", closed_at=START), post(9))
    made.put(feed("soon", title="Soon", status="upcoming", coverage_start=START))
    made.put(feed("rest", title="Rest", status="paused"), post(8))
    made.put(feed("quay", title="Quay"), post(2, headline="Older"))
    made.put(
        feed("bridge", title="Bridge", language="tr"),
        post(3, media=[PICTURE]),
        post(7, headline="Newest"),
    )
    made.put(feed("secret", title="Secret", visibility="private"), post(7))
    made.put(feed("empty", title="Empty"))
    return made


def cards(text: str) -> dict[str, str]:
    """The cards, by the titles of their feeds."""
    found = re.findall(r"<li .*?</li>", text, re.DOTALL)
    return {re.findall(r"<h3><a [^>]+>([^<]+)", card)[0]: card for card in found}


async def test_live_feeds_come_first() -> None:
    """Of that the feed with the newest post; then the others by what they wait for."""
    async with newsroom().client() as client:
        text = (await client.get("/")).text
    assert list(cards(text)) == ["Bridge", "Quay", "Empty", "Soon", "Rest", "Over"]
    assert re.findall(r"<h2[^>]*>([^<]+)", text) == [
        "Live",
        "Coming up",
        "Paused",
        "Ended",
    ]


async def test_a_card_says_what_is_new() -> None:
    """With a link to the post, a time and the newest picture there is."""
    made = newsroom()
    async with made.client() as client:
        first = await client.get("/")
        card = cards(first.text)["Bridge"]
        assert f'href="/live/bridge/{7:014d}"' in card and "Newest</a>" in card
        assert 'src="/p.svg" alt="" width="12" height="8"' in card
        assert "data-age" in card and "Canlı" in card
        assert "Headline 9" not in cards(first.text)["Over"]
        assert "30 November 2026, 10:00 (UTC+1)" in cards(first.text)["Soon"]
        assert f'og:image" content="{"https://live.example.org"}/p.svg"' in first.text
        made.withdraw("bridge", f"{7:014d}")
        headers = {"if-none-match": first.headers["etag"]}
        again = await client.get("/", headers=headers)
        assert "Headline 3" in cards(again.text)["Bridge"]
        assert "Newest" not in again.text


async def test_an_unreadable_feed_is_shown_without_a_post() -> None:
    """The others are there as they were."""
    made = newsroom()
    made.put(feed("torn", title="Torn"), post(4, headline=4))
    async with made.client() as client:
        text = (await client.get("/")).text
    assert "latest" not in cards(text)["Torn"]
    assert "Newest" in cards(text)["Bridge"]


async def test_the_page_says_that_nothing_is_live() -> None:
    """The page says so."""
    async with Stand().client() as client:
        assert "Nothing is live at the moment." in (await client.get("/")).text
