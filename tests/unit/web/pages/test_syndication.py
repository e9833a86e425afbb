"""Texts and addresses for machines."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import msgspec
import pytest

from stoppress.web.pages.syndication import absolute, atom, json_feed, oembed, sitemap
from tests.unit.web.web_harness import BASE, feed, post

ATOM = "{http://www.w3.org/2005/Atom}"
KEPT: dict[str, Any] = {**feed(), "url": f"{BASE}/live/x"}


def public(**more: Any) -> dict[str, Any]:
    """A post as readers get it."""
    made = post(1, **more)
    return {**made, "url": f"{BASE}/live/x/{made['id']}"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/a.png", f"{BASE}/a.png"),
        ("https://a.example/b", "https://a.example/b"),
        ("//evil.example", None),
        ("/\\evil.example", None),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("/", None),
        ("", None),
        (None, None),
    ],
)
def test_absolute(url: str | None, expected: str | None) -> None:
    """http(s) or from the root, nothing else."""
    assert absolute(url, BASE) == expected


def test_atom_survives_what_xml_forbids() -> None:
    """Control characters can't be in XML: they are left out."""
    tree = ET.fromstring(atom(KEPT, [public(headline="a\x00\x0b\ufffeb ]]> &")], BASE))
    assert tree.findtext(f"{ATOM}entry/{ATOM}title") == "ab ]]> &"


def test_addresses_from_the_root_lead_here_from_anywhere() -> None:
    """In feeds that other sites show."""
    one = public(body="[a](/live/x) ![b](/b.png) [c](https://c.example/)")
    content = ET.fromstring(atom(KEPT, [one], BASE)).findtext(
        f"{ATOM}entry/{ATOM}content"
    )
    assert content is not None
    assert f'href="{BASE}/live/x"' in content and f'src="{BASE}/b.png"' in content
    assert 'href="https://c.example/"' in content


def test_a_post_has_a_place() -> None:
    """In Dublin Core's words in Atom, in an extension in JSON Feed; or not at all."""
    tree = ET.fromstring(atom(KEPT, [public(location="Pier <3>"), public()], BASE))
    spatial = "{http://purl.org/dc/terms/}spatial"
    places = [entry.findtext(spatial) for entry in tree.iter(f"{ATOM}entry")]
    assert places == ["Pier <3>", None]
    items = msgspec.json.decode(
        json_feed(KEPT, [public(location="Pier 3"), public()], BASE)
    )["items"]
    assert [item.get("_stop_press") for item in items] == [{"location": "Pier 3"}, None]


def test_a_closed_feed_is_expired() -> None:
    """So that readers of JSON Feed stop asking."""
    assert b'"expired":true' in json_feed({**KEPT, "status": "closed"}, [], BASE)
    assert b"expired" not in json_feed(KEPT, [], BASE)


@pytest.mark.parametrize(
    ("asked", "given"), [(None, 640), (400, 400), (1, 200), (10**9, 2000)]
)
def test_oembed_sizes(asked: int | None, given: int) -> None:
    """As asked, within reason."""
    assert f'"width":{given}'.encode() in oembed(KEPT, BASE, "P", asked, None)


def test_sitemap() -> None:
    """One address a feed, with when it changed."""
    tree = ET.fromstring(sitemap([feed("a"), feed("b")], BASE))
    assert [one[0].text for one in tree] == [f"{BASE}/live/a", f"{BASE}/live/b"]
