"""A post as HTML for feed readers."""

from __future__ import annotations

from typing import Any

from stoppress.web.pages.syndicated_post_html import content_html
from tests.unit.web.web_harness import BASE, post

WORDS = {"breaking": "Breaking", "key": "Key", "source": "Source", "location": "Place"}


def content(**more: Any) -> str:
    """The content of a post."""
    return content_html(post(1, **more), BASE, WORDS)


def test_addresses_from_the_root_lead_here_from_anywhere() -> None:
    """In feeds that other sites show."""
    html = content(body="[a](/live/x) ![b](/b.png) [c](https://c.example/)")
    assert f'href="{BASE}/live/x"' in html and f'src="{BASE}/b.png"' in html
    assert 'href="https://c.example/"' in html


def test_code_is_left_alone() -> None:
    """What it shows only looks like an address."""
    html = content(body='`<a href="/about">`')
    assert '&lt;a href="/about"&gt;' in html and BASE not in html


def test_plain_text_fields_are_escaped() -> None:
    """In every text of the post's fields."""
    bad = "</p><script>alert(1)</script>"
    html = content(
        location=bad,
        source={"name": bad, "url": "javascript:alert(1)"},
        media=[
            {"type": "image", "url": "/a", "alt": '"' + bad, "caption": bad},
            {"type": "quote", "text": bad, "credit": bad},
            {"type": "link", "url": "/b", "title": bad, "text": bad},
            {"type": "image", "url": "javascript:alert(1)", "alt": "never"},
        ],
    )
    assert "<script" not in html and "javascript" not in html and "never" not in html


def test_media_have_their_captions() -> None:
    """With credit."""
    media = {"type": "image", "url": "/a", "caption": "C", "credit": "N. E."}
    assert "<figcaption>C · N. E.</figcaption></figure>" in content(media=[media])
