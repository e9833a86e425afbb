"""The forms in which one message goes out, each made once for all readers.

A wire is a small number, so that a reader keeps it in a slot and a channel its
caches in a tuple.
"""

from __future__ import annotations

from enum import IntEnum

from stoppress.wire import frames


class WireFormat(IntEnum):
    """How a reader wants its messages framed."""

    WEBSOCKET = 0
    """RFC 6455 text frames, onto the socket."""
    STREAM = 1
    """Server-sent events, in a response that ends with its connection."""
    LINES = 2
    """JSON, one message a line, for whoever frames each message itself."""
    DEFLATED = 3
    """RFC 6455 text frames, compressed by RFC 7692 where that pays."""


def framed(
    wire: WireFormat, kind: str, payload: bytes, cursor: str | None = None
) -> bytes:
    """One message on `wire`; `cursor` where a reader may resume from it."""
    if wire is WireFormat.WEBSOCKET:
        return frames.websocket_text(payload)
    if wire is WireFormat.DEFLATED:
        return frames.websocket_deflated(payload)
    if wire is WireFormat.LINES:
        return payload + b"\n"
    return frames.sse(kind, payload, cursor)
