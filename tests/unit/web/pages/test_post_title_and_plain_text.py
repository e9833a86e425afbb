"""A post in few words. The browser's twin reads the same table of posts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stoppress.web.pages.post_title_and_plain_text import (
    HEADLINE,
    description_of,
    feed_description,
    headline_of,
    plain,
    shortened,
)

WORDS = {"picture": "Picture", "update": "Update"}
TABLE: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "fixtures" / "post_titles.json").read_text()
)


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
        ("one twos three", 9, "one twos…"),
        ("a very-long-word-without-spaces", 12, "a very-long…"),
        ("unbreakable", 5, "unbr…"),
        ("", 5, ""),
    ],
)
def test_shortened(text: str, length: int, expected: str) -> None:
    """At a word, never longer than asked."""
    assert shortened(text, length) == expected
    assert len(shortened(text, length)) <= length


@pytest.mark.parametrize("row", TABLE, ids=lambda row: str(row["what"]))
def test_the_title_of_a_post(row: dict[str, Any]) -> None:
    """By its headline, else by its words, else by its kind; never by its id."""
    said = headline_of({"id": "0abc", **row["post"]}, WORDS)
    assert said == row["says"]
    assert len(said) <= HEADLINE + 1


def test_a_description_is_never_a_headline() -> None:
    """It is empty if there is nothing else to say."""
    assert description_of({"headline": "H", "html": "<p>a\nb</p>"}) == "a b"
    assert description_of({"headline": "H"}) == ""


def test_a_feed_is_always_described() -> None:
    """By its standfirst, its summary, its newest post, or its title."""
    feed = {"title": "Quay", "standfirst": "S\n\nT", "summary": "- a"}
    assert feed_description(feed, (), WORDS) == "S T"
    untold = {**feed, "standfirst": "", "summary": "- a\n* b\n\n c - d"}
    assert feed_description(untold, (), WORDS) == "a · b · c - d"
    bare = {"title": "Quay"}
    assert feed_description(bare, [{"headline": "H"}], WORDS) == "H"
    assert feed_description(bare, (), WORDS) == "Quay"
