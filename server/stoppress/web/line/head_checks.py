"""Decisions on the parsed head of an HTTP request, and responses that refuse it. Pure.

`http_protocol.py` calls it with what httptools has parsed. Header names are in lower
case, as uvicorn stores them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from stoppress.web.line.accepts_event_stream import accepts_event_stream

TIMEOUT = b"408 Request Timeout"
TOO_LARGE = b"431 Request Header Fields Too Large"
TOO_MANY = b"429 Too Many Requests"
TOO_MANY_TEXT = b"Too many requests or connections from this address."
TOO_MANY_HEADERS = b"Retry-After: 10\r\n"
BAD_REQUEST = b"400 Bad Request"
OTHER_VERSION = b"505 HTTP Version Not Supported"
OTHER_CODING = b"501 Not Implemented"
_BODY = (b"content-length", b"transfer-encoding")
_REFUSAL = (
    b"HTTP/1.1 %b\r\n%bConnection: close\r\nContent-Type: text/plain\r\n"
    b"X-Content-Type-Options: nosniff\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)
_AROUND_HEADER = 4
"""Bytes of a header's line besides its name and value."""
_AROUND_TARGET = 16
"""Approximate bytes of a request's first line besides its target."""

_HOST = re.compile(
    rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]*)(:[0-9]{0,5})?", re.ASCII
)

KNOWN_HOSTS, KNOWN_HOST_BYTES = 64, 255
"""Hosts that were looked at before; longer ones are not kept."""

_ORIGIN = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
"""The part before the path if the target is an absolute URI."""

Headers = Iterable[tuple[bytes, bytes]]


def origin_form(target: bytes) -> bytes:
    """The target as a path and a query (RFC 9112, section 3.2): clients that take the
    server for a proxy send an absolute URI."""
    if target.startswith(b"/") or not (found := _ORIGIN.match(target)):
        return target
    rest = target[found.end() :]
    return rest if rest.startswith(b"/") else b"/" + rest


def refused_head(version: str, headers: Headers) -> tuple[bytes, bytes] | None:
    """The status and the reason to refuse a head with, if it is refused."""
    if version not in ("1.1", "1.0"):
        return OTHER_VERSION, b"This server speaks HTTP/1.1."
    if not has_one_host(version, headers):
        return BAD_REQUEST, b"The request needs one valid Host header."
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    if not codings:
        return None
    if version == "1.0":  # RFC 9112, section 6.1: it has no transfer codings
        return BAD_REQUEST, b"A request of HTTP/1.0 has no Transfer-Encoding."
    if len(codings) > 1 or codings[0].strip().lower() != b"chunked":
        return OTHER_CODING, b"The only Transfer-Encoding of this server is chunked."
    return None


def head_bytes(target: bytes, headers: Headers) -> int:
    """The approximate length of a request's head: white space is not counted."""
    size = len(target) + _AROUND_TARGET
    for name, value in headers:
        size += len(name) + len(value) + _AROUND_HEADER
    return size


def is_host(value: bytes | None) -> bool:
    """Whether this is the value of one Host header (RFC 9112, section 3.2).

    Two of them, joined by a comma and a space, are not.
    """
    if value is None or len(value) > KNOWN_HOST_BYTES:
        return value is not None and _HOST.fullmatch(value) is not None
    return _is_known_host(value)


@lru_cache(maxsize=KNOWN_HOSTS)
def _is_known_host(value: bytes) -> bool:
    return _HOST.fullmatch(value) is not None


def has_one_host(version: str, headers: Headers) -> bool:
    """Whether the head has one valid Host header; HTTP/1.0 may have none."""
    hosts = [value for name, value in headers if name == b"host"]
    if not hosts:
        return version == "1.0"
    return len(hosts) == 1 and is_host(hosts[0])


def offers_websocket(version: str, headers: Headers) -> bool:
    """Whether the head offers an upgrade to WebSocket; HTTP/1.0 has no upgrades."""
    if version == "1.0":
        return False
    options, offered = [], []
    for name, value in headers:
        if name == b"connection":
            options += value.lower().split(b",")
        elif name == b"upgrade":
            offered += value.lower().split(b",")
    is_upgrade = b"upgrade" in map(bytes.strip, options)
    return is_upgrade and b"websocket" in map(bytes.strip, offered)


def joined(headers: Headers) -> dict[bytes, bytes]:
    """Headers by name; the values of a repeated one are joined by a comma."""
    fields: dict[bytes, bytes] = {}
    for name, value in headers:
        fields[name] = fields[name] + b", " + value if name in fields else value
    return fields


def has_body(headers: Headers) -> bool:
    """Whether the head announces a body."""
    return any(name in _BODY and value != b"0" for name, value in headers)


def is_stream(scope: dict[str, Any]) -> bool:
    """Whether a request asks for an event stream, which is queued like a WebSocket."""
    path: str = scope["path"]
    return path.endswith("/events") and accepts_event_stream(
        value.decode("latin-1") for name, value in scope["headers"] if name == b"accept"
    )


def refusal_response(status: bytes, text: bytes, headers: bytes = b"") -> bytes:
    """A response that refuses a request and ends the connection."""
    return _REFUSAL % (status, headers, len(text), text)
