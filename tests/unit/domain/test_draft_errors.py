"""Errors of drafts carry their data, and their texts say what to do."""

from __future__ import annotations

import pytest

from stoppress.domain import draft_errors
from stoppress.domain.draft_errors import (
    DraftGone,
    NoComment,
    NoDraft,
    OnlyForEditors,
    SecondPersonNeeded,
    TooManyDrafts,
)
from stoppress.domain.errors import (
    Conflict,
    Gone,
    MissingScope,
    NotFound,
    Refused,
    StopPressError,
)

TEXTS = [
    (NoDraft("x", "d1"), NotFound, "no draft 'd1' of the feed 'x'"),
    (NoComment("x", "c1"), NotFound, "no comment 'c1' on the draft"),
    (DraftGone("x", "d1", 2), Gone, "'d1' was deleted"),
    (DraftGone("x", "d1", 2, "p1"), Gone, "'d1' was published as post 'p1'"),
    (TooManyDrafts(500), Conflict, "has 500 drafts"),
    (OnlyForEditors("it is approved", "x"), MissingScope, "'publish' on the feed 'x'"),
    (SecondPersonNeeded(), Refused, "needs two people"),
]


@pytest.mark.parametrize(("error", "base", "text"), TEXTS)
def test_texts_say_what_happened_with_which_value(
    error: StopPressError, base: type[StopPressError], text: str
) -> None:
    """Callers may have only the text."""
    assert isinstance(error, base)
    assert text in str(error)


def test_every_error_of_drafts_is_in_the_documented_tree() -> None:
    """The module's docstring lists each class of its own."""
    listed = str(draft_errors.__doc__)
    own = [
        name
        for name, one in vars(draft_errors).items()
        if isinstance(one, type) and one.__module__ == draft_errors.__name__
    ]
    assert own and not [name for name in own if name not in listed]
