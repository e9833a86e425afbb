"""Fetches one public web page, within limits of time, bytes and redirects.

Rules:
- Each redirect is checked like the first address (`allowed_fetch_targets.py`), and has
  a connection of its own (`guarded_network.py`).
- The request contains no cookie, credential or referrer.
- Only HTML is read, up to the end of the page's head; a compressed answer is limited by
  its uncompressed size.
- A failure is Invalid, with a text for the editor who pasted the address; the text is
  the same for a private host and for one that does not exist.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import zlib
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urljoin

import httpcore

from stoppress import __version__
from stoppress.domain.errors import Invalid
from stoppress.link_cards.allowed_fetch_targets import NOT_PUBLIC, Target, target_of
from stoppress.link_cards.guarded_network import (
    GuardedNetwork,
    NotPublic,
    Open,
    Resolve,
    answer_of,
    open_connection,
)

MAX_REDIRECTS = 4
CONNECT_TIMEOUT_S = 3.0
"""Timeout of one connection, within the timeout of the whole fetch."""

_HTML = ("text/html", "application/xhtml+xml")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_END_OF_HEAD = re.compile(rb"</head|<body", re.IGNORECASE)
_META_CHARSET = re.compile(
    rb"<meta[^<>]{0,200}charset\s*=\s*[\"']?([\w.:-]{1,40})", re.I
)
_CHARSETS = re.compile(
    r"utf-?8|utf-?16(-?[lb]e)?|us-ascii|ascii|iso-?8859-\d{1,2}|latin-?1"
    r"|windows-(125\d|874|31j)|cp125\d|koi8-[ru]|shift[_-]jis|sjis|euc-(jp|kr)"
    r"|iso-2022-jp|gbk|gb2312|gb18030|big5(-hkscs)?|macintosh|tis-620",
    re.IGNORECASE,
)
"""Python's codecs of the encodings that pages are written in."""


class Page(NamedTuple):
    """The beginning of a page."""

    url: str
    """Its address, after redirects."""
    markup: str


class PageFetcher:
    """Fetches pages; all its network access is through `resolve` and `open`."""

    def __init__(
        self,
        resolve: Resolve,
        open: Open = open_connection,
        *,
        timeout_s: float,
        max_bytes: int,
        contact: str = "",
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._resolve = resolve
        self._open = open
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._agent = f"StopPress/{__version__} (link cards{contact and '; '}{contact})"
        self._trust = trust

    async def fetch(self, url: str) -> Page:
        """The beginning of the page at a web address. Raises Invalid."""
        target = target_of(url)
        try:
            async with asyncio.timeout(self._timeout_s):
                for _ in range(MAX_REDIRECTS + 1):
                    found = await self._ask(target)
                    if isinstance(found, Page):
                        return found
                    target = found
        except NotPublic:
            raise Invalid("url", NOT_PUBLIC) from None
        except (TimeoutError, httpcore.TimeoutException):
            raise Invalid(
                "url", f"can't be read: no page came within {self._timeout_s:g} s"
            ) from None
        except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError):
            raise Invalid("url", "can't be read: the connection failed") from None
        raise Invalid("url", f"can't be read: more than {MAX_REDIRECTS} redirects")

    async def _ask(self, target: Target) -> Page | Target:
        """The page, or the address that it redirects to."""
        if self._trust is None:
            # Not at import: reading the system's certificates takes tens of
            # milliseconds.
            self._trust = await asyncio.to_thread(ssl.create_default_context)
        headers = {
            "user-agent": self._agent,
            "accept": ", ".join(_HTML),
            "accept-encoding": "identity",
        }
        async with answer_of(
            "GET",
            target,
            GuardedNetwork(self._resolve, self._open, max_body_bytes=self._max_bytes),
            self._trust,
            headers=headers,
            timeout_s=self._timeout_s,
            connect_timeout_s=CONNECT_TIMEOUT_S,
        ) as response:
            answered = _texts(response.headers)
            if response.status in _REDIRECTS and (place := answered.get("location")):
                return _moved(target, place)
            if response.status != 200:
                raise Invalid("url", f"can't be read: it answered {response.status}")
            kind, _, rest = answered.get("content-type", "").partition(";")
            if kind.strip().lower() not in _HTML:
                raise Invalid("url", "can't be read: it is no web page")
            raw = await self._head_of(response, answered.get("content-encoding", ""))
            return Page(target.url, _decoded(raw, rest))

    async def _head_of(self, response: httpcore.Response, encoding: str) -> bytes:
        """The page's bytes up to the end of its head, or to the limit."""
        encoding = encoding.strip().lower()
        unpack = None
        if encoding in ("gzip", "x-gzip", "deflate"):
            unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)
        elif encoding not in ("", "identity"):
            raise Invalid("url", "can't be read: its compression was not requested")
        found = bytearray()
        received = 0
        async for piece in response.aiter_stream():
            left = self._max_bytes - len(found)
            received += len(piece)
            if unpack is not None:
                try:
                    piece = unpack.decompress(piece, left)
                except zlib.error:
                    raise Invalid("url", "can't be read: it is damaged") from None
            begin = max(0, len(found) - 6)
            found += piece[:left]
            if (
                len(found) >= self._max_bytes
                or received >= self._max_bytes
                or _END_OF_HEAD.search(found, begin)
            ):
                break
        return bytes(found)


def _moved(target: Target, place: str) -> Target:
    """The address of a redirect. Raises Invalid."""
    try:
        # If the bytes are not ASCII, servers send UTF-8.
        url = urljoin(target.url, place.encode("latin-1").decode("utf-8", "replace"))
    except ValueError:
        raise Invalid("url", "can't be read: its redirect is invalid") from None
    return target_of(url)


def _texts(headers: list[tuple[bytes, bytes]]) -> Mapping[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("latin-1")
        for name, value in headers
    }


def _decoded(raw: bytes, parameters: str) -> str:
    """A page as text, by its byte order mark, header or meta tag; else as UTF-8."""
    for mark, name in (
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe", "utf-16-le"),
        (b"\xfe\xff", "utf-16-be"),
    ):
        if raw.startswith(mark):
            return raw[len(mark) :].decode(name, "replace")
    reported = re.search(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", parameters, re.I)
    within = _META_CHARSET.search(raw[:4096])
    name = (
        reported[1]
        if reported
        else within[1].decode("ascii", "replace")
        if within
        else ""
    )
    if not _CHARSETS.fullmatch(name):
        name = "utf-8"
    try:
        return raw.decode(name, "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")
