"""A feed and its posts as JSON-LD."""

from __future__ import annotations

from typing import Any

import pytest

from stoppress.web.pages.linked_data import LinkedData, absolute
from tests.unit.web.web_harness import BASE, feed, post

KEPT: dict[str, Any] = {**feed(), "url": f"{BASE}/live/x"}
LINKED = LinkedData(KEPT, {"picture": "Picture"}, BASE, {"name": "P"})


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


def test_pictures_have_sizes() -> None:
    """Where they are known."""
    media = [
        {"type": "image", "url": "/a.png", "width": 4, "height": 3},
        {"type": "image", "url": "/b.png", "width": 4},
    ]
    made = LINKED.posting({**post(1, media=media), "url": "u"})
    sized = {"@type": "ImageObject", "url": f"{BASE}/a.png", "width": 4, "height": 3}
    assert made["image"] == [sized, f"{BASE}/b.png"]


def test_a_feed_is_always_described() -> None:
    """By its newest post if it says nothing of itself."""
    bare = LINKED._replace(feed={**KEPT, "standfirst": "", "summary": None})
    assert bare.news_article([{**post(1), "url": "u"}])["description"] == "Headline 1"


def test_a_correction_is_named() -> None:
    """With its note."""
    note = {"note": "It was Tuesday.", "at": "2026-11-22T23:40:00.000Z"}
    made: Any = LINKED.posting({**post(1, correction=note), "url": "u"})
    assert made["correction"]["text"] == "It was Tuesday."
