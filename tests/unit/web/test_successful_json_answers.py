"""Answers that succeed, with the right headers for caches."""

from __future__ import annotations

from starlette.requests import Request

from stoppress.web import successful_json_answers
from stoppress.web.response_cache_and_compression import CachedBody

SHARED = {"cache-control": "public"}


def request(**headers: str) -> Request:
    """A request with these headers."""
    raw = [(name.replace("_", "-").encode(), v.encode()) for name, v in headers.items()]
    return Request({"type": "http", "method": "GET", "headers": raw})


def test_a_tag_names_the_bytes() -> None:
    """The same for the same, in quotes; another for others."""
    tag = successful_json_answers.content_tag(b"a")
    assert (
        tag
        == successful_json_answers.content_tag(b"a")
        != successful_json_answers.content_tag(b"b")
    )
    assert tag[0] == tag[-1] == '"'
    assert successful_json_answers.content_tag(b"a", b"full") != tag


def test_a_current_copy_gets_304() -> None:
    """Without the body, and with the headers of the answer it replaces."""
    fresh = successful_json_answers.read(request(), b"{}", '"a"', SHARED, age_s=3)
    assert (fresh.status_code, fresh.body) == (200, b"{}")
    assert fresh.headers["age"] == "3" and fresh.headers["etag"] == '"a"'
    held = successful_json_answers.read(
        request(if_none_match='"a"'), b"{}", '"a"', SHARED
    )
    assert (held.status_code, held.body) == (304, b"")
    assert held.headers["cache-control"] == "public" and "age" not in held.headers


def test_a_list_is_compressed() -> None:
    """Its ETag is then weak, and the plain form's counts for it too."""
    body = CachedBody.of(b"x" * 5000)
    shared = {"cache-control": "public", "vary": "Authorization"}
    plain = successful_json_answers.read(request(), body, '"a"', shared)
    assert plain.body == body.plain and plain.headers["etag"] == '"a"'
    packed = successful_json_answers.read(
        request(accept_encoding="br"), body, '"a"', shared
    )
    assert packed.body == body.form("br") and packed.headers["etag"] == 'W/"a"'
    assert packed.headers["content-encoding"] == "br"
    given = request(accept_encoding="br", if_none_match='W/"a"')
    held = successful_json_answers.read(given, body, '"a"', shared)
    assert (held.status_code, held.body) == (304, b"")
    for answer in (plain, packed, held):
        assert answer.headers["vary"] == "Authorization, Accept-Encoding"


def test_a_write_is_stored_by_nobody() -> None:
    """Its tag is the revision that the next one names."""
    made = successful_json_answers.written(b"{}", rev=3, location="/x", status=201)
    assert made.headers["etag"] == '"3"' and made.headers["location"] == "/x"
    assert made.status_code == 201 and made.headers["cache-control"] == "no-store"
    assert "etag" not in successful_json_answers.written(b"{}", rev=0).headers
    assert successful_json_answers.done().status_code == 204
