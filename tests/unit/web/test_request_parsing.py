"""Bodies and headers: bounded, and refused with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Message

from stoppress.desk.feed_import import MAX_REV
from stoppress.domain.errors import Invalid, Malformed
from stoppress.web import request_parsing
from stoppress.web.problems import Problem
from stoppress.web.request_parsing import (
    WHOLE,
    ClientDisconnected,
    FinishHeaders,
    RawHeaders,
    body,
    entity_tags,
    expected,
    is_unchanged,
    requester,
    whole_messages,
    whole_number,
)
from tests.unit.web.desk_harness import open_harness

LIMIT = 64 << 10


def request(*parts: bytes, **headers: str) -> tuple[Request, Iterator[bytes]]:
    """A request whose body comes in parts, and what was not asked for of it."""
    rest = iter(parts)
    left = [len(parts)]

    async def receive() -> dict[str, Any]:
        part = next(rest, None)
        if part is None:
            return {"type": "http.disconnect"}
        left[0] -= 1
        return {"type": "http.request", "body": part, "more_body": left[0] > 0}

    raw = [(name.replace("_", "-").encode(), v.encode()) for name, v in headers.items()]
    scope = {"type": "http", "method": "POST", "headers": raw}
    return Request(scope, receive), rest


@pytest.mark.asyncio
async def test_a_body_comes_in_any_parts() -> None:
    """As it was sent; exactly the limit is allowed; 0 is no limit."""
    assert await body(request(b"{", b"", b"}")[0], LIMIT) == b"{}"
    assert await body(request(b"x" * LIMIT)[0], LIMIT) == b"x" * LIMIT
    assert len(await body(request(b"x" * LIMIT, b"x")[0], 0)) == LIMIT + 1


@pytest.mark.asyncio
async def test_a_body_too_long_is_413() -> None:
    """It is read on and dropped for a while, so that the answer arrives."""
    asked, rest = request(b"x" * LIMIT, b"x", b"y")
    with pytest.raises(Problem) as error:
        await body(asked, LIMIT)
    assert error.value.status == 413 and error.value.more["limit"] == LIMIT
    assert not error.value.headers and list(rest) == []


@pytest.mark.asyncio
async def test_a_body_too_long_is_refused_before_it_is_sent() -> None:
    """To who asks first (`Expect`): nothing of it is read."""
    asked, rest = request(
        b"x" * LIMIT, b"x", content_length=str(LIMIT + 1), expect="100-Continue"
    )
    with pytest.raises(Problem) as error:
        await body(asked, LIMIT)
    assert error.value.status == 413
    assert error.value.headers["connection"] == "close"
    assert len(list(rest)) == 2
    fits, _ = request(b"{}", content_length="2", expect="100-continue")
    assert await body(fits, LIMIT) == b"{}"


@pytest.mark.asyncio
async def test_a_byte_order_mark_is_skipped() -> None:
    """Windows' tools begin files of UTF-8 with one. A second one is not skipped."""
    mark = b"\xef\xbb\xbf"
    assert await body(request(mark[:1], mark[1:] + b"{}")[0], LIMIT) == b"{}"
    assert await body(request(mark + mark)[0], LIMIT) == mark


@pytest.mark.asyncio
async def test_a_body_without_end_is_cut_off() -> None:
    """After a bounded number of bytes, the connection too."""
    many = [b"x" * LIMIT] * 100
    asked, rest = request(*many)
    with pytest.raises(Problem) as error:
        await body(asked, LIMIT)
    assert error.value.headers["connection"] == "close"
    assert len(list(rest)) >= 80


@pytest.mark.asyncio
async def test_a_body_that_does_not_come_is_408(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody waits for ever."""
    monkeypatch.setattr(request_parsing, "BODY_TIMEOUT_S", 0.0)

    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(Problem) as error:
        await body(Request({"type": "http", "headers": []}, never), LIMIT)
    assert error.value.status == 408


@pytest.mark.asyncio
async def test_a_sender_who_leaves_is_not_answered() -> None:
    """There is nobody."""
    with pytest.raises(ClientDisconnected):
        await body(request()[0], LIMIT)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("kind", "is_read"),
    [
        ("", True),
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("application/merge-patch+json", True),
        ("application/vnd.stop-press+json", True),
        ("application/x-www-form-urlencoded", True),
        ("text/plain;charset=UTF-8", True),
        ("multipart/form-data; boundary=x", False),
        ("application/xml", False),
        ("application/jsonx", False),
    ],
)
async def test_content_types(kind: str, is_read: bool) -> None:
    """JSON by any name; what curl and fetch() call it unasked; else 415."""
    asked, _ = request(b"{}", content_type=kind)
    if is_read:
        assert await body(asked, LIMIT) == b"{}"
    else:
        with pytest.raises(Problem) as error:
            await body(asked, LIMIT)
        assert error.value.status == 415


@pytest.mark.asyncio
async def test_a_compressed_body_is_415() -> None:
    """64 KiB of zip can be a gigabyte of text."""
    with pytest.raises(Problem) as error:
        await body(request(b"{}", content_encoding="gzip")[0], LIMIT)
    assert error.value.status == 415


def test_entity_tags() -> None:
    """Strong, weak, several, any."""
    assert entity_tags('"3"') == [(False, "3")]
    assert entity_tags(' W/"a" , "b","" ') == [(True, "a"), (False, "b"), (False, "")]
    assert entity_tags(" * ") is None


RETURNED = [
    '"{}"',
    'W/"{}"',
    '"{}-gzip"',
    '"{}-br"',
    '"{}-zstd"',
    '"{}--gzip"',
    'W/"{}-gzip"',
    '"{};gz"',
    '"{}-GZIP"',
    '"{}-gzip-br"',
    '"x", W/"{}--br"',
]
"""A tag as caches and compressing proxies hand it back."""


@pytest.mark.parametrize("form", RETURNED)
def test_a_tag_that_a_proxy_changed_is_the_same_tag(form: str) -> None:
    """For a write, and for a question whether something changed."""
    assert expected(Headers({"if-match": form.format(3)})) == frozenset({3})
    digest = "k3v9-120.00c0ffee1d"
    given = Headers({"if-none-match": form.format(digest)})
    assert is_unchanged(given, f'"{digest}"')


def test_lists_may_have_several_lines_and_empty_members() -> None:
    """RFC 9110, sections 5.3 and 5.6.1."""
    assert entity_tags(',"a",, "b" ,') == [(False, "a"), (False, "b")]
    lines = [(b"if-match", b'"1"'), (b"if-match", b', "2"')]
    assert expected(Headers(raw=lines)) == frozenset({1, 2})
    lines = [(b"if-none-match", b'"x"'), (b"if-none-match", b'"3"')]
    assert is_unchanged(Headers(raw=lines), '"3"')
    with pytest.raises(Malformed):
        entity_tags(" , ")


def test_two_idempotency_keys_are_none() -> None:
    """Which one counts would be a guess; the same twice is one."""
    same = [(b"idempotency-key", b"k"), (b"idempotency-key", b"k")]
    assert requester(Headers(raw=same), "me").idempotency_key == "k"
    two = [(b"idempotency-key", b"k"), (b"idempotency-key", b"l")]
    with pytest.raises(Malformed, match="more than once"):
        requester(Headers(raw=two), "me")


@pytest.mark.parametrize(
    "text",
    ["0" * 8 + "1" + "0" * 5000, "1" + "0" * 400, "0000000001", "\u0661", "1.5", "-1"]
    + ["+1", " 1", "1_0", "", "0", "101"],
)
def test_a_number_of_a_query_is_read_as_a_whole(text: str) -> None:
    """Or refused: its first digits are not the number."""
    scope = {"type": "http", "query_string": urlencode({"limit": text}).encode()}
    with pytest.raises(Invalid, match="use a whole number from 1 to 100"):
        whole_number(Request(scope), "limit", 50, 100)


def test_the_highest_revision_of_an_import_is_one() -> None:
    """A longer number is no revision that a post can have."""
    tags = Headers({"if-match": f'"{MAX_REV}", "{"9" * 17}"'})
    assert expected(tags) == frozenset({MAX_REV})


@pytest.mark.parametrize("tag", ['"3-4"', '"3gzip"', '"-gzip"', '"3-"', '"3-gzip-4"'])
def test_no_other_tag_becomes_a_revision(tag: str) -> None:
    """Only what compresses leaves a mark that is taken off."""
    assert expected(Headers({"if-match": tag})) == frozenset()


@pytest.mark.asyncio
@pytest.mark.parametrize("key", [b"", b"x" * 201, b"a\tb", "é".encode()])
async def test_a_bad_idempotency_key_is_400(key: bytes) -> None:
    """On every write, before anything is done."""
    async with open_harness() as harness:
        await harness.feed()
        for method, path in (
            ("POST", "/v1/feeds"),
            ("PATCH", "/v1/feeds/quay"),
            ("DELETE", "/v1/feeds/quay"),
            ("POST", "/v1/feeds/quay/posts"),
            ("PATCH", "/v1/feeds/quay/posts/x"),
            ("DELETE", "/v1/feeds/quay/posts/x"),
        ):
            answer = await harness.client.request(
                method, path, headers={b"idempotency-key": key}
            )
            assert answer.status_code == 400, (method, path)
            assert "Idempotency-Key" in answer.json()["detail"]


class Whole:
    """A body that has arrived, or has not."""

    finish_headers: FinishHeaders | None = None

    def __init__(self, arrived: bytes | None) -> None:
        self.arrived = arrived

    def body(self) -> bytes | None:
        return self.arrived

    def answer(self, status: int, headers: RawHeaders, body: bytes) -> bool:
        return False


def test_a_server_without_it_has_no_such_thing() -> None:
    assert whole_messages({}) is whole_messages({"extensions": {}}) is None
    whole = Whole(b"")
    assert whole_messages({"extensions": {WHOLE: whole}}) is whole


@pytest.mark.asyncio
async def test_a_body_that_is_here_is_not_waited_for() -> None:
    """It has the limit of any other."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b"by message"}

    def whole_request(arrived: bytes | None) -> Request:
        extensions = {WHOLE: Whole(arrived)}
        scope = {"type": "http", "method": "POST", "headers": []}
        return Request({**scope, "extensions": extensions}, receive)

    assert await body(whole_request(b"\xef\xbb\xbfwhole"), 8) == b"whole"
    assert await body(whole_request(b""), 9) == b""
    assert await body(whole_request(None), 10) == b"by message"
    with pytest.raises(Problem) as refused:
        await body(whole_request(b"too long a body"), 8)
    assert refused.value.status == 413 and not refused.value.headers
