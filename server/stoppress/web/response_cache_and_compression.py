"""Caches rendered answers: their bytes, also compressed, and their ETag.

Rules: each compressed form is made once, when a client first asks for it; Brotli is
preferred to gzip. The forms share one ETag, which is weak in a compressed answer.
"""

from __future__ import annotations

import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Literal

import brotli
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from stoppress.web.request_parsing import is_unchanged

CACHED_RESPONSE_BYTES = 32 << 20
"""Limit of cached answers; the least recently used is evicted first. It holds some
1,000 pages of 20 posts."""

_MIN_COMPRESSED_BYTES = 512
_QUALITY = {"br": 5, "gzip": 6}
"""Levels for answers made per cursor: 2 ms for 20 posts; a higher level saves 5 %."""
_FAST = {"br": 1, "gzip": 1}
"""Levels for answers over FAST_BYTES, which would block the process: 5 ms per MiB."""
FAST_BYTES = 256 << 10
"""Limit of answers compressed at _QUALITY."""
_BEST = {"br": 9, "gzip": 9}
"""Levels for files, which are compressed once per process."""

Renderer = Callable[[], Awaitable[bytes]]
Coding = Literal["br", "gzip"]


class CachedBody:
    """The body of an answer, plain and compressed, with one ETag."""

    __slots__ = ("_forms", "_quality", "etag", "plain")

    def __init__(
        self,
        plain: bytes,
        etag: str,
        quality: dict[str, int],
        forms: dict[Coding, bytes],
    ) -> None:
        self.plain = plain
        self.etag = etag
        self._quality = quality
        self._forms = forms

    @classmethod
    def of(cls, plain: bytes, *, fast: bool = False) -> CachedBody:
        """A body that changes from time to time."""
        quality = _FAST if fast or len(plain) > FAST_BYTES else _QUALITY
        return cls(plain, _etag(plain), quality, {})

    @classmethod
    def of_file(cls, plain: bytes, compressed: bytes | None = None) -> CachedBody:
        """The content of a file; `compressed`: its Brotli form, if built already."""
        forms: dict[Coding, bytes] = {} if compressed is None else {"br": compressed}
        return cls(plain, _etag(plain), _BEST, forms)

    @property
    def size(self) -> int:
        """Bytes in memory once all its forms are made, at most."""
        return 2 * len(self.plain)

    def form(self, coding: Coding) -> bytes | None:
        """The body compressed; None if that would save little."""
        if len(self.plain) <= _MIN_COMPRESSED_BYTES:
            return None
        if coding not in self._forms:
            quality = self._quality[coding]
            self._forms[coding] = (
                brotli.compress(self.plain, quality=quality)
                if coding == "br"
                else gzip.compress(self.plain, quality, mtime=0)
            )
        return self._forms[coding]


def _etag(plain: bytes) -> str:
    return f'"{hashlib.blake2b(plain, digest_size=8).hexdigest()}"'


def accepted_coding(headers: Headers) -> Coding | None:
    """The form that a client accepts: by its weights, Brotli if they are equal."""
    weights: dict[str, float] = {}
    for item in ",".join(headers.getlist("accept-encoding")).lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        weights[name] = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                weights[name] = _weight(value.strip())
    other = weights.get("*", 0.0)
    br, packed = weights.get("br", other), weights.get("gzip", other)
    if br and br >= packed:
        return "br"
    return "gzip" if packed else None


def _weight(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0


def add_vary(headers: dict[str, str]) -> None:
    """Add to Vary that the answer has several forms."""
    vary = headers.get("vary")
    headers["vary"] = f"{vary}, Accept-Encoding" if vary else "Accept-Encoding"


def encoded(request: Request, body: CachedBody, headers: dict[str, str]) -> bytes:
    """The body in the form that the client takes; adds its headers to `headers`."""
    add_vary(headers)
    coding = accepted_coding(request.headers)
    compressed = body.form(coding) if coding else None
    if coding is None or compressed is None:
        return body.plain
    headers["content-encoding"] = coding
    return compressed


def send(
    request: Request,
    body: CachedBody,
    kind: str,
    headers: dict[str, str],
    status: int = 200,
) -> Response:
    """The answer with a body, compressed if the client takes that; or 304."""
    # One ETag for all forms, so it is weak.
    headers = {**headers, "etag": f"W/{body.etag}"}
    if status == 200 and is_unchanged(request.headers, body.etag):
        add_vary(headers)
        return Response(status_code=304, headers=headers)
    content = encoded(request, body, headers)
    return Response(content, status, headers, kind)


class ResponseCache:
    """An LRU cache of answers, by the values they were rendered from."""

    def __init__(self, most_bytes: int | None = None) -> None:
        self._most_bytes = most_bytes or CACHED_RESPONSE_BYTES
        self._bodies: OrderedDict[tuple[str, ...], CachedBody] = OrderedDict()
        self._bytes = 0

    async def get(
        self, name: tuple[str, ...], render: Renderer, *, fast: bool = False
    ) -> CachedBody:
        """The cached answer with this name, else the one that `render` returns.

        `fast`: few requests are expected, so it is compressed at a low level.
        """
        body = self._bodies.get(name)
        if body is None:
            body = CachedBody.of(await render(), fast=fast)
            # Another request may have rendered it during the await.
            self._bytes += body.size - _size(self._bodies.get(name))
            self._bodies[name] = body
            while self._bytes > self._most_bytes and len(self._bodies) > 1:
                self._bytes -= self._bodies.popitem(last=False)[1].size
        self._bodies.move_to_end(name)
        return body

    def forget(self, feed: str | None) -> None:
        """Drop every answer: names do not say which posts an answer contains."""
        self.clear()

    def clear(self) -> None:
        """Drop every answer; each is rendered again at its next request."""
        self._bodies.clear()
        self._bytes = 0


def _size(body: CachedBody | None) -> int:
    return 0 if body is None else body.size
