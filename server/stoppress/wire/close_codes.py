"""The close codes of live connections, which tell the client what to do next.

40xx: reconnect and resume. 44xx: stop, reconnecting can't help. The client's
`close_codes.js` and `docs/protocol.md` have the same table; a test compares them.
1002, 1007 (RFC 6455) and 1006 (no close frame) belong to WebSocket itself.
"""

from __future__ import annotations

from enum import IntEnum


class CloseCode(IntEnum):
    """Why the server closes a live connection."""

    BYE = 4000
    """The server stops or moves readers; reconnect after `retry_ms`."""
    SLOW = 4001
    """The reader fell behind the ring; reconnect and be reset."""
    TOO_MANY = 4029
    """Too many readers, or too many per second; reconnect later."""
    BAD_REQUEST = 4400
    """Invalid message, invalid or repeated feed, malformed cursor."""
    UNAUTHENTICATED = 4401
    """A credential is missing, unknown, revoked or expired."""
    FORBIDDEN = 4403
    """The token does not allow reading this feed."""
    NOT_FOUND = 4404
    """The feed does not exist."""
    ENDED = 4410
    """The feed was deleted, or closed more than an hour ago."""


def is_final(code: int) -> bool:
    """Whether the client should stop instead of reconnecting."""
    return 4400 <= code < 4500


def is_refusal(code: int) -> bool:
    """Whether a reader was refused, now or for good."""
    return is_final(code) or code == CloseCode.TOO_MANY
