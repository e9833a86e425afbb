"""The store (`log/session_and_single_use_store.py`) as sessions use it.

Every method raises Unavailable if the store does not answer. A name is the digest of a
secret; no secret reaches the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class SessionStore(Protocol):
    """Stores sessions, sign-in addresses that are valid once, and a secret."""

    async def put_session(
        self, owner: str, name: str, record: bytes, ttl_s: int, ends_s: int
    ) -> None:
        """Store a session for `ttl_s`, and list it under its owner for `ends_s`."""

    async def touch_session(self, name: str, record: bytes, ttl_s: int) -> bool:
        """Replace the record of a session; returns whether there is one."""

    async def sessions(self, names: Sequence[str]) -> list[bytes | None]:
        """The record of each session; None if there is none."""

    async def session_names(
        self, owner: str, before_ms: int | None = None
    ) -> list[str]:
        """The sessions of an owner, oldest first; some may have ended.

        `before_ms`: only those that were listed before (milliseconds since 1970).
        """

    async def drop_sessions(self, owner: str, names: Sequence[str]) -> int:
        """End sessions; returns how many there were."""

    async def put_once(self, name: str, ttl_s: int) -> None:
        """Store a name that can be taken once, for `ttl_s`."""

    async def take_once(self, name: str) -> bool:
        """Remove a stored name; returns whether it was there."""

    async def text_secret(self, new: bytes) -> bytes:
        """The secret of the keys of texts; `new`, stored then, if there is none."""

    async def claim_once(self, name: str, ttl_s: int) -> bool:
        """Store a name unless it is stored already; returns whether it was new."""
