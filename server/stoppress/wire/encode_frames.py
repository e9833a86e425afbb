"""Frames messages for WebSocket and server-sent events.

A message is encoded once, for all readers of a format.

WebSocket: RFC 6455, server to client: unmasked, FIN set. SSE: the WHATWG event
stream format; `id` only where a cursor may be resumed from.
"""

from __future__ import annotations

import struct
import zlib

TEXT = 0x1
CLOSE = 0x8
COMPRESSED = 0x40

WINDOW_BITS = 12
"""The compression window: messages are short, and clients ask for 12."""
WORTH_BYTES = 256
"""Shorter messages are sent uncompressed. Measured: a beat of 55 bytes became 53, a
withdrawal of 134 became 125, the shortest post of 408 became 243, one of 1,052 became
405; each takes 5 to 25 us, once for all readers, and every reader's browser has to
inflate it.
"""
_LEVEL = 6
_MEMORY = 5


def websocket_text(payload: bytes) -> bytes:
    """One text frame (RFC 6455, section 5.2)."""
    return _header(TEXT, len(payload)) + payload


def websocket_deflated(payload: bytes) -> bytes:
    """One compressed text frame (RFC 7692), without context takeover.

    Uncompressed if that is as short. The same payload gives the same bytes for every
    reader.
    """
    if len(payload) < WORTH_BYTES:
        return websocket_text(payload)
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -WINDOW_BITS, _MEMORY)
    data = deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH)
    short = data[:-4]  # without the empty block at the end (section 7.2.1)
    if len(short) >= len(payload):
        return websocket_text(payload)
    return _header(TEXT | COMPRESSED, len(short)) + short


def websocket_close(code: int, reason: str = "") -> bytes:
    """One close frame (RFC 6455, section 5.5.1); `reason` is cut at 123 bytes."""
    text = reason.encode()[:123].decode(errors="ignore").encode()
    return _header(CLOSE, 2 + len(text)) + struct.pack("!H", code) + text


def _header(opcode: int, length: int) -> bytes:
    first = 0x80 | opcode
    if length < 126:
        return bytes((first, length))
    if length < 1 << 16:
        return struct.pack("!BBH", first, 126, length)
    return struct.pack("!BBQ", first, 127, length)


def sse(kind: str, payload: bytes, cursor: str | None = None) -> bytes:
    """One server-sent event. `payload` is JSON on one line."""
    ident = b"id: %b\n" % cursor.encode() if cursor is not None else b""
    return b"%bevent: %b\ndata: %b\n\n" % (ident, kind.encode(), payload)


SSE_COMMENT = b":\n\n"
"""A comment line, which every client of an event stream ignores."""


def sse_retry(retry_ms: int) -> bytes:
    """The `retry:` field: how long an EventSource waits before it reconnects."""
    return b"retry: %d\n\n" % retry_ms
