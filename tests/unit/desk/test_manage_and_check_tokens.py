"""Tokens: made once, kept as digests, checked, scoped and revoked."""

from __future__ import annotations

import asyncio

import pytest

from stoppress.desk import manage_and_check_tokens as module
from stoppress.desk.manage_and_check_tokens import ADMIN, Tokens
from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.domain.errors import Invalid, SecretShownOnce, Unavailable
from stoppress.domain.signed_redis_inbox_entry import (
    read_inbox_entry,
    signed_entry,
    token_digest,
)
from stoppress.domain.store_requests_and_results import Idempotency, TokenUnderKey
from stoppress.domain.timestamps import parse_instant
from tests.memory_store import MemoryStore

NOBODY = Requester("somebody")


@pytest.mark.asyncio
async def test_a_token_is_kept_as_a_digest() -> None:
    """The secret is long and random, and nowhere in the store."""
    store = MemoryStore()
    tokens = Tokens(store, "", lambda: 0)
    secret, token = await tokens.make(b'{"scopes": ["publish"], "feeds": ["quay"]}')
    other, _ = await tokens.make(b'{"scopes": ["publish"], "feeds": ["quay"]}')
    assert secret.startswith("sp_") and len(secret) >= 3 + 22 and secret != other
    assert token_digest(secret) in store.records
    assert secret.encode() not in store.records[token_digest(secret)]
    caller = await tokens.check(secret)
    assert caller is not None and (caller.id, caller.kind) == (token.id, "token")
    assert caller.may("publish", "quay") and not caller.may("publish", "bridge")
    assert secret not in repr(caller)
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
    assert await tokens.check(secret) is not None
    (listed,) = await tokens.all()
    assert (listed.id, listed.name) == (token.id, "wall")
    assert await tokens.revoke(token.id, NOBODY) is True
    assert await tokens.check(secret) is None
    assert await tokens.all() == []
    assert await tokens.revoke(token.id, NOBODY) is False


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
        (b'{"scopes": ["write"]}', "scopes[0]"),
        (b'{"scopes": ["read"], "feeds": ["vote-*", "a*b*"]}', "feeds[1]"),
        (b'{"scopes": ["read"], "expires_at": "tomorrow"}', "expires_at"),
        (b'{"scopes": ["read"], "expires_at": "2026-11-28T10:00:00"}', "expires_at"),
        (b'{"scopes": ["read"], "expires_at": "2001-01-01T00:00:00Z"}', "expires_at"),
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
async def test_records_of_other_releases() -> None:
    """Scopes and members that are not known here are ignored, and kept as they are.

    `write` of earlier releases means `manage`.
    """
    store = MemoryStore()
    record = (
        b'{"id":"later","name":"x","scopes":["write","sing"],"feeds":null,'
        b'"created_at":"2026-11-22T09:20:00.000Z","more":"2027"}'
    )
    store.records[token_digest("sp_later")] = record
    store.records[token_digest("sp_broken")] = b'{"id":1}'
    store.records[token_digest("sp_never")] = record[:-1] + b',"expires_at":"soon"}'
    tokens = Tokens(store, "", lambda: 0)
    caller = await tokens.check("sp_later")
    assert caller is not None and caller.scopes == ("manage",)
    assert caller.may("publish", None) and not caller.may("admin", None)
    assert await tokens.check("sp_broken") is None
    assert await tokens.check("sp_never") is None
    assert [token.scopes for token in await tokens.all()] == [("manage",)]
    assert not await tokens.revoke("none", NOBODY)
    assert store.records[token_digest("sp_later")] == record
    assert await tokens.revoke("later", NOBODY)


@pytest.mark.asyncio
async def test_a_token_expires() -> None:
    """At its moment, cached or not; it stays listed, as unknown as a revoked one."""
    now = [parse_instant("2026-11-28T10:00:00Z")]
    store = MemoryStore()
    tokens = Tokens(store, "", lambda: now[0], monotonic=lambda: 0.0)
    secret, token = await tokens.make(
        b'{"scopes": ["read"], "expires_at": "2026-11-28T12:00:00.5+01:00"}'
    )
    assert token.expires_at == "2026-11-28T11:00:00.500Z"
    now[0] = parse_instant(token.expires_at) - 1
    caller = await tokens.check(secret)
    assert caller is not None and tokens.at_hand(secret) == caller
    assert await tokens.current([caller]) == [caller]
    now[0] += 1
    with pytest.raises(LookupError):
        tokens.at_hand(secret)
    assert await tokens.check(secret) is None
    assert await tokens.current([caller]) == [None]
    assert [one.expires_at for one in await tokens.all()] == [token.expires_at]


@pytest.mark.asyncio
async def test_callers_are_read_again_in_one_call() -> None:
    """Past the cache: one revoked elsewhere is unknown, one with less has less."""
    store = MemoryStore()
    tokens = Tokens(store, "letmein", monotonic=lambda: 0.0)
    secrets = [(await tokens.make(b'{"scopes": ["publish"]}'))[0] for _ in range(3)]
    callers = [await tokens.check(secret) for secret in [secrets[0], "letmein"]]
    callers += [await tokens.check(secret) for secret in secrets[1:]]
    known = [caller for caller in callers if caller is not None]
    assert await tokens.current(known) == known
    del store.records[token_digest(secrets[0])]
    record = store.records[token_digest(secrets[1])]
    store.records[token_digest(secrets[1])] = record.replace(b"publish", b"read")
    store.calls.clear()
    gone, admin, less, same = await tokens.current(known)
    assert gone is None and admin is ADMIN and same == known[3]
    assert less is not None and less.scopes == ("read",)
    assert store.calls == ["token_records"]
    assert await tokens.check(secrets[0]) is None
    store.calls.clear()
    assert await tokens.current([ADMIN]) == [ADMIN] and store.calls == []


@pytest.mark.asyncio
async def test_the_last_use_is_written_once_per_minute() -> None:
    """In the background, all tokens in one call; later if the store is away."""
    now, clock = [100.0], [parse_instant("2026-11-28T10:00:30Z")]
    store = MemoryStore()
    tokens = Tokens(store, "", lambda: clock[0], monotonic=lambda: now[0])
    secret, _ = await tokens.make(b'{"scopes": ["read"]}')
    other, _ = await tokens.make(b'{"scopes": ["read"], "name": "idle"}')
    assert [one.last_used_at for one in await tokens.all()] == [None, None]
    store.calls.clear()
    for _ in range(5):
        await tokens.check(secret)
        await tokens.write_uses()
        now[0] += module.CACHE_S
    assert store.calls.count("put_token_uses") == 1
    clock[0] += 60_000
    await tokens.check(secret)
    store.away = True
    await tokens.write_uses()
    store.away = False
    await tokens.write_uses()
    uses = {one.name: one.last_used_at for one in await tokens.all()}
    assert uses == {"unnamed": "2026-11-28T10:01:00.000Z", "idle": None}
    assert store.calls.count("put_token_uses") == 3
    await tokens.check(other)
    (listed, _) = await tokens.all()
    assert await tokens.revoke(listed.id, NOBODY)
    await tokens.write_uses()


@pytest.mark.asyncio
async def test_noted_uses_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the store is away the newest are kept."""
    monkeypatch.setattr(module, "CACHED_TOKENS", 2)
    store = MemoryStore()
    tokens = Tokens(store, "", lambda: 60_000)
    for _ in range(3):
        await tokens.check((await tokens.make(b'{"scopes": ["read"]}'))[0])
    await tokens.write_uses()
    assert len(store.uses) == 2


@pytest.mark.asyncio
async def test_a_signature_finds_its_token() -> None:
    """Of a valid token only; the admin token's id is `admin`, or its digest's."""
    tokens = Tokens(MemoryStore(), "the-admin-token-1234", clock=lambda: 1000)
    secret, token = await tokens.make(b'{"scopes": ["publish"]}')
    other, _ = await tokens.make(b'{"scopes": ["publish"]}')

    async def signer(secret: str, key: str | None = None) -> str | None:
        fields = signed_entry(secret, "quay", "{}", 1000) | (
            {"key": key} if key else {}
        )
        raw = {name.encode(): value.encode() for name, value in fields.items()}
        caller = await tokens.check_entry(read_inbox_entry("1000-0", raw))
        return None if caller is None else caller.id

    assert await signer(secret) == token.id
    assert await signer(other, token.id) is None
    assert await signer(secret, "admin") is None
    assert await signer("the-admin-token-1234") == "admin"
    assert await signer("the-admin-token-1234", "admin") == "admin"
    assert await signer("sp_unknown") is None
    await tokens.revoke(token.id, NOBODY)
    assert await signer(secret) is None


class BothAsk(MemoryStore):
    """Two requests look their key up before either makes something."""

    async def recall_token(self, idempotency: Idempotency) -> TokenUnderKey | None:
        """As it is before the other request goes on."""
        found = await super().recall_token(idempotency)
        await asyncio.sleep(0)
        return found


ASKED = b'{"scopes": ["publish"]}'
CALLER = Requester("somebody", "k1")


@pytest.mark.asyncio
async def test_two_requests_that_both_found_nothing_make_one() -> None:
    """The store decides; with another credential the second learns no secret."""
    tokens = Tokens(BothAsk(), "")
    one, two = await asyncio.gather(
        *(tokens.make_once(ASKED, CALLER, "sp_a") for _ in "ab")
    )
    assert (one.repeated, two.repeated) == (False, True)
    assert (one.secret, one.token) == (two.secret, two.token)
    other = CALLER._replace(idempotency_key="k2")
    _, second = await asyncio.gather(
        *(tokens.make_once(ASKED, other, credential) for credential in ("a", "b")),
        return_exceptions=True,
    )
    assert isinstance(second, SecretShownOnce)
    assert len(await tokens.all()) == 2


@pytest.mark.asyncio
async def test_a_secret_derived_from_a_key_is_unguessable() -> None:
    """It differs by key and salt, and is not in the store; nor is the credential."""
    store = MemoryStore()
    tokens = Tokens(store, "")
    one = await tokens.make_once(ASKED, CALLER, "sp_mine")
    other = await tokens.make_once(ASKED, Requester("somebody", "k2"), "sp_mine")
    elsewhere = await Tokens(MemoryStore(), "").make_once(ASKED, CALLER, "sp_mine")
    made = {one.secret, other.secret, elsewhere.secret}
    assert len(made) == 3
    assert all(len(secret) == len("sp_") + 32 for secret in made)
    kept = repr(vars(store))
    assert one.secret not in kept and "sp_mine" not in kept
    assert token_digest(one.secret) in kept
    caller = await tokens.check(one.secret)
    assert caller is not None and caller.id == one.token.id


@pytest.mark.asyncio
async def test_a_repeat_after_the_token_expired_is_the_first_answer() -> None:
    """It is not refused because its `expires_at` is in the past by now."""
    now = [0]
    tokens = Tokens(MemoryStore(), "", lambda: now[0])
    asked = b'{"scopes": ["read"], "expires_at": "1970-01-01T00:01:00Z"}'
    first = await tokens.make_once(asked, CALLER, "sp_a")
    now[0] = 120_000
    assert await tokens.make_once(asked, CALLER, "sp_a") == first._replace(
        repeated=True
    )
    assert await tokens.check(first.secret) is None
