"""The server's side of a WebSocket handshake (RFC 6455, section 4.2). Pure."""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Mapping

from stoppress.hub.deflate_negotiation import HEADER, agreed

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_HEAD = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n%b\r\n"
)
_VERSION = b"13"
_BAD = b"400 Bad Request"
_EXTENSIONS = HEADER.lower().encode()
_NOT_HERE = frozenset({b"transfer-encoding", b"expect"})
"""Headers of a request with a body, which a handshake must not have."""

Fields = Mapping[bytes, bytes]
"""Headers by lower-case name; the values of a repeated one are joined by a comma."""


def accepted(headers: Fields) -> bytes | None:
    """The value of Sec-WebSocket-Accept, or None if this is not a valid handshake."""
    if (
        not _has(b"websocket", headers.get(b"upgrade", b""))
        or not _has(b"upgrade", headers.get(b"connection", b""))
        or headers.get(b"sec-websocket-version") != _VERSION
        or _has_body(headers)
    ):
        return None
    key = headers.get(b"sec-websocket-key", b"")
    if not _is_key(key):
        return None
    digest = hashlib.sha1(key + _GUID, usedforsecurity=False).digest()
    return binascii.b2a_base64(digest, newline=False)


def refusal(method: str, headers: Fields | None) -> tuple[bytes, bytes, bytes]:
    """The reason why a handshake is invalid: a status, a sentence, and more headers.

    `headers` None: the method or the address is invalid.
    """
    if method != "GET":
        return _BAD, b"A WebSocket handshake is a GET request.", b""
    if headers is None:
        return _BAD, b"The address has characters that are not ASCII: escape them.", b""
    if _has_body(headers):
        return _BAD, b"A WebSocket handshake has no body: send none.", b""
    if headers.get(b"sec-websocket-version") != _VERSION:
        return (
            b"426 Upgrade Required",
            b"This server speaks version 13 of the WebSocket protocol.",
            b"Upgrade: websocket\r\nSec-WebSocket-Version: %b\r\n" % _VERSION,
        )
    if not _is_key(headers.get(b"sec-websocket-key", b"")):
        return _BAD, b"Sec-WebSocket-Key is not 16 bytes in base64.", b""
    return _BAD, b"Sec-WebSocket-Extensions is malformed.", b""


def _has(token: bytes, value: bytes) -> bool:
    """Whether the value of a list header has this member, in any case."""
    value = value.lower()
    return value == token or (
        b"," in value and token in [part.strip() for part in value.split(b",")]
    )


def _has_body(headers: Fields) -> bool:
    length = headers.get(b"content-length", b"0")
    return length != b"0" or not _NOT_HERE.isdisjoint(headers)


def _is_key(key: bytes) -> bool:
    try:
        return len(binascii.a2b_base64(key, strict_mode=True)) == 16
    except binascii.Error:
        return False


def agreement(headers: Fields) -> str:
    """The value of Sec-WebSocket-Extensions in the response; empty: no extension.

    Raises ValueError if the offer is malformed.
    """
    offered = headers.get(_EXTENSIONS)
    return agreed(offered.decode("latin-1")) if offered else ""


def head(accept: bytes, agreed_to: str) -> bytes:
    """The response that accepts the handshake."""
    line = f"{HEADER}: {agreed_to}\r\n".encode() if agreed_to else b""
    return _HEAD % (accept, line)
