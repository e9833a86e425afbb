"""What scripts answer, and what is made of it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import (
    Conflict,
    ExternalIdTaken,
    Gone,
    NewsError,
    NotFound,
    PinMoved,
    SlugTaken,
    StaleRevision,
)
from stoppress.domain.event import EventType, Subject
from stoppress.domain.store_records import Idempotency, Write
from stoppress.log import scripts
from stoppress.log.redis_commands import RedisCommands

pytestmark = pytest.mark.asyncio
KEY = Idempotency("token-1", "k", "f")


class Answering:
    """A connection on which every script answers this."""

    life = "k3v9"
    database = 0

    def __init__(self, answer: list[Any]) -> None:
        self.answer = answer

    async def write(self, *_: object) -> list[Any]:
        return list(self.answer)

    read = write

    async def read_each(self, _: object, runs: list[Any]) -> list[Any]:
        return [self.answer[n] for n in range(len(runs))]


def talk(*answer: Any) -> RedisCommands:
    return cast(RedisCommands, Answering(list(answer)))


async def written(*answer: Any) -> Any:
    asked = Write("x", (), 0, "", "", KEY)
    return await scripts.write(talk(*answer), asked, events=10, age_s=0, ttl_s=60)


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        ((b"reused",), Conflict, "'k' was used for a different request"),
        ((b"exists",), SlugTaken, "'x'"),
        ((b"nofeed",), NotFound, "feed 'x'"),
        ((b"nopost", b"p"), NotFound, "post 'p'"),
        ((b"gone", b"p"), Gone, "'p'"),
        ((b"pin",), PinMoved, "pinned"),
        ((b"stale", b"3", b"5", b"{}"), StaleRevision, "revision 3"),
        ((b"taken", b"e", b"p", b""), ExternalIdTaken, "withdrawn"),
        ((b"taken", b"e", b"p", b"{}"), ExternalIdTaken, "post 'p'$"),
    ],
)
async def test_a_refusal_is_an_error_of_the_newsroom(
    answer: tuple[bytes, ...], error: type[NewsError], text: str
) -> None:
    """Each with its data."""
    with pytest.raises(error, match=text):
        await written(*answer)


async def test_a_write_answers_where_it_is_and_what_it_let_go() -> None:
    """A repeat is told as one, and lets nothing go."""
    assert await written(b"ok", b"e", b"7", b"p", 3) == (("p", ("e", 7), False), 3)
    assert await written(b"repeated", b"e-7", b"p") == (("p", ("e", 7), True), 0)


async def test_an_answer_that_is_none_is_a_fault() -> None:
    """Not a success, nor a refusal: script and program do not fit."""
    with pytest.raises(AssertionError, match="perhaps"):
        await written(b"perhaps")


async def test_a_feed_that_is_made_begins_with_its_epoch() -> None:
    made = await scripts.make(talk(b"ok"), "x", "k3v9", b"{}", None, ttl_s=1, rev=1)
    assert made.cursor == Cursor("k3v9", 0) and not made.repeated
    with pytest.raises(SlugTaken):
        await scripts.make(talk(b"exists"), "x", "k3v9", b"{}", None, ttl_s=1, rev=1)


async def test_a_feed_is_deleted_once() -> None:
    """The second time under a key there is nothing to say."""
    assert await scripts.drop(talk(b"ok", b"e"), "x", None, None, ttl_s=1) == "e"
    again = talk(b"repeated", b"e-0", b"")
    assert await scripts.drop(again, "x", 3, KEY, ttl_s=1) is None


async def test_heads_are_those_of_the_feeds_that_are_there() -> None:
    found = await scripts.heads(talk([b"ok", b"e", b"5"], [b"nofeed"]), ["x", "y"])
    assert found == [Cursor("e", 5), None]


@pytest.mark.parametrize("name", ["feed_now", "confirm"])
async def test_what_is_not_there_is_not_found(name: str) -> None:
    with pytest.raises(NotFound, match="'x'"):
        await getattr(scripts, name)(talk(b"nofeed"), "x")


async def test_a_piece_of_a_log_shows_posts_as_they_are_now() -> None:
    """One that has no body any more was withdrawn; the feed's own is at hand."""
    # fmt: off
    flat = [b"1-0", b"post.published", b"10", b"p",
            b"2-0", b"post.published", b"20", b"q",
            b"3-0", b"feed.updated", b"30", b""]
    # fmt: on
    answer = talk(b"ok", b"e", b"3", b"feed", flat, [b"p", b"q"], [b"text", b""], b"s")
    piece = await scripts.piece(answer, "x", back=True, beyond=None, events=9, size=9)
    first, second, third = piece.events
    assert piece.head == Cursor("e", 3)
    assert (first.body, second.body, third.body) == (b"text", b"", b"feed")
    assert second.type is EventType.WITHDRAWN and third.subject == Subject.feed("x")


async def test_a_page_says_where_the_rest_begins() -> None:
    """Or that there is none."""
    page = await scripts.page(talk(b"ok", [b"1"], b"9", b"p"), "x", None, 1, False)
    assert page.posts == (b"1",) and page.next == (9, "p")
    page = await scripts.page(talk(b"ok", [], b"", b""), "x", page.next, 1, True)
    assert page == ((), None)


async def test_what_is_left_of_withdrawn_posts_is_named() -> None:
    """With the external id that it holds, if any."""
    answer = talk(b"ok", b"0", [b"p", b"3", b"e", b"q", b"1", b""])
    found, onward = await scripts.withdrawn(answer, "x", "ext", 0, 10)
    assert found == (("p", 3, "e"), ("q", 1, None)) and onward == 0
