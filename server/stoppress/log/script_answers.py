"""The answers of a feed's scripts, as values and errors of the domain."""

from __future__ import annotations

from typing import Any

from stoppress.domain.cursor import Cursor
from stoppress.domain.desk_log_name import feed_behind
from stoppress.domain.errors import (
    ExternalIdTaken,
    Gone,
    IdempotencyKeyReused,
    NotFound,
    PinMoved,
    SlugTaken,
    StaleRevision,
    TakenDown,
)
from stoppress.domain.store_requests_and_results import Idempotency, PageMark, Written


def result_of_write(answer: list[Any], feed: str, idem: Idempotency | None) -> Written:
    """The result of a writing script, or the error with which the script refused."""
    match answer:
        case [b"ok", epoch, seq, post]:
            return Written(text(post), Cursor(text(epoch), int(seq)))
        case [b"repeated", cursor, post]:
            return Written(text(post), Cursor.parse(text(cursor)), repeated=True)
        case [b"reused"]:
            raise IdempotencyKeyReused(idem.key if idem else "")
        case [b"exists"]:
            raise SlugTaken(feed)
        case [b"nofeed"]:
            raise NotFound(feed)
        case [b"nopost", post]:
            raise NotFound(feed, text(post))
        case [b"gone", post, rev]:
            raise Gone(feed, text(post), int(rev))
        case [b"down", post, rev]:
            raise TakenDown(feed_behind(feed), text(post), int(rev))
        case [b"pin"]:
            raise PinMoved
        case [b"stale", expected, rev, body]:
            raise StaleRevision(int(expected), int(rev), body)
        case [b"taken", external, post, body]:
            raise ExternalIdTaken(text(external), text(post), body or None)
    raise AssertionError(f"a script answered {answer!r}")


def check_found(answer: list[Any], feed: str) -> None:
    """Raise NotFound if the script found no such feed."""
    if answer[0] == b"nofeed":
        raise NotFound(feed)


def cursor_of(answer: list[Any]) -> Cursor:
    """The cursor in the second and third element of an answer."""
    return Cursor(text(answer[1]), int(answer[2]))


def page_mark(order: bytes, post: bytes) -> PageMark | None:
    """The position of the next page; None if there is none."""
    return PageMark(int(order), text(post)) if post else None


def text(raw: bytes) -> str:
    """An answer of a script, as text."""
    return raw.decode()
