"""Callers with a JWT of the configured issuer.

Rules:
- A verified JWT is cached by its digest, up to CACHED_JWTS, until it expires or the
  issuer's keys change: many readers send the same ones, and the live line's fast path
  awaits nothing.
- A caller only learns that its credential is invalid; the reason is logged and counted.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

from stoppress.desk.caller import Caller, CallerKind
from stoppress.domain.errors import Unavailable
from stoppress.identity.jwt_claims_and_rights import (
    NO_RIGHTS,
    check_claims,
    person_of,
    rights_of_claim,
)
from stoppress.identity.jwt_errors import KeysMissing, RefusedJwt
from stoppress.identity.jwt_keys import VerificationKey
from stoppress.identity.jwt_parsing_and_signature import (
    looks_like_jwt,
    parse_jwt,
    verified_claims,
)
from stoppress.metric_instruments import NO_METER, Meter

CACHED_JWTS = 4096

log = logging.getLogger(__name__)


class JwtMetrics:
    """The metrics of JWTs."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.refused = meter.counters(
            "stoppress_jwt_refused", "JWTs refused, by reason.", "reason"
        )


class IssuerKeys(Protocol):
    """The keys of the issuer."""

    @property
    def version(self) -> int:
        """Counts the changes of the keys."""

    async def key(self, kid: str | None, algorithm: str) -> VerificationKey:
        """The key for a JWT's header. Raises RefusedJwt, KeysMissing."""

    def has(self, thumbprint: str) -> bool:
        """Whether the key with this digest is known now."""


class JwtCallers:
    """The source of callers of kind "jwt"."""

    kind: CallerKind = "jwt"

    def __init__(
        self,
        keys: IssuerKeys,
        *,
        algorithms: frozenset[str],
        issuer: str,
        audience: str,
        metrics: JwtMetrics | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._algorithms = algorithms
        self._issuer = issuer
        self._audience = audience
        self._metrics = metrics or JwtMetrics()
        self._clock = clock
        self._cached: OrderedDict[bytes, Caller] = OrderedDict()
        self._version = keys.version

    def recognises(self, secret: str) -> bool:
        """Whether the secret has the form of a JWT."""
        return looks_like_jwt(secret)

    def at_hand(self, secret: str) -> Caller:
        """The caller, if this JWT is cached. Raises LookupError."""
        if self._version != self._keys.version:
            self._version = self._keys.version
            self._cached.clear()
        caller = self._cached[_digest(secret)]
        if caller.has_expired(self._now_ms()):
            raise LookupError("the JWT has expired")
        return caller

    async def check(self, secret: str) -> Caller | None:
        """The caller, or None; the reason is logged. Raises Unavailable."""
        try:
            return self.at_hand(secret)
        except LookupError:
            pass
        try:
            caller = await self._verify(secret)
        except RefusedJwt as refused:
            self._metrics.refused[refused.reason].add()
            log.info("a JWT is refused: %s", refused, extra={"reason": refused.reason})
            return None
        except KeysMissing:
            raise Unavailable(
                "credentials of this kind can't be checked now: the keys of the "
                "identity provider have not been read yet"
            ) from None
        self._cached[_digest(secret)] = caller
        if len(self._cached) > CACHED_JWTS:
            self._cached.popitem(last=False)
        return caller

    async def current(self, callers: Sequence[Caller]) -> list[Caller | None]:
        """Each caller, or None if its JWT has expired or its key was withdrawn."""
        now = self._now_ms()
        return [
            None
            if caller.has_expired(now) or not self._keys.has(caller.credential)
            else caller
            for caller in callers
        ]

    async def _verify(self, secret: str) -> Caller:
        jwt = parse_jwt(secret, self._algorithms)
        key = await self._keys.key(jwt.kid, jwt.algorithm)
        claims = verified_claims(jwt, key)
        expires_at = check_claims(
            claims,
            issuer=self._issuer,
            audience=self._audience,
            now_s=self._clock(),
        )
        rights = rights_of_claim(claims) or NO_RIGHTS
        person = person_of(claims, expires_at, rights)
        return Caller(
            id=person.id,
            name=person.name,
            kind="jwt",
            scopes=rights.scopes,
            feeds=rights.feeds,
            expires_at=expires_at,
            credential=key.thumbprint,
        )

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()
