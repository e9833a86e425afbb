"""Why a JWT, or an answer of the identity provider, is refused.

Rules: the reason is for the log of the server; callers do not get it.
"""

from __future__ import annotations


class RefusedJwt(Exception):
    """A JWT is refused. `reason` is one of a few; `detail` says more, for the log."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class KeysMissing(Exception):
    """The provider's keys have not been read yet, so no JWT can be checked."""
