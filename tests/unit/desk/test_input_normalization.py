"""Values of an editor's input in the one form in which they are kept."""

from __future__ import annotations

import pytest

from stoppress.desk.input_normalization import (
    canonical_time,
    time_or_none,
    without_blanks,
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
    assert without_blanks(draft) == PostInput(
        source=Source("Wire"), authors=(Author("Ada"), Author("Ben", "/ben"))
    )


def test_a_time_is_kept_in_one_form() -> None:
    """In UTC, to the millisecond."""
    assert canonical_time("2026-11-22T10:20:00+01:00", "x") == (
        "2026-11-22T09:20:00.000Z"
    )
    assert time_or_none(None, "x") is None


@pytest.mark.parametrize("text", ["soon", "1969-12-31T23:59:59Z", ""])
def test_what_is_no_time_of_ours_is_refused(text: str) -> None:
    """With the field that it is in."""
    with pytest.raises(Invalid) as refused:
        time_or_none(text, "published_at")
    assert refused.value.field == "published_at"
