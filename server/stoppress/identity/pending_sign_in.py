"""A pending sign-in at the provider, as the browser stores it.

Rules:
- It is in a cookie of the browser that began it, not in the server: unfinished sign-ins
  cost no memory, and another browser can't finish one.
- It expires after PENDING_S. `state` binds the answer to the browser, `nonce` the ID
  token to the sign-in, `verifier` the code to the client (PKCE, RFC 7636).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets

import msgspec
from msgspec import Struct

from stoppress.domain.undecodable_json import UNDECODABLE

PENDING_S = 600
MAX_PENDING_BYTES = 1024
"""Limit of the cookie."""


class PendingSignIn(Struct, frozen=True, kw_only=True):
    """One sign-in in progress."""

    state: str
    nonce: str
    verifier: str
    feed: str
    ends_at: int
    """Milliseconds since 1970."""

    def challenge(self) -> str:
        """The hash of `verifier`, which the provider gets first."""
        hashed = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()

    def to_cookie(self) -> str:
        """The cookie's value."""
        raw = msgspec.json.encode(self)
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


_pending = msgspec.json.Decoder(PendingSignIn)


def begin(feed: str, now_ms: int) -> PendingSignIn:
    """A new sign-in, for an editor who wants to reach `feed`."""
    return PendingSignIn(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        feed=feed[:100],
        ends_at=now_ms + PENDING_S * 1000,
    )


def from_cookie(value: str, now_ms: int) -> PendingSignIn | None:
    """The sign-in in a cookie; None if it is invalid or has expired."""
    if not 0 < len(value) <= MAX_PENDING_BYTES:
        return None
    try:
        raw = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
        found = _pending.decode(raw)
    except (binascii.Error, ValueError, *UNDECODABLE):
        return None
    if not (found.state and found.nonce and found.verifier):
        return None
    return found if now_ms < found.ends_at <= now_ms + PENDING_S * 1000 else None
