"""The errors and values that the scripts' answers are."""

from __future__ import annotations

from typing import Any

import pytest

from stoppress.domain.errors import (
    Conflict,
    ExternalIdTaken,
    Gone,
    NotFound,
    PinMoved,
    SlugTaken,
    StaleRevision,
    StopPressError,
    TakenDown,
)
from stoppress.domain.store_requests_and_results import Idempotency
from stoppress.log.script_answers import result_of_write

KEY = Idempotency("token-1", "k", "f")


def written(*answer: Any) -> Any:
    return result_of_write(list(answer), "x", KEY)


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        ((b"reused",), Conflict, "'k' was used for a different request"),
        ((b"exists",), SlugTaken, "'x'"),
        ((b"nofeed",), NotFound, "feed 'x'"),
        ((b"nopost", b"p"), NotFound, "post 'p'"),
        ((b"gone", b"p", b"3"), Gone, "'p' was withdrawn"),
        ((b"down", b"p", b"3"), TakenDown, "'p' was taken down"),
        ((b"pin",), PinMoved, "pinned"),
        ((b"stale", b"3", b"5", b"{}"), StaleRevision, "revision 3"),
        ((b"taken", b"e", b"p", b""), ExternalIdTaken, "withdrawn"),
        ((b"taken", b"e", b"p", b"{}"), ExternalIdTaken, "post 'p'$"),
    ],
)
def test_a_refusal_is_an_error_of_the_newsroom(
    answer: tuple[bytes, ...], error: type[StopPressError], text: str
) -> None:
    """Each with its data."""
    with pytest.raises(error, match=text):
        written(*answer)


def test_an_unknown_answer_is_an_assertion_error() -> None:
    """Not a success, nor a refusal: script and program do not fit."""
    with pytest.raises(AssertionError, match="perhaps"):
        written(b"perhaps")
