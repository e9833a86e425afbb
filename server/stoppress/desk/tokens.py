"""Creates, checks, lists and revokes API tokens.

Rules:
- A token is `sp_` and 192 random bits. It is shown once and stored as a SHA-256
  digest: with that much randomness a slow hash would add nothing.
- A token has one or more scopes, on listed feeds or on all. `admin` includes
  `write`, `write` includes `read`.
- A record may be of a later release: scopes unknown to this one are ignored.
- Managing tokens needs `admin` on all feeds.
- A valid token is cached for CACHE_S, so that not every post costs a look-up; a token
  revoked in another process stays valid that much longer.
- The admin token's digest is compared in constant time; other digests are keys in the
  store, and the timing of a look-up by digest reveals nothing useful.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from stoppress.desk.json_input import read
from stoppress.desk.store_protocol import TokenStore
from stoppress.domain.errors import Invalid
from stoppress.domain.feed import check_slug
from stoppress.domain.post import Name
from stoppress.domain.timestamps import instant

Scope = Literal["read", "write", "admin"]

PREFIX = "sp_"
MAX_SECRET = 500
"""Limit of a secret, in characters; ours have 35."""
CACHE_S = 2.0
"""How long a token is cached without asking the store."""
CACHED_TOKENS = 1024
"""Limit of cached tokens; the oldest is evicted first."""

_RANK: dict[Scope, int] = {"read": 0, "write": 1, "admin": 2}

log = logging.getLogger(__name__)


class TokenInput(Struct, frozen=True, forbid_unknown_fields=True):
    """What an admin sends to create a token. Without `feeds`: all feeds."""

    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=3)]
    name: Name = "unnamed"
    feeds: Annotated[tuple[str, ...], Meta(min_length=1, max_length=100)] | None = None


class Token(Struct, frozen=True):
    """A token without its secret. `feeds` None: all feeds."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    feeds: tuple[str, ...] | None
    created_at: str

    def may(self, scope: Scope, feed: str | None) -> bool:
        """Whether the token has `scope` on `feed`; None: on all of them."""
        if self.feeds is not None and (feed is None or feed not in self.feeds):
            return False
        need = _RANK[scope]
        return any(_RANK[held] >= need for held in self.scopes)


class _KeptToken(Struct, frozen=True):
    """A token's stored record, which a later release may have written."""

    id: str
    name: str
    scopes: tuple[str, ...]
    feeds: tuple[str, ...] | None
    created_at: str


_kept = msgspec.json.Decoder(_KeptToken)
_draft = msgspec.json.Decoder(TokenInput)

ADMIN = Token("admin", "the admin token of the settings", ("admin",), None, instant(0))


def _read(record: bytes) -> Token | None:
    """The token of a stored record; None if the record is damaged."""
    try:
        kept = _kept.decode(record)
    except msgspec.MsgspecError:
        log.error("a token's record is damaged: the token counts as unknown")
        return None
    scopes = tuple(scope for scope in kept.scopes if scope in _RANK)
    return Token(kept.id, kept.name, scopes, kept.feeds, kept.created_at)


def digest(secret: str) -> str:
    """The digest under which a token is stored."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


class Tokens:
    """Creates, checks, lists and revokes the tokens of one store."""

    def __init__(
        self,
        store: TokenStore,
        admin_token: str,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._admin = digest(admin_token) if admin_token else None
        self._clock = clock
        self._now = monotonic
        self._cached: OrderedDict[str, tuple[float, Token]] = OrderedDict()

    async def check(self, secret: str | None) -> Token | None:
        """The token with this secret, or None. Raises Unavailable."""
        if not secret or len(secret) > MAX_SECRET:
            return None
        try:
            return self.at_hand(secret)
        except LookupError:
            if not secret.startswith(PREFIX):
                return None
        name = digest(secret)
        self._cached.pop(name, None)
        looked_up = self._now()
        record = await self._store.token(name)
        if record is None:
            return None
        token = _read(record)
        if token is None:
            return None
        self._cached[name] = (looked_up + CACHE_S, token)
        if len(self._cached) > CACHED_TOKENS:
            self._cached.popitem(last=False)
        return token

    def at_hand(self, secret: str) -> Token:
        """The token with this secret, if it is cached or the admin token.

        Raises LookupError otherwise.
        """
        name = digest(secret)
        if self._admin is not None and hmac.compare_digest(name, self._admin):
            return ADMIN
        cached = self._cached.get(name)
        if cached is None or self._now() >= cached[0]:
            raise LookupError("the token is not cached")
        return cached[1]

    async def make(self, raw: bytes) -> tuple[str, Token]:
        """Create a token from the JSON in `raw`; returns its secret and the token."""
        draft = read(raw, _draft)
        for index, feed in enumerate(draft.feeds or ()):
            check_slug(feed, f"feeds[{index}]")
        if len(set(draft.scopes)) < len(draft.scopes):
            raise Invalid("scopes", "has a duplicate: name each scope once")
        secret = PREFIX + secrets.token_urlsafe(24)
        name = digest(secret)
        token = Token(
            name[:16], draft.name, draft.scopes, draft.feeds, instant(self._clock())
        )
        await self._store.put_token(name, msgspec.json.encode(token))
        return secret, token

    async def all(self) -> list[Token]:
        """Every token, newest first."""
        records = await self._store.tokens()
        tokens = [token for _, record in records if (token := _read(record))]
        return sorted(tokens, key=lambda token: (token.created_at, token.id))[::-1]

    async def revoke(self, name: str) -> bool:
        """Revoke the token with the id `name`; whether it existed."""
        for token_name, record in await self._store.tokens():
            if (token := _read(record)) and token.id == name:
                dropped = await self._store.drop_token(token_name)
                # After, not before: a concurrent check would cache it again.
                self._cached.pop(token_name, None)
                return dropped
        return False
