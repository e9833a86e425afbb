"""The address of the first sign-in counts once, soon, and only without tokens."""

from __future__ import annotations

import pytest

from stoppress.identity.first_sign_in_without_tokens import FIRST_SIGN_IN_S, FirstSignIn
from tests.memory_sessions import MemorySessionStore

pytestmark = pytest.mark.asyncio


class Server:
    """A server that may get its first token."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.store = MemorySessionStore(lambda: self.now)
        self.has_token = False
        self.first = FirstSignIn(self.store, self._is_open)

    async def _is_open(self) -> bool:
        return not self.has_token


async def test_the_first_sign_in_is_valid_once() -> None:
    """And the store has no secret."""
    server = Server()
    code = await server.first.make()
    assert code is not None and code not in repr(server.store.once)
    assert await server.first.redeem(code + "x") is None
    admin = await server.first.redeem(code)
    assert admin is not None and admin.may("admin", None)
    assert await server.first.redeem(code) is None


async def test_the_first_sign_in_expires() -> None:
    """After an hour, or with the first token."""
    server = Server()
    late, early = await server.first.make(), await server.first.make()
    assert late is not None and early is not None
    server.has_token = True
    assert await server.first.redeem(early) is None
    assert await server.first.make() is None
    server.has_token = False
    server.now += FIRST_SIGN_IN_S
    assert await server.first.redeem(late) is None
