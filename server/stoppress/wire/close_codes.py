"""The closed table of codes that end a live line, and say what to do next.

40xx: come back and resume. 44xx: stop, coming back can't help. The page's
`close_codes.js` and `docs/protocol.md` hold the same table; a test compares them.
1002, 1007 (RFC 6455) and 1006 (no close frame) belong to WebSocket itself.
"""

from __future__ import annotations

from enum import IntEnum


class CloseCode(IntEnum):
    """Why the line ends."""

    BYE = 4000
    """The server goes away, or moves readers; come back after `retry_ms`."""
    SLOW = 4001
    """The reader fell out of the ring; come back and be reset."""
    TOO_MANY = 4029
    """Too many readers, or too fast; come back later."""
    BAD_REQUEST = 4400
    """Bad message, bad or repeated feed, malformed cursor."""
    UNAUTHENTICATED = 4401
    """No token, or an unknown one, where one is needed."""
    FORBIDDEN = 4403
    """The token does not allow reading this feed."""
    NOT_FOUND = 4404
    """There is no such feed."""
    ENDED = 4410
    """The feed was deleted, or closed more than an hour ago."""


def is_final(code: int) -> bool:
    """Whether a reader should stop, rather than come back."""
    return 4400 <= code < 4500
