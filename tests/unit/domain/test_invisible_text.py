"""What shows something, in texts and in HTML."""

from __future__ import annotations

import pytest

from stoppress.desk.markdown import to_html
from stoppress.domain.invisible_text import is_blank, shows_nothing


@pytest.mark.parametrize(
    "text",
    ["", " \t\n\x0b\u2028\u00a0\u3000", "\u200b\u200c\u200d\u2060\ufeff\u00ad"]
    + ["\u202e\u2066\u200f", "\u3164\uffa0\u115f\u1160", "\u2800", "\ufe0f\U000e0101"],
)
def test_invisible_characters_are_blank(text: str) -> None:
    """Alone; with a letter they are a text."""
    assert is_blank(text)
    assert not is_blank(text + "a")


@pytest.mark.parametrize("text", ["a", "1", ".", "é", "\u0301", "中", "ع", "👍🏽", "-"])
def test_visible_characters_are_not(text: str) -> None:
    """Of any script."""
    assert not is_blank(text)


@pytest.mark.parametrize(
    "body",
    ["", "#", "# ", "---", ">", "> \n> ", "-", "- \n- ", "1. ", "```\n```", "&nbsp;"]
    + ["&#8203;", "&ZeroWidthSpace;&shy;", "[](https://e.test/)", "| | |\n|-|-|\n| | |"]
    + ["**\u200b**", "[x]: https://e.test/"],
)
def test_markup_around_nothing_shows_nothing(body: str) -> None:
    """Whatever the mark."""
    assert shows_nothing(to_html(body))


@pytest.mark.parametrize(
    "body",
    ["a", "# .", "![](https://e.test/a.png)", "- 中", "`-`", "&amp;", "&lt;b&gt;"]
    + ["<b></b>", "> «»", "| - |\n|-|\n| 1 |", "👍", "\\#", "***", "https://e.test/"],
)
def test_anything_to_see_is_enough(body: str) -> None:
    """Also a picture without words, and a sign alone."""
    assert shows_nothing(to_html(body)) is (body == "***")
