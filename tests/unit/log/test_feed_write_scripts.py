"""Calls of the scripts that write, and what is made of their answers."""

from __future__ import annotations

from typing import Any

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import (
    NotFound,
    SlugTaken,
)
from stoppress.domain.event import EventType, Subject
from stoppress.domain.store_requests_and_results import Change, Idempotency, Write
from stoppress.log import feed_write_scripts as writes
from stoppress.log.audit_log import AuditArgs
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
    asked = writes.FeedWrite(ASKED, KEPT_FOR)
    run = writes.FeedWrite.run(redis_answering(), [asked])
    chance, life, events, *_ = run.args
    assert (life, events) == ("k3v9", 10)
    assert isinstance(chance, bytes) and b" " in chance
    assert len(run.keys) == 10


async def test_writes_to_one_feed_are_one_call() -> None:
    """What they share is said once; each has its record and its entry of the audit."""
    body = b"{}"
    change = Change(EventType.PUBLISHED, Subject.post("p"), 0, 1, body, 5)
    other = Write("x", (change, change), 9, "", "p", None, b"by")
    audit = AuditArgs(b"entry", 1, 2, 3)
    both = [
        writes.FeedWrite(ASKED, KEPT_FOR._replace(audit=audit)),
        writes.FeedWrite(other, KEPT_FOR._replace(audit=audit._replace(entry=b"2"))),
    ]
    assert [(one.together, one.size) for one in both] == [("x", 0), ("x", 4)]
    keys, args = writes.write_args(redis_answering(), both)
    assert [key.rpartition("}:")[2] for key in keys[:8]] == [
        *("meta", "log", "line", "posts", "order", "ext", "revisions", "audit")
    ]
    assert keys[8] == keys[6]
    assert len(keys) == 11 and keys[9] != keys[10]
    own = [0, "", "", "f", b"", b"entry", 0], [9, "", "p", "", b"by", b"2", 2]
    one_change = ["post.published", "p", 0, 1, body, 5, "", 0, ""]
    assert args[1:] == [
        *("k3v9", 10, 0, 60, 5, 1 << 20, 1, 2, 3),
        *(*own[0], *own[1], *one_change, *one_change),
    ]


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


async def test_a_missing_feed_is_not_confirmed() -> None:
    with pytest.raises(NotFound, match="'x'"):
        await writes.confirm(redis_answering(b"nofeed"), "x")
