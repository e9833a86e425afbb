"""The newest posts of other live feeds: public, live, never the feed itself."""

from __future__ import annotations

import re

import pytest

from tests.unit.web.web_harness import Stand, feed, post

pytestmark = pytest.mark.asyncio


def services() -> Stand:
    """Feeds of every kind, and one to read."""
    made = Stand()
    made.put(feed(), post(1))
    made.put(feed("quay", title="The quay"), post(2, headline="Older"))
    made.put(feed("bridge", title="<Bridge>", language="tr"), post(3), post(9))
    made.put(feed("empty", title="Empty"))
    made.put(feed("over", title="Over", status="closed"), post(4))
    made.put(feed("soon", title="Soon", status="upcoming"), post(5))
    made.put(feed("quiet", title="Quiet", visibility="unlisted"), post(6))
    made.put(feed("secret", title="Secret", visibility="private"), post(7))
    return made


def reported(text: str) -> list[tuple[str, str]]:
    """The feeds and headlines in the box."""
    found = re.search(r'<aside class="sp-others".*?</aside>', text)
    assert found is not None
    return re.findall(r'href="/live/(\w+)">.*?</time> ([^<]+)</p>', found[0])


async def test_only_public_live_feeds_with_posts() -> None:
    """Newest first; their titles are escaped and marked with their language."""
    async with services().client() as client:
        text = (await client.get("/live/x")).text
        assert reported(text) == [("bridge", "Headline 9"), ("quay", "Older")]
        item = text.split('<li lang="tr" dir="ltr" data-feed="bridge"')[1]
        assert '><a href="/live/bridge">&lt;Bridge&gt;</a>' in item
        assert re.match(
            rf' data-id="{9:014d}" data-at="[^"]+" data-cursor="\w+-\d+">', item
        )
        assert "sp-others" not in (await client.get("/embed/x")).text
        other = (await client.get("/live/bridge")).text
        assert reported(other) == [("quay", "Older"), ("x", "Headline 1")]


@pytest.mark.parametrize(
    "given",
    [
        {"headline": "Headline alone"},
        {"headline": None, "media": [{"type": "link", "url": "https://[a"}]},
    ],
)
async def test_a_post_without_a_text_is_shown_as_well(
    given: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    """By its headline, or by what its medium has; on the index too."""
    made = services()
    made.put(feed("quay", title="The quay"), post(20, body="", html="", **given))
    async with made.client() as client:
        text = (await client.get("/live/x")).text
        shown = str(given["headline"] or "[a")
        assert reported(text)[0] == ("quay", shown)
        assert shown in (await client.get("/")).text
        assert "damaged" not in caplog.text


async def test_other_feeds_show_their_current_posts() -> None:
    """A post of another feed changes the page, and what the page asks for."""
    made = services()
    async with made.client() as client:
        first = await client.get("/live/x")
        made.withdraw("bridge", f"{9:014d}")
        again = await client.get(
            "/live/x", headers={"if-none-match": first.headers["etag"]}
        )
        assert reported(again.text)[0] == ("bridge", "Headline 3")
        asked = (await client.get("/live/x/others.json")).json()["html"]
        assert reported(asked) == reported(again.text)


async def test_the_number_of_other_feeds_is_a_setting() -> None:
    """0: none, and no box."""
    async with services().client(other_feeds=1) as client:
        assert len(reported((await client.get("/live/x")).text)) == 1
    async with services().client(other_feeds=0) as client:
        text = (await client.get("/live/x")).text
        assert reported(text) == [] and re.search(r'sp-others"[^>]* hidden>', text)
