"""Tokens, the time of their last use, and the keys that sign tickets, in Redis.

Each kind is one hash outside the feeds: `desk.store_protocol.TokenStore` and
`desk.private_feed_read_tickets.TicketKeyStore`. A token is made or revoked in one step
with its audit entry. Every error of Redis is Unavailable.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from stoppress.domain.errors import IdempotencyKeyReused, Unavailable
from stoppress.domain.signed_redis_inbox_entry import token_id
from stoppress.domain.store_requests_and_results import Idempotency, TokenUnderKey
from stoppress.log.audit_log import RedisAudit, made_entry
from stoppress.log.redis_commands_scripts_and_durability import (
    LuaScript,
    RedisCommands,
)
from stoppress.log.redis_keys import (
    OF_TOKENS,
    TICKET_KEYS,
    TOKEN_USES,
    TOKENS,
    audit_key,
    made_token_key,
)
from stoppress.log.shard_pools import Shards, at

T = TypeVar("T")

_MAKE_TOKEN = LuaScript(
    *("need_acl_rights", "find_repeated_write", "add_audit_entry", "make_token")
)
_DROP_TOKEN = LuaScript(
    *("need_acl_rights", "find_repeated_write", "add_audit_entry", "drop_token")
)


class RedisCredentials:
    """Credentials in Redis."""

    def __init__(self, shards: Shards, audit: RedisAudit, ttl_s: int) -> None:
        """`ttl_s`: how long an Idempotency-Key is remembered."""
        self._shards = shards
        self._ttl_s = ttl_s
        self.audit = audit

    # Tokens

    async def put_token(self, digest: str, record: bytes) -> None:
        """Store a token's record, and its audit entry."""
        await self._token_under(None, (digest, record, ""))

    async def make_token(
        self, made: TokenUnderKey, record: bytes, idempotency: Idempotency
    ) -> TokenUnderKey:
        """Store a token's record, its audit entry and its Idempotency-Key.

        Returns the token under the key: `made`, or the one that the key made before.
        Raises IdempotencyKeyReused.
        """
        values = (made.digest, record, made.salt)
        return await self._token_under(idempotency, values) or made

    async def recall_token(self, idempotency: Idempotency) -> TokenUnderKey | None:
        """The token that this key made or revoked, or None.

        Raises IdempotencyKeyReused.
        """
        return await self._token_under(idempotency, ("", "", ""))

    async def _token_under(
        self, idempotency: Idempotency | None, values: tuple[str, bytes | str, str]
    ) -> TokenUnderKey | None:
        names = (TOKENS, made_token_key(idempotency), audit_key(OF_TOKENS))
        fingerprint = "" if idempotency is None else idempotency.fingerprint
        entry = made_entry("token.created", subject=token_id(values[0]))
        args = (fingerprint, *values, self._ttl_s, *self.audit.args(entry))

        async def step(redis: RedisCommands) -> Any:
            return await redis.write(_MAKE_TOKEN, names, args)

        match await self._at(TOKENS, step):
            case [b"reused"]:
                raise IdempotencyKeyReused(
                    "" if idempotency is None else idempotency.key
                )
            case [b"repeated", salt, digest]:
                return TokenUnderKey(salt.decode(), digest.decode())
        return None

    async def token(self, digest: str) -> bytes | None:
        """The record of the token, or None if there is none."""
        record: bytes | None = await self._at(
            TOKENS, lambda redis: redis.one("HGET", TOKENS, digest)
        )
        return record

    async def token_records(self, digests: Sequence[str]) -> list[bytes | None]:
        """The record of each token, or None; one or more digests."""
        records: list[bytes | None] = await self._at(
            TOKENS, lambda redis: redis.one("HMGET", TOKENS, *digests)
        )
        return records

    async def tokens(self) -> list[tuple[str, bytes]]:
        """Every digest with its record."""
        flat = await self._at(TOKENS, lambda redis: redis.one("HGETALL", TOKENS))
        return [(flat[i].decode(), flat[i + 1]) for i in range(0, len(flat), 2)]

    async def drop_token(
        self, digest: str, idempotency: Idempotency | None = None
    ) -> bool:
        """Delete a token with an audit entry, under a key, and its last use.

        Returns whether it was there, now or when the key was new. Raises
        IdempotencyKeyReused.
        """
        names = (TOKENS, made_token_key(idempotency), audit_key(OF_TOKENS))
        fingerprint = "" if idempotency is None else idempotency.fingerprint
        entry = made_entry("token.revoked", subject=token_id(digest))
        args = (fingerprint, digest, self._ttl_s, *self.audit.args(entry))

        async def step(redis: RedisCommands) -> Any:
            return await redis.write(_DROP_TOKEN, names, args)

        answer = await self._at(TOKENS, step)
        if answer == [b"reused"]:
            raise IdempotencyKeyReused("" if idempotency is None else idempotency.key)
        with suppress(Unavailable):  # the token is revoked nevertheless
            await self._at(
                TOKEN_USES, lambda redis: redis.one("HDEL", TOKEN_USES, digest)
            )
        return bool(answer != [b"none"])

    async def put_token_uses(self, minutes: Mapping[str, int]) -> None:
        """Store the minute of each token's last use, without waiting for the disk."""
        flat = [part for pair in minutes.items() for part in pair]
        await self._at(TOKEN_USES, lambda redis: redis.one("HSET", TOKEN_USES, *flat))

    async def token_uses(self) -> dict[str, int]:
        """The minute of the last use of each token that was used."""
        flat = await self._at(
            TOKEN_USES, lambda redis: redis.one("HGETALL", TOKEN_USES)
        )
        return {flat[i].decode(): int(flat[i + 1]) for i in range(0, len(flat), 2)}

    # Tickets

    async def ticket_keys(self) -> dict[str, bytes]:
        """Every key that signs tickets, by its id."""
        flat = await self._at(
            TICKET_KEYS, lambda redis: redis.one("HGETALL", TICKET_KEYS)
        )
        return {flat[i].decode(): flat[i + 1] for i in range(0, len(flat), 2)}

    async def put_ticket_key(self, kid: str, key: bytes) -> None:
        """Store a key."""
        await self._at(
            TICKET_KEYS, lambda redis: redis.write_one("HSET", TICKET_KEYS, kid, key)
        )

    async def drop_ticket_keys(self, kids: Sequence[str]) -> None:
        """Delete keys; one or more."""
        await self._at(
            TICKET_KEYS, lambda redis: redis.write_one("HDEL", TICKET_KEYS, *kids)
        )

    async def _at(
        self, redis_key: str, call: Callable[[RedisCommands], Awaitable[T]]
    ) -> T:
        return await at(self._shards, redis_key, call)
