"""Texts and addresses for machines."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import msgspec
import pytest

from stoppress.web.pages.build_atom_and_json_feed import SyndicatedPage, atom, json_feed
from stoppress.web.pages.find_browser_files import browser_folder
from stoppress.web.pages.localization import read_tables
from tests.unit.web.web_harness import BASE, feed, post

ATOM = "{http://www.w3.org/2005/Atom}"
MEDIA = "{http://search.yahoo.com/mrss/}"
KEPT: dict[str, Any] = {**feed(), "url": f"{BASE}/live/x"}
WORDS = read_tables(browser_folder())["en"]


def public(**more: Any) -> dict[str, Any]:
    """A post as readers get it."""
    made = post(1, **more)
    return {**made, "url": f"{BASE}/live/x/{made['id']}"}


def page(*posts: dict[str, Any], **more: Any) -> SyndicatedPage:
    """A document of a feed."""
    return SyndicatedPage({**KEPT, **more}, posts, WORDS, BASE)


def test_atom_survives_what_xml_forbids() -> None:
    """Control characters can't be in XML: they are left out."""
    tree = ET.fromstring(atom(page(public(headline="a\x00\x0b\ufffeb ]]> &"))))
    assert tree.findtext(f"{ATOM}entry/{ATOM}title") == "ab ]]> &"


def test_a_post_has_a_place() -> None:
    """In Dublin Core's words in Atom, in an extension in JSON Feed; or not at all."""
    tree = ET.fromstring(atom(page(public(location="Pier <3>"), public())))
    spatial = "{http://purl.org/dc/terms/}spatial"
    places = [entry.findtext(spatial) for entry in tree.iter(f"{ATOM}entry")]
    assert places == ["Pier <3>", None]
    items = msgspec.json.decode(json_feed(page(public(location="Pier 3"), public())))
    own = [item.get("_stop_press") for item in items["items"]]
    assert own == [{"location": "Pier 3"}, None]


def test_a_closed_feed_is_expired() -> None:
    """So that readers of JSON Feed stop asking."""
    assert b'"expired":true' in json_feed(page(status="closed"))
    assert b"expired" not in json_feed(page())


PICTURE = {"type": "image", "url": "/a.png", "width": 4, "height": 3, "alt": "Quay"}
NOTE = {"note": "It was Tuesday.", "at": "2026-11-22T23:40:00.000Z"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"media": [PICTURE]}, f'src="{BASE}/a.png"'),
        ({"media": [{"type": "quote", "text": "So it goes"}]}, "So it goes"),
        ({"media": [{"type": "link", "url": "/b", "title": "B"}]}, f'{BASE}/b">B<'),
        ({"source": {"name": "Radio", "url": "/r"}}, f'Source: <a href="{BASE}/r">'),
        ({"correction": NOTE}, "Correction:</strong> It was Tuesday."),
        ({"breaking": True}, "Breaking"),
        ({"verification": "disputed"}, "Disputed"),
    ],
)
def test_feeds_say_what_the_page_says(given: dict[str, Any], said: str) -> None:
    """Media, source, correction and mark, in both formats."""
    one = page(public(body="", **given))
    content = ET.fromstring(atom(one)).findtext(f"{ATOM}entry/{ATOM}content")
    (item,) = msgspec.json.decode(json_feed(one))["items"]
    assert content is not None and said in content
    assert item["content_html"] == content


def test_atom_has_pictures_and_marks() -> None:
    """For readers of Media RSS and of categories."""
    tree = ET.fromstring(atom(page(public(media=[PICTURE], key=True))))
    content = tree.find(f"{ATOM}entry/{MEDIA}content")
    assert content is not None and content.get("width") == "4"
    assert content.findtext(f"{MEDIA}description") == "Quay"
    category = tree.find(f"{ATOM}entry/{ATOM}category")
    assert category is not None and category.get("term") == "key"


def test_a_page_leads_to_the_next() -> None:
    """By RFC 5005 in Atom, by `next_url` in JSON Feed; the last page leads nowhere."""
    first = page(public())._replace(next="before=m1")
    later = page(public())._replace(query="before=m1")
    url = f"{BASE}/live/x"

    def links(one: SyndicatedPage) -> dict[str | None, str | None]:
        found = ET.fromstring(atom(one)).findall(f"{ATOM}link")
        return {link.get("rel"): link.get("href") for link in found}

    assert links(first)["next"] == f"{url}/atom.xml?before=m1"
    assert links(later)["self"] == f"{url}/atom.xml?before=m1"
    assert links(later)["first"] == f"{url}/atom.xml" and "next" not in links(later)
    read = msgspec.json.decode(json_feed(first))
    assert read["next_url"] == f"{url}/feed.json?before=m1"
    assert "next_url" not in msgspec.json.decode(json_feed(later))


def test_a_post_of_media_alone_is_not_called_by_its_id() -> None:
    """Its title is what the page calls it."""
    one = page(public(headline=None, body="", media=[PICTURE]))
    assert ET.fromstring(atom(one)).findtext(f"{ATOM}entry/{ATOM}title") == "Quay"
