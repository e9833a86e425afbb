"""What lies outside the feeds: tokens, their last use, and the keys of tickets."""

from __future__ import annotations

import asyncio

import pytest
from redis.crc import key_slot

from stoppress.domain.errors import IdempotencyKeyReused
from stoppress.domain.store_requests_and_results import Idempotency, TokenUnderKey
from stoppress.log.redis_keys import TOKENS, made_token_key
from stoppress.log.store import RedisStore
from tests.contract.store.news import AnyStore
from tests.contract.store.servers import Server

pytestmark = pytest.mark.asyncio

KEY = Idempotency("me", "k", "f1")
FIRST, SECOND = TokenUnderKey("salt1", "d1"), TokenUnderKey("salt2", "d2")


async def test_ticket_keys_are_stored(store: AnyStore) -> None:
    """Any bytes; several are deleted at once."""
    assert await store.ticket_keys() == {}
    await store.put_ticket_key("a", b"\x00\xff")
    await store.put_ticket_key("b", b"\r\n")
    await store.put_ticket_key("c", b"c")
    assert await store.ticket_keys() == {"a": b"\x00\xff", "b": b"\r\n", "c": b"c"}
    await store.drop_ticket_keys(["a", "c"])
    assert await store.ticket_keys() == {"b": b"\r\n"}


async def test_a_key_makes_one_token(any_store: AnyStore) -> None:
    """Also at the same moment; none after that one was revoked."""
    assert await any_store.recall_token(KEY) is None
    assert await any_store.tokens() == []
    one, two = await asyncio.gather(
        any_store.make_token(FIRST, b"r1", KEY),
        any_store.make_token(SECOND, b"r2", KEY),
    )
    assert one == two == await any_store.recall_token(KEY)
    assert len(await any_store.tokens()) == 1
    assert await any_store.token(one.digest) in (b"r1", b"r2")
    with pytest.raises(IdempotencyKeyReused):
        await any_store.recall_token(KEY._replace(fingerprint="f2"))
    with pytest.raises(IdempotencyKeyReused):
        await any_store.make_token(SECOND, b"r", KEY._replace(fingerprint="f2"))
    other = KEY._replace(owner="you")
    assert await any_store.make_token(TokenUnderKey("s", "d3"), b"r3", other)
    assert await any_store.token("d3") == b"r3"
    assert await any_store.drop_token(one.digest)
    assert await any_store.make_token(SECOND, b"r2", KEY) == one
    assert await any_store.token(one.digest) is None
    assert [name for name, _ in await any_store.tokens()] == ["d3"]


async def test_the_idempotency_record_of_a_token_expires(
    store: RedisStore, server: Server
) -> None:
    """As those of posts do; a repeat does not extend it. It is in the tokens' slot."""
    await store.make_token(FIRST, b"r1", KEY)
    name = made_token_key(KEY)
    with server.client() as client:
        assert 0 < client.ttl(name) <= 24 * 3600
        client.expire(name, 60)
        await store.recall_token(KEY)
        assert 0 < client.ttl(name) <= 60
        client.delete(name)
    assert await store.make_token(SECOND, b"r2", KEY) == SECOND
    assert key_slot(name.encode()) == key_slot(TOKENS.encode())


async def test_a_key_revokes_one_token(any_store: AnyStore) -> None:
    """A repeat gets the first answer; a key that revoked nothing is free."""
    for digest in ("d1", "d2"):
        await any_store.put_token(digest, b"r")
    other = KEY._replace(fingerprint="f2")
    assert not await any_store.drop_token("none", KEY)
    assert await any_store.drop_token("d1", KEY)
    assert await any_store.drop_token("d1", KEY)
    assert not await any_store.drop_token("d1")
    found = await any_store.recall_token(KEY)
    assert found is not None and found.digest == "d1"
    with pytest.raises(IdempotencyKeyReused):
        await any_store.drop_token("d2", other)
    with pytest.raises(IdempotencyKeyReused):
        await any_store.recall_token(other)
    assert [name for name, _ in await any_store.tokens()] == ["d2"]
