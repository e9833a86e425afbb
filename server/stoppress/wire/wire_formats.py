"""The wire formats of a message, each encoded once for all readers.

A format is a small number, so that a channel can keep its caches in a tuple.
"""

from __future__ import annotations

from enum import IntEnum

from stoppress.wire import encode_frames


class WireFormat(IntEnum):
    """How a reader's messages are framed."""

    WEBSOCKET = 0
    """RFC 6455 text frames, written to the socket."""
    CHUNKS = 1
    """Server-sent events, each an HTTP/1.1 chunk, written to the socket."""
    STREAM = 2
    """Server-sent events without chunks: HTTP/1.0, or a server that adds them."""
    LINES = 3
    """JSON, one message per line, for callers that frame messages themselves."""
    DEFLATED = 4
    """RFC 6455 text frames, compressed by RFC 7692 if that is shorter."""


LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of an HTTP/1.1 body (RFC 9112, section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def framed(
    wire: WireFormat, kind: str, payload: bytes, cursor: str | None = None
) -> bytes:
    """One message in the format `wire`; `cursor` if a reader may resume from it."""
    if wire is WireFormat.WEBSOCKET:
        return encode_frames.websocket_text(payload)
    if wire is WireFormat.DEFLATED:
        return encode_frames.websocket_deflated(payload)
    if wire is WireFormat.LINES:
        return payload + b"\n"
    event = encode_frames.sse(kind, payload, cursor)
    return chunk(event) if wire is WireFormat.CHUNKS else event
