"""Answers made once: packed, named, and not more of them than there is room for."""

from __future__ import annotations

import gzip
import os

import brotli
import pytest
from starlette.datastructures import Headers
from starlette.requests import Request

from stoppress.web import response_cache_and_compression
from stoppress.web.response_cache_and_compression import (
    CachedBody,
    ResponseCache,
    accepted_coding,
    send,
)


def request(**headers: str) -> Request:
    """A request with these headers."""
    raw = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    return Request({"type": "http", "method": "GET", "headers": raw})


def test_small_bodies_are_not_packed() -> None:
    """It would not pay."""
    assert CachedBody.of(b"x").form("br") is None
    body = CachedBody.of(b"x" * 5000)
    packed, smaller = body.form("gzip"), body.form("br")
    assert packed is not None and gzip.decompress(packed) == body.plain
    assert smaller is not None and brotli.decompress(smaller) == body.plain
    assert len(smaller) < len(packed)


def test_a_compressed_file_is_sent_as_it_is() -> None:
    """The file beside a script is sent as it is."""
    assert CachedBody.of_file(b"x" * 5000, b"built").form("br") == b"built"


@pytest.mark.parametrize(
    ("given", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("br", "br"),
        ("BR", "br"),
        ("gzip", "gzip"),
        ("gzip, br;q=0", "gzip"),
        ("br;q=0.5, gzip;q=0.8", "gzip"),
        ("br; q = 0.9,gzip;q=0.8", "br"),
        ("*", "br"),
        ("*;q=0", None),
        ("gzip;q=0, *", "br"),
        ("identity", None),
        ("gzip;q=0", None),
        ("gzip;q=none", None),
        ("zebra, brotli", None),
        ("", None),
    ],
)
def test_the_form_that_a_client_takes(given: str, coding: str | None) -> None:
    """By its weights (RFC 9110, 12.5.3); Brotli where they are equal."""
    assert accepted_coding(Headers({"accept-encoding": given})) == coding


def test_send() -> None:
    """Packed if that is taken, 304 if it is held, the same name for all."""
    body = CachedBody.of(b"x" * 5000)
    plain = send(request(), body, "text/plain", {})
    packed = send(request(accept_encoding="gzip"), body, "text/plain", {})
    best = send(request(accept_encoding="br, gzip"), body, "text/plain", {})
    refused = send(request(accept_encoding="gzip;q=0"), body, "text/plain", {})
    assert plain.body == refused.body == body.plain
    assert packed.body == body.form("gzip") and best.body == body.form("br")
    assert packed.headers["content-encoding"] == "gzip"
    assert best.headers["content-encoding"] == "br"
    assert "content-encoding" not in plain.headers
    assert plain.headers["etag"] == packed.headers["etag"] == best.headers["etag"]
    assert plain.headers["vary"] == "Accept-Encoding"
    known = request(if_none_match=packed.headers["etag"])
    again = send(known, body, "text/plain", {"cache-control": "public"})
    assert (again.status_code, again.body) == (304, b"")
    assert again.headers["cache-control"] == "public"
    assert again.headers["vary"] == "Accept-Encoding"
    assert send(known, body, "text/plain", {}, 404).status_code == 404


@pytest.mark.asyncio
async def test_the_bytes_of_the_cache_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The least recently used goes first; what was asked for is always there."""
    monkeypatch.setattr(response_cache_and_compression, "CACHED_RESPONSE_BYTES", 10_000)
    kept, drawn = ResponseCache(), []

    async def ask(name: str, size: int = 2000) -> CachedBody:
        async def draw() -> bytes:
            drawn.append(name)
            return os.urandom(size)

        return await kept.get((name,), draw)

    first = await ask("a")
    await ask("b")
    assert await ask("a") is first
    await ask("c")
    assert await ask("a") is first
    await ask("b")
    assert drawn == ["a", "b", "c", "b"]
    assert len((await ask("big", 50_000)).plain) == 50_000
