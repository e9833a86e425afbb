"""A post in few words."""

from __future__ import annotations

from typing import Any

import pytest

from stoppress.web.pages.excerpt import headline_of, plain, shortened
from tests.unit.web.web_harness import BASE, post


def public(**more: Any) -> dict[str, Any]:
    """A post as readers get it."""
    made = post(1, **more)
    return {**made, "url": f"{BASE}/live/x/{made['id']}"}


def test_plain() -> None:
    """Paragraphs become lines; entities become what they stand for."""
    markup = (
        "<p>One <em>two</em> &amp; &lt;three&gt;</p>\n<ul><li>a</li><li>b</li></ul>"
    )
    assert plain(markup) == "One two & <three>\na\nb"


@pytest.mark.parametrize(
    ("text", "length", "expected"),
    [
        ("short", 10, "short"),
        ("one two three", 10, "one two…"),
        ("one two, three", 10, "one two…"),
        ("unbreakable", 5, "unbr…"),
        ("", 5, ""),
    ],
)
def test_shortened(text: str, length: int, expected: str) -> None:
    """At a word, never longer than asked."""
    assert shortened(text, length) == expected
    assert len(shortened(text, length)) <= length


def test_a_post_without_a_headline_is_called_by_its_text() -> None:
    """Else by its picture, else by its id."""
    assert headline_of(public()) == "Headline 1"
    assert headline_of(public(headline=None)) == "Text 1."
    bare = public(headline=None, body="")
    assert headline_of(bare) == bare["id"]
    picture = {"type": "image", "url": "/a.png", "alt": "A bridge"}
    assert headline_of(public(headline=None, body="", media=[picture])) == "A bridge"
