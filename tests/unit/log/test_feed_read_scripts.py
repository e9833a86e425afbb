"""What scripts that read answer, and what is made of it."""

from __future__ import annotations

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import NotFound
from stoppress.domain.event import EventType, Subject
from stoppress.log import feed_read_scripts as reads
from tests.unit.log.redis_answering import redis_answering

pytestmark = pytest.mark.asyncio


async def test_heads_are_those_of_the_feeds_that_are_there() -> None:
    found = await reads.heads(
        redis_answering([b"ok", b"e", b"5"], [b"nofeed"]), ["x", "y"]
    )
    assert found == [Cursor("e", 5), None]


async def test_a_missing_feed_is_not_found() -> None:
    with pytest.raises(NotFound, match="'x'"):
        await reads.feed_now(redis_answering(b"nofeed"), "x")


async def test_a_piece_of_a_log_shows_posts_as_they_are_now() -> None:
    """One that has no body any more was withdrawn; the feed's own is at hand."""
    # fmt: off
    flat = [b"1-0", b"post.published", b"10", b"p",
            b"2-0", b"post.published", b"20", b"q",
            b"3-0", b"feed.updated", b"30", b""]
    # fmt: on
    answer = redis_answering(
        b"ok", b"e", b"3", b"feed", flat, [b"p", b"q"], [b"text", b""], b"s"
    )
    piece = await reads.piece(answer, "x", back=True, beyond=None, events=9, size=9)
    first, second, third = piece.events
    assert piece.head == Cursor("e", 3)
    assert (first.body, second.body, third.body) == (b"text", b"", b"feed")
    assert second.type is EventType.WITHDRAWN and third.subject == Subject.feed("x")
