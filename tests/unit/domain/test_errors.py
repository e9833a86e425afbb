"""Errors carry their data, and their texts say what to do."""

from __future__ import annotations

import pytest

from stoppress.domain import errors
from stoppress.domain.errors import (
    BrokenJson,
    Conflict,
    Damaged,
    DeletedSince,
    ExternalIdTaken,
    Gap,
    Gone,
    Invalid,
    Malformed,
    MalformedCursor,
    MissingScope,
    NoDeadLetter,
    NotFound,
    NothingToRestore,
    NoWebhook,
    PinMoved,
    Refused,
    SecretShownOnce,
    SlugTaken,
    StaleNotes,
    StaleRevision,
    StopPressError,
    TakenDown,
    Unauthenticated,
    Unavailable,
    UnfitPicture,
)

TEXTS = [
    (MalformedCursor("x" * 200), Malformed, repr("x" * 80)),
    (BrokenJson("no comma", 3, 14), Malformed, "line 3, column 14: no comma"),
    (Invalid("authors[0].url", "is long"), Malformed, "authors[0].url: is long"),
    (Invalid("", "is no object"), Malformed, "is no object"),
    (NotFound("x"), StopPressError, "no feed 'x'"),
    (NotFound("x", "p1"), StopPressError, "no post 'p1' in the feed 'x'"),
    (NoWebhook("x", "h"), NotFound, "no webhook 'h' of the feed 'x'"),
    (NoDeadLetter("x", "h.e-1"), NotFound, "no dead letter 'h.e-1' of the feed 'x'"),
    (NothingToRestore("p1"), Conflict, "no revision of the post 'p1'"),
    (TakenDown("x", "p1", 2), Gone, "'p1' was taken down from the feed 'x'"),
    (Gone("x", "p1", 2), StopPressError, "'p1' was withdrawn from the feed 'x'"),
    (SlugTaken("x"), Conflict, "'x' is taken"),
    (ExternalIdTaken("e", "p1", b"{}"), Conflict, "'e' belongs to post 'p1'"),
    (ExternalIdTaken("e", "p1", None), Conflict, "which was withdrawn"),
    (StaleRevision(3, 5, b"{}"), Conflict, "revision 3 is no longer current"),
    (StaleNotes("p1", "a1", b"{}"), Conflict, "on post 'p1' were changed meanwhile"),
    (SecretShownOnce(b"{}"), Conflict, "was shown once"),
    (DeletedSince("token", "t1"), StopPressError, "the token 't1'"),
    (DeletedSince("token", "t1"), StopPressError, "was revoked since"),
    (DeletedSince("webhook", "h1"), StopPressError, "was deleted since"),
    (PinMoved(), Conflict, "pinned meanwhile"),
    (Unauthenticated(), Refused, "a token is needed"),
    (Unauthenticated("the token is unknown"), Refused, "the token is unknown"),
    (MissingScope("admin"), Refused, "'admin'"),
    (MissingScope("publish", "x"), Refused, "'publish' on the feed 'x'"),
    (UnfitPicture("kind", "this is a PDF"), StopPressError, "this is a PDF"),
    (Gap("e-1", "e-3"), StopPressError, "e-3 does not follow e-1"),
    (Unavailable("Redis is away"), StopPressError, "Redis is away"),
    (Damaged("x", "WRONGTYPE"), Unavailable, "the stored data of the feed 'x'"),
]


@pytest.mark.parametrize(("error", "base", "text"), TEXTS)
def test_texts_say_what_happened_with_which_value(
    error: StopPressError, base: type[StopPressError], text: str
) -> None:
    """Callers may have only the text."""
    assert isinstance(error, base)
    assert text in str(error)


def test_unavailable_has_a_retry_time() -> None:
    """A second by default."""
    assert Unavailable("x").retry_after_s == 1
    assert Unavailable("x", 30).retry_after_s == 30


def test_every_error_is_in_the_documented_tree() -> None:
    """All derive from StopPressError, and the module's docstring lists them."""
    classes = {one for one in vars(errors).values() if isinstance(one, type)}
    assert {one for one in classes if not issubclass(one, StopPressError)} == set()
    listed = str(errors.__doc__)
    assert {one.__name__ for one in classes if one.__name__ not in listed} == set()
