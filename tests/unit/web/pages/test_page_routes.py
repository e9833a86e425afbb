"""What else is at the pages' addresses: feeds, oEmbed, frames, languages."""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from stoppress.web.pages.reader_template_values import PageViews
from tests.unit.web.pages.test_handle_pages_and_feed_documents import (
    ATOM,
    linked_data,
    stand,
)
from tests.unit.web.web_harness import BASE, Stand, feed, post

pytestmark = pytest.mark.asyncio


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
        for url in ("", "https://a.example/live/x", f"{BASE}/live/no"):
            answer = await client.get("/oembed", params={"url": url})
            assert answer.status_code == 404
            assert answer.headers["content-type"] == "application/problem+json"
        asked = {"url": f"{BASE}/live/x", "format": "xml"}
        answer = await client.get("/oembed", params=asked)
        assert (answer.status_code, answer.json()["status"]) == (501, 501)


async def test_programs_get_problem_documents() -> None:
    """Where feeds, oEmbed and lists are asked for; people get a page."""
    async with stand().client() as client:
        for path in ("atom.xml", "feed.json", "others.json"):
            answer = await client.get(f"/live/nowhere/{path}")
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == answer.status_code == 404
        page = await client.get("/live/nowhere")
        assert page.headers["content-type"].startswith("text/html")


async def test_oembed_of_a_permalink() -> None:
    """A frame of that post, as its page names it; gone with the post."""
    made = stand()
    async with made.client() as client:
        (name, *_) = re.findall(r'data-id="(\w+)"', (await client.get("/live/x")).text)
        page = (await client.get(f"/live/x/{name}")).text
        links = re.findall(r'<link rel="alternate"[^>]* href="([^"]*)"', page)
        assert all(link.startswith(f"{BASE}/") for link in links) and len(links) == 3
        assert links[2].startswith(f"{BASE}/oembed?url=")
        value = (await client.get(html.unescape(links[2]))).json()
        assert f'src="{BASE}/embed/x/{name}"' in value["html"]
        assert value["title"].startswith("Headline")
        frame = await client.get(f"/embed/x/{name}")
        assert frame.status_code == 200
        assert "frame-ancestors *" in frame.headers["content-security-policy"]
        assert f'data-id="{name}"' in frame.text and 'target="_top"' in frame.text
        for odd in ("nope", "a" * 65, "%7B"):
            asked = {"url": f"{BASE}/live/x/{odd}"}
            assert (await client.get("/oembed", params=asked)).status_code == 404
            assert (await client.get(f"/embed/x/{odd}")).status_code == 404


async def test_the_frame_may_stand_anywhere_and_tells_its_height_to_one() -> None:
    """frame-ancestors *, and a parent that is an origin or refused."""
    async with stand().client() as client:
        asked = {"parent": "https://news.example/path"}
        frame = await client.get("/embed/x", params=asked)
        assert "frame-ancestors *" in frame.headers["content-security-policy"]
        assert 'data-parent="https://news.example"' in frame.text
        rendered = frame.text.count("data-parent")
        assert rendered == 1 and "parent-page.invalid" not in frame.text
        other = await client.get("/embed/x", params={"parent": "https://[::1]:8443"})
        assert 'data-parent="https://[::1]:8443"' in other.text
        assert other.headers["etag"] != frame.headers["etag"]
        for bad in ("*", "https://[", "http://a]", "http://／", "http://℀", "//a"):
            answer = await client.get("/embed/x", params={"parent": bad})
            assert answer.status_code == 422, bad
        for bad in ('https://a"b<c', "https://a b", "https://a;b", "https://u@a:99999"):
            answer = await client.get("/embed/x", params={"parent": bad})
            assert answer.status_code == 422, bad
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
        for other in ("eo", "en-GB", "en_GB", "%7B%7B%20lang%20%7D%7D"):
            fallback = (await client.get(f"/stop-press/words/{other}.json")).json()
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


async def test_the_share_targets_are_a_setting() -> None:
    """On the page and with the widget's words alike; nothing is loaded from there."""
    async with stand().client(share="mail, whatsapp,x") as client:
        page = (await client.get("/live/x/00000000000002")).text
        at = "https%3A%2F%2Flive.example.org%2Flive%2Fx%2F00000000000002"
        assert f'href="https://wa.me/?text={at}" rel="noopener">WhatsApp</a>' in page
        words = (await client.get("/stop-press/words/de.json")).json()
        assert words["shared"] == ["mail", "whatsapp", "x"]
        assert words["targets"]["mail"] == ["E-Mail", "mailto:?body={url}"]
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
        box = page.split('class="share"')[1]
        assert re.findall(r'rel="noopener">([^<]+)</a>', box) == ["Bluesky", "E-mail"]
        block = re.search(r'class="sp-words">(.*?)</script>', page)
        assert block and '"shared":["bluesky","link","mail"]' in block[1]


async def test_frames_of_many_pages_are_rendered_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The caller chooses the parent: another one costs no rendering and no cache."""
    rendered: list[str] = []
    newest = PageViews.newest

    def counted(self: PageViews, *given: Any, **named: Any) -> bytes:
        rendered.append(named["parent"])
        return newest(self, *given, **named)

    monkeypatch.setattr(PageViews, "newest", counted)
    async with stand().client() as client:
        for n in range(20):
            parent = f"https://p{n}.example"
            frame = await client.get("/embed/x", params={"parent": parent})
            assert f'data-parent="{parent}"' in frame.text
    assert len(rendered) == 1
