"""Parses a JWT and verifies its signature; its claims are decoded last.

Rules:
- At most MAX_JWT_BYTES, three parts of base64url without padding, strict JSON.
- The header names an algorithm and perhaps a `kid`, which is compared, never opened.
  A JWT is refused if its header contains or points to a key (`jwk`, `jku`, `x5u`,
  `x5c`), or asks for an extension (`crit`) or for decryption.
- Algorithms are pinned by the configuration and by the key, never by the header alone.
- joserfc checks signatures; no claim is read before.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, NamedTuple

from stoppress.identity.jwt_errors import RefusedJwt
from stoppress.identity.jwt_keys import VerificationKey
from stoppress.identity.strict_json import AmbiguousJson, read_object

MAX_JWT_BYTES = 8192
MAX_KID = 200
_TYPES = ("jwt", "at+jwt", "application/at+jwt", "application/jwt")
_FORBIDDEN = ("crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc", "cty")
_PART = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


class ParsedJwt(NamedTuple):
    """A parsed JWT; nothing in it is verified yet."""

    algorithm: str
    kid: str | None
    signed: bytes
    payload: bytes
    signature: bytes


def looks_like_jwt(text: str) -> bool:
    """Whether the text has the form of a JWT, and not of a token of this server."""
    return text.startswith("ey") and text.count(".") >= 2


def parse_jwt(text: str, algorithms: frozenset[str]) -> ParsedJwt:
    """Parse a JWT. Raises RefusedJwt."""
    if len(text) > MAX_JWT_BYTES:
        raise RefusedJwt("too long", f"{len(text)} characters")
    parts = text.split(".")
    if len(parts) != 3 or not all(_PART.fullmatch(part) for part in parts):
        raise RefusedJwt("malformed")
    header_part, payload_part, signature_part = parts
    header = _object(_bytes(header_part), "header")
    for name in _FORBIDDEN:
        if name in header:
            raise RefusedJwt("forbidden header", name)
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise RefusedJwt("wrong type", repr(kind)[:100])
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise RefusedJwt("wrong algorithm", repr(algorithm)[:100])
    if kid is not None and (not isinstance(kid, str) or len(kid) > MAX_KID):
        raise RefusedJwt("malformed", "kid")
    return ParsedJwt(
        algorithm,
        kid,
        f"{header_part}.{payload_part}".encode(),
        _bytes(payload_part),
        _bytes(signature_part),
    )


def verified_claims(jwt: ParsedJwt, key: VerificationKey) -> dict[str, Any]:
    """The claims, if the key signed them. Raises RefusedJwt."""
    if jwt.algorithm not in key.algorithms:
        raise RefusedJwt("wrong algorithm", jwt.algorithm)
    from joserfc.jws import JWSRegistry  # as in jwt_keys.py

    check = JWSRegistry.algorithms[jwt.algorithm]
    try:
        check.check_key(key.key)
        good = check.verify(jwt.signed, jwt.signature, key.key)
    except Exception:
        # The library may raise anything for a forged signature.
        good = False
    if not good:
        raise RefusedJwt("wrong signature")
    return _object(jwt.payload, "payload")


def _object(raw: bytes, part: str) -> dict[str, Any]:
    try:
        return read_object(raw)
    except AmbiguousJson as error:
        raise RefusedJwt("malformed", f"{part}: {error}") from None


def _bytes(part: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        raise RefusedJwt("malformed", "base64") from None
    # Unused bits of the last character would allow several texts for one JWT.
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        raise RefusedJwt("malformed", "base64")
    return raw
