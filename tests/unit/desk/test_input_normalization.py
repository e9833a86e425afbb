"""Values of an editor's input in the one form in which they are kept."""

from __future__ import annotations

import pytest

from stoppress.desk import input_normalization
from stoppress.desk.input_normalization import (
    canonical_time,
    normalized,
    normalized_text,
    time_or_none,
)
from stoppress.domain.errors import Invalid
from stoppress.domain.post import Author, PostInput, Source


def test_an_empty_text_is_as_none() -> None:
    """Inside too; one that has no null stays."""
    draft = PostInput(
        headline="",
        body="",
        source=Source("Wire", ""),
        authors=(Author("Ada", ""), Author("Ben", "/ben")),
    )
    assert normalized(draft) == PostInput(
        source=Source("Wire"), authors=(Author("Ada"), Author("Ben", "/ben"))
    )


def test_a_time_is_kept_in_one_form() -> None:
    """In UTC, to the millisecond."""
    assert canonical_time("2026-11-22T10:20:00+01:00", "x") == (
        "2026-11-22T09:20:00.000Z"
    )
    assert time_or_none(None, "x") is None


@pytest.mark.parametrize("text", ["soon", "1969-12-31T23:59:59Z", ""])
def test_an_invalid_time_is_refused(text: str) -> None:
    """With the field that it is in."""
    with pytest.raises(Invalid) as refused:
        time_or_none(text, "published_at")
    assert refused.value.field == "published_at"


@pytest.mark.parametrize("char", "\x0b\x0c\x85\u2028")
def test_line_breaks_of_word_processors(char: str) -> None:
    """They show as line breaks where a field has lines, else as a space."""
    draft = PostInput(headline=f"One{char}two", body=f"a{char}b", tags=(f"x {char}y",))
    assert normalized(draft) == PostInput(
        headline="One two", body="a  \nb", tags=("x y",)
    )
    assert normalized_text(f"a {char} b", "standfirst") == "a\nb"


def test_a_paragraph_of_a_word_processor() -> None:
    """Is one of Markdown."""
    assert normalized_text("a\u2029b", "body") == "a\n\nb"


def test_controls_end_with_their_field() -> None:
    """In fields that stand in one line with others; a body is as it was typed."""
    draft = PostInput(body="\u202ea", source=Source("\u202eWire"))
    assert normalized(draft) == PostInput(
        body="\u202ea", source=Source("\u202eWire\u202c")
    )


def test_a_text_that_becomes_too_long_is_refused() -> None:
    """With its field; what is stored can be read again."""
    with pytest.raises(Invalid) as refused:
        normalized(PostInput(headline="\u202e" + "a" * 299))
    assert refused.value.field == "headline"


def test_the_fields_of_a_struct_are_read_once() -> None:
    """msgspec reads its annotations anew at each call: 2 ms for a post."""
    normalized(PostInput(headline="a"))
    read = input_normalization._fields.cache_info().misses
    normalized(PostInput(headline="b"))
    assert input_normalization._fields.cache_info().misses == read
