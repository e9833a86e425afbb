"""The readers' pages: readable, cacheable, quiet about what is not to be known."""

from __future__ import annotations

import html
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


async def test_what_does_not_exist_has_a_readable_page() -> None:
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


async def test_feeds_for_readers_of_feeds() -> None:
    """Atom and JSON Feed have stable ids, dates, and the text."""
    made = stand()
    made.put(feed(), post(4, headline=None, body="First words of it.\n\nMore."))
    async with made.client() as client:
        tree = ET.fromstring((await client.get("/live/x/atom.xml")).content)
        entry = tree.find(f"{ATOM}entry")
        assert entry is not None
        assert entry.findtext(f"{ATOM}id") == f"{BASE}/live/x/00000000000004"
        assert entry.findtext(f"{ATOM}title") == "First words of it. More."
        assert entry.findtext(f"{ATOM}updated") == "2026-11-22T09:34:00.000Z"
        answer = await client.get("/live/x/feed.json")
        assert answer.headers["content-type"] == "application/feed+json"
        value = answer.json()
        assert value["version"] == "https://jsonfeed.org/version/1.1"
        assert [item["id"][-1] for item in value["items"]] == ["4", "3", "2", "1"]
        assert "title" not in value["items"][0]


async def test_oembed() -> None:
    """A frame of the size asked for; what is no feed of ours is 404."""
    async with stand().client() as client:
        asked = {"url": f"{BASE}/live/x", "maxwidth": "400"}
        value = (await client.get("/oembed", params=asked)).json()
        assert (value["type"], value["version"], value["width"]) == ("rich", "1.0", 400)
        assert f'src="{BASE}/embed/x"' in value["html"]
        for url in ("", "https://a.example/", f"{BASE}/live/no"):
            answer = await client.get("/oembed", params={"url": url})
            assert answer.status_code == 404
        asked = {"url": f"{BASE}/live/x", "format": "xml"}
        assert (await client.get("/oembed", params=asked)).status_code == 501


async def test_the_frame_may_stand_anywhere_and_tells_its_height_to_one() -> None:
    """frame-ancestors *, and a parent that is an origin or refused."""
    async with stand().client() as client:
        asked = {"parent": "https://news.example/path"}
        frame = await client.get("/embed/x", params=asked)
        assert "frame-ancestors *" in frame.headers["content-security-policy"]
        assert 'data-parent="https://news.example"' in frame.text
        bad = await client.get("/embed/x", params={"parent": "*"})
        assert bad.status_code == 422
        page = await client.get("/live/x")
        assert "frame-ancestors 'self'" in page.headers["content-security-policy"]


async def test_days_are_set_apart_in_the_feeds_zone() -> None:
    """A night crossed at midnight in Berlin: two days, each named once."""
    made = Stand()
    made.put(feed(), post(1), post(840), post(869), post(871), post(900))
    async with made.client() as client:
        text = (await client.get("/live/x")).text
    days = re.findall(r'class="sp-day"><time datetime="([\d-]+)">([^<]+)', text)
    assert days == [
        ("2026-11-23", "Monday 23 November 2026"),
        ("2026-11-22", "Sunday 22 November 2026"),
    ]


async def test_languages() -> None:
    """The feed's language and direction; a post of another one is marked."""
    made = Stand()
    made.put(
        feed(language="ar", direction="rtl"),
        post(1),
        post(2, language="tr", headline="İbrahim Kalın konuştu"),
    )
    async with made.client() as client:
        text = (await client.get("/live/x")).text
        assert '<html lang="ar" dir="rtl">' in text
        assert 'lang="tr" dir="ltr"' in text
        assert "الأحد 22 نوفمبر 2026" in text
        words = (await client.get("/stop-press/words/tr.json")).json()
        assert words["pinned"] == "Sabitlendi"
        fallback = (await client.get("/stop-press/words/eo.json")).json()
        assert fallback["language"] == "en"


async def test_packed_where_that_is_taken() -> None:
    """gzip for who accepts it; the page stays under 60 KB packed."""
    async with stand(40).client() as client:
        plain = await client.get("/live/x", headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        packed = await client.get("/live/x", headers={"accept-encoding": "gzip"})
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.text == plain.text
        assert int(packed.headers["content-length"]) < 60_000


async def test_other_posts_have_their_pages() -> None:
    """By tag, key moments, from the oldest on: all posts, once, and one canonical."""
    made = Stand()
    posts = [post(n, tags=["a&b"] * (n % 2), key=n % 4 == 0) for n in range(1, 46)]
    made.put(feed(), *posts)

    async def walk(path: str | None) -> list[int]:
        seen: list[int] = []
        while path:
            text = (await client.get(path)).text
            assert f'<link rel="canonical" href="{BASE}/live/x">' in text
            main = text[text.index('role="feed"') :]
            seen += [int(n) for n in re.findall(r'<article [^>]*data-id="(\w+)"', main)]
            link = re.search(r'class="sp-more"><a href="([^"#]+)"', text)
            path = html.unescape(link[1]) if link else None
        return seen

    async with made.client() as client:
        assert await walk("/live/x?tag=a%26b") == list(range(45, 0, -2))
        assert await walk("/live/x?key=1") == list(range(44, 0, -4))
        assert await walk("/live/x?order=oldest") == list(range(1, 46))
        assert await walk("/live/x?order=oldest&key=true") == list(range(4, 45, 4))
        assert (await client.get("/live/x?order=up")).status_code == 422
        text = (await client.get("/live/x?tag=a%26b")).text
        assert 'data-from="/v1/feeds/x/posts?tag=a%26b"' in text
        assert "data-home" not in text and "<title>#a&amp;b · Fire" in text
        assert 'href="/live/x?tag=a%26b&amp;order=oldest"' in text


async def test_where_posts_are_shared_is_a_setting() -> None:
    """On the page and with the widget's words alike; nothing is loaded from there."""
    async with stand().client(share="mail, whatsapp,x") as client:
        page = (await client.get("/live/x/00000000000002")).text
        at = "https%3A%2F%2Flive.example.org%2Flive%2Fx%2F00000000000002"
        assert f'href="https://wa.me/?text={at}" rel="noopener">WhatsApp</a>' in page
        words = (await client.get("/stop-press/words/de.json")).json()
        assert words["shared"] == ["mail", "whatsapp", "x"]
        assert ["mail", "E-Mail", "mailto:?body={url}"] in words["targets"]
    async with stand().client(share="") as client:
        page = (await client.get("/live/x/00000000000002")).text
        assert 'class="home share"' not in page


async def test_the_publisher_is_told_of() -> None:
    """Name, logo and pages elsewhere: on pages, and for machines."""
    pages = "https://social.example/@ledger, https://video.example/c/ledger"
    given = {"publisher_logo": "/l.png", "publisher_pages": pages}
    async with stand().client(publisher="The Ledger", **given) as client:
        for path in ("/", "/live/x"):
            text = (await client.get(path)).text
            assert '<img src="/l.png" alt="" height="28">The Ledger</a>' in text
        links = re.findall(r'<a href="([^"]+)" rel="me noopener">([^<]+)</a>', text)
        assert [f"{host}" for _, host in links] == ["social.example", "video.example"]
        organization = linked_data(text)["publisher"]
        assert organization["sameAs"] == [address for address, _ in links]


async def test_a_feed_names_its_own_places() -> None:
    """In its order, instead of the site's; what is no place is left out."""
    made = Stand()
    made.put(feed(share=["bluesky", "link", "mail"]), post(2))
    async with made.client(share="x") as client:
        page = (await client.get("/live/x/00000000000002")).text
        box = page.split('class="home share"')[1]
        assert re.findall(r'rel="noopener">([^<]+)</a>', box) == ["Bluesky", "E-mail"]
        block = re.search(r'class="sp-words">(.*?)</script>', page)
        assert block and '"shared":["bluesky","link","mail"]' in block[1]
