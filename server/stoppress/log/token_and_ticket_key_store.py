"""Tokens, the time of their last use, and the keys that sign tickets, in Redis.

Each kind is one hash outside the feeds: `desk.store_protocol.TokenStore` and
`desk.tickets.TicketKeyStore`. Every error of Redis is Unavailable.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from stoppress.domain.errors import IdempotencyKeyReused, Unavailable
from stoppress.domain.store_requests_and_results import Idempotency, TokenUnderKey
from stoppress.log.redis_commands_scripts_and_durability import (
    Arg,
    LuaScript,
    RedisCommands,
)
from stoppress.log.redis_keys import (
    TICKET_KEYS,
    TOKEN_USES,
    TOKENS,
    made_token_key,
)
from stoppress.log.shard_pools import Shards, at

T = TypeVar("T")

_MAKE_TOKEN = LuaScript("need_acl_rights", "find_repeated_write", "make_token")


class RedisCredentials:
    """Credentials in Redis."""

    def __init__(self, shards: Shards, ttl_s: int) -> None:
        """`ttl_s`: how long an Idempotency-Key is remembered."""
        self._shards = shards
        self._ttl_s = ttl_s

    # Tokens

    async def put_token(self, digest: str, record: bytes) -> None:
        """Store a token's record."""
        await self._at(
            TOKENS, lambda redis: redis.write_one("HSET", TOKENS, digest, record)
        )

    async def make_token(
        self, made: TokenUnderKey, record: bytes, idempotency: Idempotency
    ) -> TokenUnderKey:
        """Store a token's record and its Idempotency-Key in one step.

        Returns the token under the key: `made`, or the one that the key made before.
        Raises IdempotencyKeyReused.
        """
        values = (made.digest, record, made.salt)
        return await self._token_under(idempotency, values) or made

    async def recall_token(self, idempotency: Idempotency) -> TokenUnderKey | None:
        """The token that this key made, or None. Raises IdempotencyKeyReused."""
        return await self._token_under(idempotency, ("", "", ""))

    async def _token_under(
        self, idempotency: Idempotency, values: tuple[Arg, ...]
    ) -> TokenUnderKey | None:
        names = (TOKENS, made_token_key(idempotency))
        args = (idempotency.fingerprint, *values, self._ttl_s)

        async def step(redis: RedisCommands) -> Any:
            return await redis.write(_MAKE_TOKEN, names, args)

        match await self._at(TOKENS, step):
            case [b"reused"]:
                raise IdempotencyKeyReused(idempotency.key)
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

    async def drop_token(self, digest: str) -> bool:
        """Delete a token and its last use; returns whether it was there."""
        dropped = await self._at(
            TOKENS, lambda redis: redis.write_one("HDEL", TOKENS, digest)
        )
        with suppress(Unavailable):  # the token is revoked nevertheless
            await self._at(
                TOKEN_USES, lambda redis: redis.one("HDEL", TOKEN_USES, digest)
            )
        return bool(dropped)

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
