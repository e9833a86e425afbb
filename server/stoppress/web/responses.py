"""Answers that succeed: JSON with the right headers for caches.

Rules: only a public feed may be stored by others, for a second, then checked
again; what is served while the log can't be asked says how old it is.
"""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import Response

from stoppress.domain.feed import Visibility
from stoppress.web.requests import is_unchanged

PUBLIC = "public, max-age=0, s-maxage=1, stale-while-revalidate=5, stale-if-error=60"
PRIVATE = "private, no-store"
NO_STORE = "no-store"
JSON = "application/json"


def cache_control(visibility: Visibility) -> str:
    """Who may store what is shown of such a feed."""
    return PUBLIC if visibility == "public" else PRIVATE


def content_tag(body: bytes) -> str:
    """An ETag that names these bytes."""
    return f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'


def read(
    request: Request, body: bytes, etag: str, cache: str, age_s: int | None = None
) -> Response:
    """The answer to a read, or 304 if the reader holds it already."""
    headers = {"etag": etag, "cache-control": cache}
    if age_s is not None:
        headers["age"] = str(age_s)
    if is_unchanged(request.headers, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, JSON)


def written(
    body: bytes, *, rev: int, location: str | None = None, status: int = 200
) -> Response:
    """The answer to a write."""
    headers = {"cache-control": NO_STORE}
    if rev:
        headers["etag"] = f'"{rev}"'
    if location is not None:
        headers["location"] = location
    return Response(body, status, headers, JSON)


def done() -> Response:
    """The answer to a write that leaves nothing to show."""
    return Response(status_code=204, headers={"cache-control": NO_STORE})
