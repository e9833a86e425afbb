"""Successful answers: JSON with ETag and cache headers.

Rules: an answer made while the store is unavailable has an Age header. Long answers are
compressed: snapshots and lists in the readers' form. A single post is not, as its ETag
is its revision, which clients send back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response

from stoppress.web.cache_control import NO_STORE
from stoppress.web.request_parsing import is_unchanged
from stoppress.web.response_cache_and_compression import CachedBody, add_vary, encoded

JSON = "application/json"


def content_tag(body: bytes, form: bytes = b"") -> str:
    """The ETag of a body in a form (such as FULL_FORM; 16 bytes at most)."""
    digest = hashlib.blake2b(body, digest_size=8, person=form).hexdigest()
    return f'"{digest}"'


def read(
    request: Request,
    body: bytes | CachedBody,
    etag: str,
    cache: Mapping[str, str],
    age_s: int | None = None,
) -> Response:
    """The answer to a read, or 304 if the client has it already.

    A CachedBody is compressed if the client takes that.
    """
    headers = {"etag": etag, **cache}
    if age_s is not None:
        headers["age"] = str(age_s)
    if is_unchanged(request.headers, etag):
        if isinstance(body, CachedBody):
            add_vary(headers)
        return Response(status_code=304, headers=headers)
    if isinstance(body, bytes):
        return Response(body, 200, headers, JSON)
    content = encoded(request, body, headers)
    if "content-encoding" in headers:
        headers["etag"] = f"W/{etag}"
    return Response(content, 200, headers, JSON)


def written(
    body: bytes,
    *,
    rev: int,
    location: str | None = None,
    status: int = 200,
    cache: Mapping[str, str] = MappingProxyType({"cache-control": NO_STORE}),
) -> Response:
    """The answer to a write."""
    headers = dict(cache)
    if rev:
        headers["etag"] = f'"{rev}"'
    if location is not None:
        headers["location"] = location
    return Response(body, status, headers, JSON)


def done() -> Response:
    """The answer to a write that has no body (204)."""
    return Response(status_code=204, headers={"cache-control": NO_STORE})
