"""Creates, checks, lists and revokes API tokens; the CallerSource of tokens.

Rules:
- A token is `sp_` and 192 random bits. It is shown once and stored as a SHA-256
  digest: with that much randomness a slow hash would add nothing.
- A secret made with an Idempotency-Key is derived
  (`random_or_derived_token_secrets.py`): a repeat with the same credential gets it
  again.
- A token has one or more scopes, on listed feeds, on patterns of feeds, or on all.
- An expired token counts as unknown; its record stays listed until it is revoked.
- Managing tokens needs `admin` on all feeds.
- A valid token is cached for CACHE_S, so that not every post costs a look-up; a token
  revoked in another process stays valid that much longer.
- The last use is kept by the minute, beside the record, and written in the background:
  at most once per minute and token, all tokens in one call.
- The admin token's digest is compared in constant time; other digests are keys in the
  store, and the timing of a look-up by digest reveals nothing useful.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from stoppress.desk.caller import Caller, CallerKind
from stoppress.desk.json_input import read
from stoppress.desk.post_ids_and_idempotency_keys import Requester, idempotency_of
from stoppress.desk.random_or_derived_token_secrets import (
    PREFIX,
    derived_secret,
    new_salt,
    new_secret,
)
from stoppress.desk.store_protocol import TokenStore
from stoppress.desk.token_record import (
    MINUTE_MS,
    Token,
    TokenInput,
    caller_of,
    decode_record,
    listed_token,
    new_record,
)
from stoppress.domain.errors import DeletedSince, SecretShownOnce, Unavailable
from stoppress.domain.signed_redis_inbox_entry import InboxEntry, token_digest, token_id
from stoppress.domain.store_requests_and_results import Idempotency, TokenUnderKey

MAX_SECRET = 500
"""Limit of a token's secret, in characters; ours have 35."""
CACHE_S = 2.0
"""How long a token is cached without asking the store."""
CACHED_TOKENS = 1024
"""Limit of cached tokens, and of recorded uses; the oldest is evicted first."""
WRITE_USES_S = 20.0
"""Time between two writes of last uses."""

log = logging.getLogger(__name__)


class MadeToken(NamedTuple):
    """A token with its secret, and whether an earlier request made it."""

    secret: str
    token: Token
    repeated: bool = False


_draft = msgspec.json.Decoder(TokenInput)

ADMIN = Caller(
    id="admin", name="the admin token of the settings", kind="token", scopes=("admin",)
)


class Tokens:
    """The tokens of one store."""

    kind: CallerKind = "token"

    def __init__(
        self,
        store: TokenStore,
        admin_token: str,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._admin = token_digest(admin_token) if admin_token else None
        self._clock = clock
        self._now = monotonic
        self._cached: OrderedDict[str, tuple[float, Caller]] = OrderedDict()
        self._noted: OrderedDict[str, int] = OrderedDict()
        """The minute of the last use by digest, as recorded in this process."""
        self._unwritten: dict[str, int] = {}

    # As a CallerSource

    def recognises(self, secret: str) -> bool:
        """Whether it has the form of a token, or is the admin token."""
        if secret.startswith(PREFIX):
            return len(secret) <= MAX_SECRET
        return self._is_admin(token_digest(secret))

    def at_hand(self, secret: str) -> Caller:
        """The token with this secret, if it is cached or the admin token.

        Raises LookupError otherwise.
        """
        name = token_digest(secret)
        if self._is_admin(name):
            return ADMIN
        cached = self._cached.get(name)
        if cached is None or self._now() >= cached[0]:
            raise LookupError("the token is not cached")
        caller = cached[1]
        if caller.expires_at is not None and caller.has_expired(self._clock()):
            raise LookupError("the token has expired")
        return caller

    async def check(self, secret: str | None) -> Caller | None:
        """The token with this secret, or None. Raises Unavailable."""
        if not secret or not self.recognises(secret):
            return None
        try:
            return self.at_hand(secret)
        except LookupError:
            name = token_digest(secret)
        self._cached.pop(name, None)
        looked_up = self._now()
        caller = self._valid(name, await self._store.token(name))
        if caller is not None:
            self._cached[name] = (looked_up + CACHE_S, caller)
            if len(self._cached) > CACHED_TOKENS:
                self._cached.popitem(last=False)
        return caller

    async def check_entry(self, entry: InboxEntry) -> Caller | None:
        """The token that signed an entry of the inbox.

        None: unknown, revoked, expired, or another signature. Raises Unavailable.
        """
        for name in await self._digests(entry.key):
            if entry.is_signed_with(name):
                if self._is_admin(name):
                    return ADMIN
                return self._valid(name, await self._store.token(name))
        return None

    async def _digests(self, key: str) -> list[str]:
        """The digests of the token with the id `key`: one or none."""
        if self._admin and key in (ADMIN.id, token_id(self._admin)):
            return [self._admin]
        return [name for name, _ in await self._store.tokens() if token_id(name) == key]

    async def current(self, callers: Sequence[Caller]) -> list[Caller | None]:
        """The current state of these callers; None: revoked or expired.

        Raises Unavailable.
        """
        names = [caller.credential for caller in callers if caller is not ADMIN]
        records = iter(await self._store.token_records(names) if names else ())
        found: list[Caller | None] = []
        for caller in callers:
            if caller is ADMIN:
                found.append(ADMIN)
                continue
            now = self._valid(caller.credential, next(records))
            if now is None:
                self._cached.pop(caller.credential, None)
            found.append(now)
        return found

    def _is_admin(self, name: str) -> bool:
        return self._admin is not None and hmac.compare_digest(name, self._admin)

    def _valid(self, name: str, record: bytes | None) -> Caller | None:
        """The caller of a record, whose use is recorded; None if it is not valid."""
        kept = None if record is None else decode_record(record)
        if kept is None:
            return None
        caller, now = caller_of(name, kept), self._clock()
        if caller.has_expired(now):
            return None
        self._note_use(name, now // MINUTE_MS)
        return caller

    # Management

    async def make(self, raw: bytes) -> tuple[str, Token]:
        """Create a token from the JSON in `raw`; returns its secret and the token."""
        secret = new_secret()
        kept = new_record(secret, read(raw, _draft), self._clock())
        await self._store.put_token(token_digest(secret), msgspec.json.encode(kept))
        return secret, listed_token(kept, None)

    async def make_once(
        self, raw: bytes, requester: Requester, credential: str
    ) -> MadeToken:
        """Create a token, or find the one that the Idempotency-Key made before.

        `credential` is the secret of the request, from which the token's secret is
        derived if there is a key. Raises Invalid, IdempotencyKeyReused,
        SecretShownOnce, DeletedSince.
        """
        draft = read(raw, _draft)
        content = msgspec.json.encode(draft)
        idempotency = idempotency_of(requester, "POST", "/v1/tokens", content)
        if idempotency is None:
            return MadeToken(*await self.make(raw))
        earlier = await self._store.recall_token(idempotency)
        if earlier is None:
            salt = new_salt()
            secret = derived_secret(credential, salt, idempotency)
            kept = new_record(secret, draft, self._clock())
            made = TokenUnderKey(salt, token_digest(secret))
            record = msgspec.json.encode(kept)
            earlier = await self._store.make_token(made, record, idempotency)
            if earlier == made:
                return MadeToken(secret, listed_token(kept, None))
        return await self._repeat(earlier, idempotency, credential)

    async def _repeat(
        self, earlier: TokenUnderKey, idempotency: Idempotency, credential: str
    ) -> MadeToken:
        """The answer to a repeat. Raises SecretShownOnce, DeletedSince."""
        record = await self._store.token(earlier.digest)
        kept = None if record is None else decode_record(record)
        if kept is None:
            raise DeletedSince("token", token_id(earlier.digest))
        token = listed_token(kept, None)
        secret = derived_secret(credential, earlier.salt, idempotency)
        if not hmac.compare_digest(token_digest(secret), earlier.digest):
            raise SecretShownOnce(msgspec.json.encode(token))
        return MadeToken(secret, token, repeated=True)

    async def all(self) -> list[Token]:
        """Every token, newest first."""
        records = await self._store.tokens()
        uses = await self._store.token_uses()
        tokens = [
            listed_token(kept, uses.get(name))
            for name, record in records
            if (kept := decode_record(record))
        ]
        return sorted(tokens, key=lambda token: (token.created_at, token.id))[::-1]

    async def revoke(self, name: str, requester: Requester) -> bool:
        """Revoke the token with the id `name`.

        Returns whether it existed, now or when the Idempotency-Key was new. Raises
        IdempotencyKeyReused.
        """
        idempotency = idempotency_of(requester, "DELETE", f"/v1/tokens/{name}", b"")
        if idempotency is not None:
            if await self._store.recall_token(idempotency) is not None:
                return True
        for token_name, record in await self._store.tokens():
            if (kept := decode_record(record)) and kept.id == name:
                dropped = await self._store.drop_token(token_name, idempotency)
                # Afterwards, not before: a concurrent check would cache it again.
                self._cached.pop(token_name, None)
                self._unwritten.pop(token_name, None)
                return dropped
        return False

    # Last use

    async def run(self) -> None:
        """Write last uses every WRITE_USES_S, until cancelled."""
        while True:
            await asyncio.sleep(WRITE_USES_S)
            await self.write_uses()

    async def write_uses(self) -> None:
        """Write the uses recorded since the last time; kept if the store is away."""
        uses, self._unwritten = self._unwritten, {}
        if not uses:
            return
        try:
            await self._store.put_token_uses(uses)
        except Unavailable as problem:
            log.info("the last uses of tokens are written later: %s", problem)
            self._unwritten = uses | self._unwritten

    def _note_use(self, name: str, minute: int) -> None:
        if self._noted.get(name) == minute:
            return
        self._noted[name] = minute
        self._noted.move_to_end(name)
        self._unwritten[name] = minute
        if len(self._noted) > CACHED_TOKENS:
            oldest, _ = self._noted.popitem(last=False)
            self._unwritten.pop(oldest, None)
