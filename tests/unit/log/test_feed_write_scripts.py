"""Calls of the scripts that write, and what is made of their answers."""

from __future__ import annotations

from typing import Any

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import (
    NotFound,
    SlugTaken,
)
from stoppress.domain.store_requests_and_results import Idempotency, Write
from stoppress.log import feed_write_scripts as writes
from tests.unit.log.redis_answering import redis_answering

pytestmark = pytest.mark.asyncio
KEY = Idempotency("token-1", "k", "f")


KEPT_FOR = writes.KeptFor(10, 0, 60, 5, 1 << 20)


ASKED = Write("x", (), 0, "", "", KEY)


def written(*answer: Any) -> Any:
    return writes.write_answer(list(answer), ASKED)


async def test_a_write_answers_its_cursor_and_what_it_dropped() -> None:
    """A repeat is told as one, and lets nothing go."""
    done = ("p", ("e", 7), False), (3, 1)
    assert written(b"ok", b"e", b"7", b"p", 3, 1) == done
    assert written(b"repeated", b"e-7", b"p") == (("p", ("e", 7), True), (0, 0))


async def test_a_write_names_the_line_of_descent_of_its_connection() -> None:
    """So it is put together where its connection is known."""
    run = writes.write(redis_answering(), ASKED, KEPT_FOR)
    chance, life, at, events, *_ = run.args
    assert (life, at, events) == ("k3v9", 0, 10)
    assert isinstance(chance, bytes) and b" " in chance
    assert len(run.keys) == 9


async def test_a_feed_that_is_made_begins_with_its_epoch() -> None:
    made = await writes.make(
        redis_answering(b"ok"), "x", "k3v9", b"{}", None, ttl_s=1, rev=1
    )
    assert made.cursor == Cursor("k3v9", 0) and not made.repeated
    with pytest.raises(SlugTaken):
        await writes.make(
            redis_answering(b"exists"), "x", "k3v9", b"{}", None, ttl_s=1, rev=1
        )


async def test_a_feed_is_deleted_once() -> None:
    """The second time under a key there is nothing to say."""
    assert (
        await writes.drop(redis_answering(b"ok", b"e"), "x", None, None, ttl_s=1) == "e"
    )
    again = redis_answering(b"repeated", b"e-0", b"")
    assert await writes.drop(again, "x", 3, KEY, ttl_s=1) is None


async def test_what_is_not_there_is_not_confirmed() -> None:
    with pytest.raises(NotFound, match="'x'"):
        await writes.confirm(redis_answering(b"nofeed"), "x")
