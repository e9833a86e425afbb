"""The readers' pages: readable, cacheable, quiet about what is not to be known."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from tests.unit.web.web_harness import BASE, Stand, feed, post

pytestmark = pytest.mark.asyncio

ATOM = "{http://www.w3.org/2005/Atom}"
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'<!--"


def stand(count: int = 3, **more: Any) -> Stand:
    """A stand with one feed of `count` posts."""
    made = Stand()
    made.put(feed(**more), *(post(n) for n in range(1, count + 1)))
    return made


def linked_data(text: str) -> dict[str, Any]:
    """The page's JSON-LD."""
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', text)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


async def test_the_page_is_readable_and_carries_its_cursor() -> None:
    """Headlines, texts and times are in the HTML; so is the place to go on from."""
    async with stand().client() as client:
        answer = await client.get("/live/x")
    assert answer.status_code == 200
    text = answer.text
    assert "<h1" in text and "Fire at the harbour" in text
    assert [text.index(f"Headline {n}") for n in (3, 2, 1)] == sorted(
        text.index(f"Headline {n}") for n in (3, 2, 1)
    )
    assert "<strong>3</strong>" in text
    assert ">10:33</time>" in text, "times are the feed's: Berlin is an hour ahead"
    assert 'title="Sunday 22 November 2026, 10:33 (UTC+1)"' in text
    assert 'data-cursor="k3v9-1"' in text


async def test_older_posts_are_reached_by_links() -> None:
    """Without JavaScript every post is reached, once."""
    seen: list[str] = []
    async with stand(45).client() as client:
        path: str | None = "/live/x"
        while path:
            text = (await client.get(path)).text
            main = text[text.index('role="feed"') :]
            seen += re.findall(r'<article [^>]*data-id="(\w+)"', main)
            link = re.search(r'class="sp-more"><a href="([^"#]+)"', text)
            path = link[1] if link else None
    assert seen == [f"{n:014d}" for n in range(45, 0, -1)]


async def test_no_inline_code_and_a_policy_that_forbids_it() -> None:
    """Every script element has a src or holds data; styles are files."""
    async with stand().client() as client:
        for path in ("/", "/live/x", "/embed/x", "/live/x/00000000000002", "/live/no"):
            answer = await client.get(path)
            policy = answer.headers["content-security-policy"]
            assert "script-src 'self'" in policy and "unsafe" not in policy
            assert "require-trusted-types-for 'script'" in policy
            for attributes in re.findall(r"<script([^>]*)>", answer.text):
                assert "src=" in attributes or "json" in attributes
            assert "<style" not in answer.text and " style=" not in answer.text
            assert not re.search(r"\son\w+=", answer.text)


async def test_hostile_text_stays_text() -> None:
    """Markup in any member that is no markup is escaped, in every kind of answer."""
    nasty = post(
        9,
        headline=HOSTILE,
        body=HOSTILE,
        tags=[HOSTILE],
        authors=[{"name": HOSTILE, "url": "javascript:alert(1)"}],
        source={"name": HOSTILE, "url": "JAVASCRIPT:alert(1)"},
        media=[
            {"type": "image", "url": "javascript:alert(1)", "alt": HOSTILE},
            {"type": "image", "url": "https://a.example/b.png", "alt": HOSTILE},
            {"type": "link", "url": "//evil.example/x", "title": HOSTILE},
            {"type": "quote", "text": HOSTILE, "credit": HOSTILE},
        ],
        correction={"note": HOSTILE, "at": "2026-11-22T09:40:00.000Z"},
    )
    made = Stand()
    made.put(feed(title=HOSTILE, standfirst=HOSTILE, summary=HOSTILE), nasty)
    async with made.client() as client:
        for path in ("/", "/live/x", "/embed/x", f"/live/x/{nasty['id']}"):
            text = (await client.get(path)).text
            assert "<script>alert" not in text
            assert "<img src=x" not in text
            assert "javascript:" not in text.lower()
            assert 'href="//evil' not in text
        data = linked_data((await client.get("/live/x")).text)
        assert data["headline"] == HOSTILE
        atom = (await client.get("/live/x/atom.xml")).content
        entry = ET.fromstring(atom).find(f"{ATOM}entry")
        assert entry is not None and entry.findtext(f"{ATOM}title") == HOSTILE
        item = (await client.get("/live/x/feed.json")).json()["items"][0]
        assert item["title"] == HOSTILE


async def test_linked_data_is_complete() -> None:
    """LiveBlogPosting with what search engines ask for; the end only when closed."""
    made = stand()
    async with made.client(publisher="The Ledger", publisher_logo="/l.png") as client:
        data = linked_data((await client.get("/live/x")).text)
        assert data["@type"] == "LiveBlogPosting"
        assert data["url"] == f"{BASE}/live/x"
        assert data["publisher"]["name"] == "The Ledger"
        assert data["publisher"]["logo"]["url"] == f"{BASE}/l.png"
        assert data["coverageStartTime"] == "2026-11-22T10:30:00+01:00"
        assert "coverageEndTime" not in data
        first = data["liveBlogUpdate"][0]
        assert first["headline"] == "Headline 3"
        assert first["articleBody"] == "Text 3."
        assert first["datePublished"] == "2026-11-22T10:33:00+01:00"
        assert first["url"] == f"{BASE}/live/x/00000000000003"
        closed = {"status": "closed", "closed_at": "2026-11-22T12:05:00.000Z"}
        made.put(feed(**closed))
        page = (await client.get("/live/x")).text
        assert linked_data(page)["coverageEndTime"] == "2026-11-22T13:05:00+01:00"
        assert '<time datetime="2026-11-22T12:05:00.000Z">' in page
        made.put(feed(**closed, coverage_end="2026-11-22T12:00:00.000Z"))
        data = linked_data((await client.get("/live/x")).text)
        assert data["coverageEndTime"] == "2026-11-22T13:00:00+01:00"
        older = feed(status="closed")
        del older["closed_at"]  # it was kept before there was such a member
        made.put(older)
        answer = await client.get("/live/x")
        assert answer.status_code == 200
        assert "coverageEndTime" not in linked_data(answer.text)


async def test_a_post_has_its_page_until_it_is_withdrawn() -> None:
    """200 with the post on top and marked; then 410; never there: 404."""
    made = stand()
    path = "/live/x/00000000000002"
    async with made.client() as client:
        answer = await client.get(path)
        assert answer.status_code == 200
        articles = re.findall(r"<article [^>]*>", answer.text)
        assert "00000000000002" in articles[0] and 'aria-current="true"' in articles[0]
        assert "Headline 3" not in answer.text
        assert f'<link rel="canonical" href="{BASE}{path}">' in answer.text
        made.withdraw("x", "00000000000002")
        gone = await client.get(path)
        assert gone.status_code == 410 and "withdrawn" in gone.text
        for other in ("/live/x", "/live/x/atom.xml", "/live/x/feed.json", "/embed/x"):
            assert "Headline 2" not in (await client.get(other)).text
        assert (await client.get("/live/x/nope")).status_code == 404


async def test_an_unknown_feed_has_a_readable_page() -> None:
    """An unknown feed, a bad slug and a private feed look the same."""
    made = stand()
    made.put(feed("secret", visibility="private"), post(5))
    async with made.client() as client:
        pages = [await client.get(f"/live/{slug}") for slug in ("no", "No!", "secret")]
        assert {page.status_code for page in pages} == {404}
        assert len({page.text for page in pages}) == 1
        assert "nothing at this address" in pages[0].text
        assert "Some coverage is private" in pages[0].text
        assert '<a href="/desk">Sign in</a>' in pages[0].text
        assert pages[0].headers["cache-control"] == "no-store"
        token = {"authorization": "Bearer sp_reader"}
        seen = await client.get("/live/secret", headers=token)
        assert seen.status_code == 200
        assert seen.headers["cache-control"] == "private, no-store"


async def test_lists_hold_public_feeds_alone() -> None:
    """Unlisted and private feeds are on no list, in no oEmbed, and not indexed."""
    made = stand()
    made.put(feed("quiet", title="Quiet", visibility="unlisted"))
    made.put(feed("secret", title="Secret", visibility="private"))
    async with made.client() as client:
        text = (await client.get("/")).text
        assert "/live/x" in text and "Quiet" not in text and "Secret" not in text
        places = ET.fromstring((await client.get("/sitemap.xml")).content)
        assert [place[0].text for place in places] == [f"{BASE}/live/x"]
        quiet = await client.get("/live/quiet")
        assert quiet.status_code == 200 and "noindex" in quiet.text
        asked = {"url": f"{BASE}/live/quiet"}
        assert (await client.get("/oembed", params=asked)).status_code == 404


async def test_a_page_is_made_once_a_cursor() -> None:
    """Asking again costs no read, or is 304; an event changes it."""
    made = stand(45)
    async with made.client() as client:
        first = await client.get("/live/x")
        older = re.search(r'class="sp-more"><a href="([^"]+)"', first.text)
        assert older is not None
        await client.get(older[1])
        reads = made.reads
        await client.get(older[1])
        assert made.reads == reads
        given = {"if-none-match": first.headers["etag"]}
        assert (await client.get("/live/x", headers=given)).status_code == 304
        made.put(feed(), post(60))
        again = await client.get("/live/x", headers=given)
        assert again.status_code == 200 and "Headline 60" in again.text


async def test_a_public_page_may_be_stored_for_a_second() -> None:
    """What caches are told, of pages and of files."""
    async with stand().client() as client:
        page = await client.get("/live/x")
        assert "s-maxage=1" in page.headers["cache-control"]
        script = await client.get("/stop-press.js")
        assert script.headers["access-control-allow-origin"] == "*"
        assert "max-age=300" in script.headers["cache-control"]
        given = {"if-none-match": script.headers["etag"]}
        again = await client.get("/stop-press.js", headers=given)
        assert again.status_code == 304
        lasting = re.search(r'src="(/stop-press\.\w+\.js)"', page.text)
        assert lasting is not None
        kept = await client.get(lasting[1])
        assert kept.content == script.content
        assert "immutable" in kept.headers["cache-control"]
