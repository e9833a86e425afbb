"""The wire formats of a message, each encoded once for all readers.

A format is a small number, so that a channel can keep its caches in a tuple.
"""

from __future__ import annotations

from enum import IntEnum

from stoppress.wire import frames


class WireFormat(IntEnum):
    """How a reader's messages are framed."""

    WEBSOCKET = 0
    """RFC 6455 text frames, written to the socket."""
    STREAM = 1
    """Server-sent events, in a response that ends with its connection."""
    LINES = 2
    """JSON, one message per line, for callers that frame messages themselves."""
    DEFLATED = 3
    """RFC 6455 text frames, compressed by RFC 7692 if that is shorter."""


def framed(
    wire: WireFormat, kind: str, payload: bytes, cursor: str | None = None
) -> bytes:
    """One message in the format `wire`; `cursor` if a reader may resume from it."""
    if wire is WireFormat.WEBSOCKET:
        return frames.websocket_text(payload)
    if wire is WireFormat.DEFLATED:
        return frames.websocket_deflated(payload)
    if wire is WireFormat.LINES:
        return payload + b"\n"
    return frames.sse(kind, payload, cursor)
