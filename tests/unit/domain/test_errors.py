"""The errors of a newsroom: each carries its data, and says what to do."""

from __future__ import annotations

import pytest

from stoppress.domain import errors
from stoppress.domain.errors import (
    BrokenJson,
    Conflict,
    ExternalIdTaken,
    Gap,
    Gone,
    Invalid,
    Malformed,
    MalformedCursor,
    MissingScope,
    NewsError,
    NotFound,
    PinMoved,
    Refused,
    SlugTaken,
    StaleRevision,
    Unauthenticated,
    Unavailable,
)

TEXTS = [
    (MalformedCursor("x" * 200), Malformed, repr("x" * 80)),
    (BrokenJson("no comma", 3, 14), Malformed, "line 3, column 14: no comma"),
    (Invalid("authors[0].url", "is long"), Malformed, "authors[0].url: is long"),
    (Invalid("", "is no object"), Malformed, "is no object"),
    (NotFound("x"), NewsError, "no feed 'x'"),
    (NotFound("x", "p1"), NewsError, "no post 'p1' in the feed 'x'"),
    (Gone("x", "p1"), NewsError, "'p1' was withdrawn from the feed 'x'"),
    (SlugTaken("x"), Conflict, "'x' is taken"),
    (ExternalIdTaken("e", "p1", b"{}"), Conflict, "'e' belongs to post 'p1'"),
    (ExternalIdTaken("e", "p1", None), Conflict, "which was withdrawn"),
    (StaleRevision(3, 5, b"{}"), Conflict, "revision 3 is no longer current"),
    (PinMoved(), Conflict, "pinned meanwhile"),
    (Unauthenticated(), Refused, "a token is needed"),
    (Unauthenticated("the token is unknown"), Refused, "the token is unknown"),
    (MissingScope("admin"), Refused, "'admin'"),
    (MissingScope("write", "x"), Refused, "'write' on the feed 'x'"),
    (Gap("e-1", "e-3"), NewsError, "e-3 does not follow e-1"),
    (Unavailable("Redis is away"), NewsError, "Redis is away"),
]


@pytest.mark.parametrize(("error", "base", "text"), TEXTS)
def test_it_says_what_happened_with_which_value(
    error: NewsError, base: type[NewsError], text: str
) -> None:
    """Whoever reads it has nothing else."""
    assert isinstance(error, base)
    assert text in str(error)


def test_what_is_away_says_when_to_come_again() -> None:
    """A second later, unless the store knows better."""
    assert Unavailable("x").retry_after_s == 1
    assert Unavailable("x", 30).retry_after_s == 30


def test_the_tree_is_closed() -> None:
    """Whatever the package raises on purpose is caught by one name."""
    classes = {one for one in vars(errors).values() if isinstance(one, type)}
    assert {one for one in classes if not issubclass(one, NewsError)} == set()
    listed = str(errors.__doc__)
    assert {one.__name__ for one in classes if one.__name__ not in listed} == set()
