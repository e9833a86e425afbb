"""The title and the meta tags of a page are read as HTML 5 reads them."""

from __future__ import annotations

import pytest

from stoppress.link_cards.title_and_meta_tags import (
    MAX_ATTRIBUTES,
    MAX_META_TEXT,
    MAX_METAS,
    title_and_metas,
)


@pytest.mark.parametrize(
    ("markup", "title"),
    [
        ("", ""),
        ("<title>T", "T"),
        ("<TITLE lang=en>a &amp; b</TITLE\n>c", "a & b"),
        ("<title>a</title><title>b</title>", "a"),
        ("<title></title><title>b</title>", ""),
        ("<title>a</titles></title>", "a</titles>"),
        ("<titles>a</titles>", ""),
        ("<!-- <title>a</title> --><title>b</title>", "b"),
        ("<!--><title>a</title>-->", "a"),
        ("<!-- <title>a</title>", ""),
        ("<script>'</scripts><title>a</title>'</script><title>b</title>", "b"),
        ("<style><title>a</title>", ""),
        ("<title>a\0b</title>", "a\ufffdb"),
        ("<title>&#" + "9" * 5000 + ";</title>", "\ufffd"),
    ],
)
def test_titles(markup: str, title: str) -> None:
    """The first one that is no part of a comment, script or style."""
    assert title_and_metas(markup).title == title


@pytest.mark.parametrize(
    ("markup", "metas"),
    [
        ("<meta>", [{}]),
        ("<meta/>", [{}]),
        ("<metal a=1>", []),
        (
            "<META A=1 a=2 B='3>' c=\"4'\" d>",
            [{"a": "1", "b": "3>", "c": "4'", "d": ""}],
        ),
        ("<meta a = 1\n/b=2/>", [{"a": "1", "b": "2/"}]),
        ("<meta a=&lt;&#65;>", [{"a": "<A"}]),
        ("<meta a=>", [{"a": ""}]),
        ("<meta a='1><meta b=2>", []),
        ("<meta a", []),
        ("<meta a=1", []),
        ("<meta =a=1>", [{"=a": "1"}]),
        ("<meta a=1><!-- <meta b=2> --><meta c=3>", [{"a": "1"}, {"c": "3"}]),
    ],
)
def test_metas(markup: str, metas: list[dict[str, str]]) -> None:
    """Their attributes, by name; a tag that is not closed counts for nothing."""
    assert list(title_and_metas(markup).metas) == metas


def test_tags_attributes_and_texts_are_bounded() -> None:
    """In tags, attributes and text."""
    assert len(title_and_metas("<meta a=1>" * (MAX_METAS + 9)).metas) == MAX_METAS
    many = " ".join(f"a{n}=1" for n in range(MAX_ATTRIBUTES + 9))
    first, second = title_and_metas(f"<meta {many}><meta b=2>").metas
    assert len(first) == MAX_ATTRIBUTES and second == {"b": "2"}
    long = "x" * (MAX_META_TEXT + 9)
    page = title_and_metas(f"<meta a={long}><meta a='{long}'><title>{long}</title>")
    assert [len(meta["a"]) for meta in page.metas] == [MAX_META_TEXT] * 2
    assert len(page.title) == MAX_META_TEXT
