"""The handshake of a WebSocket (RFC 6455, section 4.2), as a server reads it. Pure.

What is not quite right here is the library's to refuse, in words of its own.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Mapping

from stoppress.hub.deflate import HEADER, agreed

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_HEAD = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n%b\r\n"
)
_EXTENSIONS = HEADER.lower().encode()
_NOT_HERE = frozenset({b"content-length", b"transfer-encoding", b"expect"})
"""Headers of a request with a body, which no handshake has."""

Fields = Mapping[bytes, bytes]
"""Headers by their names in small letters; what came twice is joined by a comma."""


def accepted(headers: Fields) -> bytes | None:
    """The answer to the key, if these are the headers of a handshake."""
    key = headers.get(b"sec-websocket-key", b"")
    options = headers.get(b"connection", b"").lower().split(b",")
    if (
        headers.get(b"upgrade", b"").lower() != b"websocket"
        or b"upgrade" not in map(bytes.strip, options)
        or headers.get(b"sec-websocket-version") != b"13"
        or not _NOT_HERE.isdisjoint(headers)
    ):
        return None
    try:
        if len(binascii.a2b_base64(key, strict_mode=True)) != 16:
            return None
    except binascii.Error:
        return None
    digest = hashlib.sha1(key + _GUID, usedforsecurity=False).digest()
    return binascii.b2a_base64(digest, newline=False)


def agreement(headers: Fields) -> str:
    """What we agree to of the extensions offered; empty: to none.

    Raises ValueError if what is offered can't be read.
    """
    offered = headers.get(_EXTENSIONS)
    return agreed(offered.decode("latin-1")) if offered else ""


def head(accept: bytes, agreed_to: str) -> bytes:
    """The answer that lets the peer in."""
    line = f"{HEADER}: {agreed_to}\r\n".encode() if agreed_to else b""
    return _HEAD % (accept, line)
