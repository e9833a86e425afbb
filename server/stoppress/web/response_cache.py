"""Caches rendered answers: their bytes, also compressed by gzip, and their ETag."""

from __future__ import annotations

import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from stoppress.web.request_parsing import is_unchanged

CACHED_RESPONSE_BYTES = 32 << 20
"""Limit of cached answers; the least recently used is evicted first. It holds some
1,500 pages of 20 posts."""

_MIN_GZIP_BYTES = 512

Renderer = Callable[[], Awaitable[bytes]]


class CachedBody(NamedTuple):
    """The body of an answer, plain and compressed, with one ETag."""

    plain: bytes
    compressed: bytes | None
    etag: str

    @classmethod
    def of(cls, plain: bytes, level: int = 6) -> CachedBody:
        """Make the ETag, and compress the body if that saves enough."""
        etag = f'"{hashlib.blake2b(plain, digest_size=8).hexdigest()}"'
        compressed = (
            gzip.compress(plain, level, mtime=0)
            if len(plain) > _MIN_GZIP_BYTES
            else None
        )
        return cls(plain, compressed, etag)


def send(
    request: Request,
    body: CachedBody,
    kind: str,
    headers: dict[str, str],
    status: int = 200,
) -> Response:
    """The answer with a body, compressed if the client accepts gzip; or 304."""
    # One ETag for both encodings, so it is weak.
    headers = {**headers, "etag": f"W/{body.etag}", "vary": "Accept-Encoding"}
    if status == 200 and is_unchanged(request.headers, body.etag):
        return Response(status_code=304, headers=headers)
    accepted = request.headers.get("accept-encoding", "")
    if (
        body.compressed is not None
        and "gzip" in accepted
        and "gzip;q=0" not in accepted
    ):
        headers["content-encoding"] = "gzip"
        return Response(body.compressed, status, headers, kind)
    return Response(body.plain, status, headers, kind)


class ResponseCache:
    """An LRU cache of answers, by the values they were rendered from."""

    def __init__(self) -> None:
        self._bodies: OrderedDict[tuple[str, ...], CachedBody] = OrderedDict()
        self._bytes = 0

    async def get(self, name: tuple[str, ...], render: Renderer) -> CachedBody:
        """The cached answer with this name, else the one that `render` returns."""
        body = self._bodies.get(name)
        if body is None:
            body = CachedBody.of(await render())
            # Another request may have rendered it during the await.
            self._bytes += _size(body) - _size(self._bodies.get(name))
            self._bodies[name] = body
            while self._bytes > CACHED_RESPONSE_BYTES and len(self._bodies) > 1:
                self._bytes -= _size(self._bodies.popitem(last=False)[1])
        self._bodies.move_to_end(name)
        return body


def _size(body: CachedBody | None) -> int:
    return 0 if body is None else len(body.plain) + len(body.compressed or b"")
