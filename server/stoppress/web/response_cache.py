"""Answers made once and sent many times: their bytes, packed too, and their ETag."""

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
"""Pages held in memory, least recently used first to go: some 1,500 of 20 posts."""

_MIN_GZIP_BYTES = 512

Drawer = Callable[[], Awaitable[bytes]]


class CachedBody(NamedTuple):
    """Bytes to answer with, as they are and packed, under one ETag."""

    plain: bytes
    packed: bytes | None
    etag: str

    @classmethod
    def of(cls, plain: bytes, level: int = 6) -> CachedBody:
        """Pack what is worth packing."""
        etag = f'"{hashlib.blake2b(plain, digest_size=8).hexdigest()}"'
        packed = (
            gzip.compress(plain, level, mtime=0)
            if len(plain) > _MIN_GZIP_BYTES
            else None
        )
        return cls(plain, packed, etag)


def send(
    request: Request,
    body: CachedBody,
    kind: str,
    headers: dict[str, str],
    status: int = 200,
) -> Response:
    """The answer with a body, packed where the reader takes that; or 304."""
    # One ETag names the page in either packing, so it is a weak one.
    headers = {**headers, "etag": f"W/{body.etag}", "vary": "Accept-Encoding"}
    if status == 200 and is_unchanged(request.headers, body.etag):
        return Response(status_code=304, headers=headers)
    taken = request.headers.get("accept-encoding", "")
    if body.packed is not None and "gzip" in taken and "gzip;q=0" not in taken:
        headers["content-encoding"] = "gzip"
        return Response(body.packed, status, headers, kind)
    return Response(body.plain, status, headers, kind)


class ResponseCache:
    """Answers that were made once, by what they were made from."""

    def __init__(self) -> None:
        self._bodies: OrderedDict[tuple[str, ...], CachedBody] = OrderedDict()
        self._bytes = 0

    async def get(self, name: tuple[str, ...], draw: Drawer) -> CachedBody:
        """What is held under the name, or else what `draw` makes."""
        body = self._bodies.get(name)
        if body is None:
            body = CachedBody.of(await draw())
            # Another request may have drawn it while this one read.
            self._bytes += _size(body) - _size(self._bodies.get(name))
            self._bodies[name] = body
            while self._bytes > CACHED_RESPONSE_BYTES and len(self._bodies) > 1:
                self._bytes -= _size(self._bodies.popitem(last=False)[1])
        self._bodies.move_to_end(name)
        return body


def _size(body: CachedBody | None) -> int:
    return 0 if body is None else len(body.plain) + len(body.packed or b"")
