"""Tokens: made once, kept as digests, checked, scoped and revoked."""

from __future__ import annotations

import pytest

from stoppress.desk import tokens as module
from stoppress.desk.tokens import ADMIN, Scope, Token, Tokens, digest
from stoppress.domain.errors import Invalid, Unavailable
from tests.memory_store import MemoryStore


@pytest.mark.parametrize(
    ("scopes", "feeds", "may"),
    [
        (["read"], None, {"read": True, "write": False, "admin": False}),
        (["write"], None, {"read": True, "write": True, "admin": False}),
        (["admin"], None, {"read": True, "write": True, "admin": True}),
        (["write"], ["quay"], {"read": True, "write": True, "admin": False}),
        (["admin"], ["bridge"], {"read": False, "write": False, "admin": False}),
    ],
)
def test_a_scope_includes_the_lesser(
    scopes: list[str], feeds: list[str] | None, may: dict[str, bool]
) -> None:
    """admin > write > read, on the feeds of the token only."""
    token = Token(
        "id",
        "x",
        tuple(scopes),  # type: ignore[arg-type]  # texts of the table above
        None if feeds is None else tuple(feeds),
        "",
    )
    scope: Scope
    for scope in ("read", "write", "admin"):
        assert token.may(scope, "quay") is may[scope]
        everywhere = may[scope] and feeds is None
        assert token.may(scope, None) is everywhere


@pytest.mark.asyncio
async def test_a_token_is_kept_as_a_digest() -> None:
    """The secret is long and random, and nowhere in the store."""
    store = MemoryStore()
    tokens = Tokens(store, "", lambda: 0)
    secret, token = await tokens.make(b'{"scopes": ["write"], "feeds": ["quay"]}')
    other, _ = await tokens.make(b'{"scopes": ["write"], "feeds": ["quay"]}')
    assert secret.startswith("sp_") and len(secret) >= 3 + 22 and secret != other
    assert digest(secret) in store.records
    assert secret.encode() not in store.records[digest(secret)]
    assert await tokens.check(secret) == token
    assert token.created_at == "1970-01-01T00:00:00.000Z"


@pytest.mark.asyncio
@pytest.mark.parametrize("secret", [None, "", "sp_", "sp_nobody", "x" * 9999, "sp_é"])
async def test_an_unknown_token_is_none(secret: str | None) -> None:
    """Also the empty one, where no admin token is set."""
    assert await Tokens(MemoryStore(), "").check(secret) is None


@pytest.mark.asyncio
async def test_the_admin_token_needs_no_store() -> None:
    """It works while Redis is away; another is then neither good nor bad."""
    store = MemoryStore()
    store.away = True
    tokens = Tokens(store, "letmein")
    assert await tokens.check("letmein") is ADMIN
    assert await tokens.check("letmeout") is None
    with pytest.raises(Unavailable):
        await tokens.check("sp_somebody")


@pytest.mark.asyncio
async def test_a_known_token_is_remembered_for_a_moment() -> None:
    """A keep-alive editor costs no look-up a post; then the store is asked again."""
    now = [100.0]
    store = MemoryStore()
    tokens = Tokens(store, "", monotonic=lambda: now[0])
    secret, _ = await tokens.make(b'{"scopes": ["read"]}')
    for _ in range(5):
        assert await tokens.check(secret) is not None
    assert store.calls.count("token") == 1
    store.records.clear()  # revoked by another process
    now[0] += module.CACHE_S
    assert await tokens.check(secret) is None


@pytest.mark.asyncio
async def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten first."""
    monkeypatch.setattr(module, "CACHED_TOKENS", 2)
    store = MemoryStore()
    tokens = Tokens(store, "")
    secrets = [(await tokens.make(b'{"scopes": ["read"]}'))[0] for _ in range(3)]
    for secret in secrets:
        await tokens.check(secret)
    store.calls.clear()
    await tokens.check(secrets[2])
    await tokens.check(secrets[0])
    assert store.calls == ["token"]


@pytest.mark.asyncio
async def test_a_revoked_token_ends_at_once_here() -> None:
    """And is not listed any more; revoking again finds nothing."""
    tokens = Tokens(MemoryStore(), "")
    secret, token = await tokens.make(b'{"scopes": ["read"], "name": "wall"}')
    assert await tokens.check(secret) == token
    assert await tokens.all() == [token]
    assert await tokens.revoke(token.id) is True
    assert await tokens.check(secret) is None
    assert await tokens.all() == []
    assert await tokens.revoke(token.id) is False


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"{}", "scopes"),
        (b'{"scopes": []}', "scopes"),
        (b'{"scopes": ["root"]}', "scopes[0]"),
        (b'{"scopes": ["read", "read"]}', "scopes"),
        (b'{"scopes": ["read"], "feeds": []}', "feeds"),
        (b'{"scopes": ["read"], "feeds": ["quay", "Not a slug"]}', "feeds[1]"),
        (b'{"scope": "read"}', "scope"),
    ],
)
async def test_a_wrong_token_is_not_made(raw: bytes, field: str) -> None:
    """The field is named, and nothing is kept."""
    store = MemoryStore()
    with pytest.raises(Invalid) as error:
        await Tokens(store, "").make(raw)
    assert error.value.field == field
    assert not store.records


@pytest.mark.asyncio
async def test_records_of_a_later_release() -> None:
    """Scopes and members that are not known here are ignored, and kept as they are."""
    store = MemoryStore()
    record = (
        b'{"id":"later","name":"x","scopes":["draft","write","sing"],"feeds":null,'
        b'"created_at":"2026-11-22T09:20:00.000Z","expires_at":"2027"}'
    )
    store.records[digest("sp_later")] = record
    store.records[digest("sp_broken")] = b'{"id":1}'
    tokens = Tokens(store, "", lambda: 0)
    token = await tokens.check("sp_later")
    assert token is not None and token.scopes == ("write",)
    assert token.may("read", None) and not token.may("admin", None)
    assert await tokens.check("sp_broken") is None
    assert await tokens.all() == [token]
    assert not await tokens.revoke("none")
    assert store.records[digest("sp_later")] == record
    assert await tokens.revoke("later")
