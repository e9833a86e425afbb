"""The first sign-in: an address that is valid once, for a server without any token.

Rules: it is printed at the start, for the person who started the server; the store
keeps its digest for FIRST_SIGN_IN_S; it is valid once, and only while there is no
token.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from stoppress.desk.caller import Caller
from stoppress.identity.session_and_single_use_store_protocol import SessionStore
from stoppress.identity.sessions import digest

FIRST_SIGN_IN_S = 3600
_PURPOSE = "first "


class FirstSignIn:
    """Makes and redeems the address; `is_open` says whether there is no token."""

    def __init__(
        self, store: SessionStore, is_open: Callable[[], Awaitable[bool]]
    ) -> None:
        self._store = store
        self._is_open = is_open

    async def make(self) -> str | None:
        """Make a code; None if the server has a token. Raises Unavailable."""
        if not await self._is_open():
            return None
        code = secrets.token_urlsafe(32)
        await self._store.put_once(digest(_PURPOSE + code), FIRST_SIGN_IN_S)
        return code

    async def redeem(self, code: str) -> Caller | None:
        """Use up the code: an administrator if it was valid, else None.

        Raises Unavailable.
        """
        if not await self._store.take_once(digest(_PURPOSE + code[:200])):
            return None
        if not await self._is_open():
            return None
        return Caller(
            id="first-sign-in", name="first sign-in", kind="jwt", scopes=("admin",)
        )
