"""Tokens of the in-memory store, their last uses, and the keys of tickets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stoppress.domain.errors import (
    IdempotencyKeyReused,
)
from stoppress.domain.signed_redis_inbox_entry import token_id
from stoppress.domain.store_requests_and_results import (
    Idempotency,
    TokenUnderKey,
)
from tests.memory_store_core import MemoryStoreCore


class MemoryTokens(MemoryStoreCore):
    """The part of a MemoryStore for tokens and ticket keys."""

    async def put_token(self, digest: str, record: bytes) -> None:
        """Keep a token's record."""
        self._called("put_token")
        self.records[digest] = record
        self.audited.append(("token.created", token_id(digest)))

    async def make_token(
        self, made: TokenUnderKey, record: bytes, idempotency: Idempotency
    ) -> TokenUnderKey:
        """Keep a token's record under its key, or find the earlier one."""
        self._called("make_token")
        earlier = self._token_under(idempotency)
        if earlier is not None:
            return earlier
        self.records[made.digest] = record
        self.audited.append(("token.created", token_id(made.digest)))
        name = (idempotency.owner, idempotency.key)
        self._made_tokens[name] = (idempotency.fingerprint, made)
        return made

    async def recall_token(self, idempotency: Idempotency) -> TokenUnderKey | None:
        """The token that this key made, or None."""
        self._called("recall_token")
        return self._token_under(idempotency)

    def _token_under(self, key: Idempotency) -> TokenUnderKey | None:
        held = self._made_tokens.get((key.owner, key.key))
        if held is None:
            return None
        if held[0] != key.fingerprint:
            raise IdempotencyKeyReused(key.key)
        return held[1]

    async def token(self, digest: str) -> bytes | None:
        """The record of the token, or None if there is none."""
        self._called("token")
        return self.records.get(digest)

    async def token_records(self, digests: Sequence[str]) -> list[bytes | None]:
        """The record of each token, or None."""
        self._called("token_records")
        return [self.records.get(digest) for digest in digests]

    async def tokens(self) -> list[tuple[str, bytes]]:
        """Every digest with its record."""
        self._called("tokens")
        return list(self.records.items())

    async def drop_token(
        self, digest: str, idempotency: Idempotency | None = None
    ) -> bool:
        """Forget a token and its last use; whether it was there."""
        self._called("drop_token")
        if idempotency is not None:
            if self._token_under(idempotency) is not None:
                return True
            if digest in self.records:
                name = (idempotency.owner, idempotency.key)
                made = TokenUnderKey("", digest)
                self._made_tokens[name] = (idempotency.fingerprint, made)
        self.uses.pop(digest, None)
        was = self.records.pop(digest, None)
        if was is not None:
            self.audited.append(("token.revoked", token_id(digest)))
        return was is not None

    async def put_token_uses(self, minutes: Mapping[str, int]) -> None:
        """Keep the minute of each token's last use."""
        self._called("put_token_uses")
        self.uses |= minutes

    async def ticket_keys(self) -> dict[str, bytes]:
        """Every key that signs tickets."""
        self._called("ticket_keys")
        return dict(self.keys_of_tickets)

    async def put_ticket_key(self, kid: str, key: bytes) -> None:
        """Keep a key."""
        self._called("put_ticket_key")
        self.keys_of_tickets[kid] = key

    async def drop_ticket_keys(self, kids: Sequence[str]) -> None:
        """Forget keys."""
        self._called("drop_ticket_keys")
        for kid in kids:
            del self.keys_of_tickets[kid]

    async def token_uses(self) -> dict[str, int]:
        """The minute of the last use of each token that was used."""
        self._called("token_uses")
        return dict(self.uses)
