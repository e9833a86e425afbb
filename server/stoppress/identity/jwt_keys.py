"""The keys that verify JWTs, read from a JWKS document (RFC 7517).

Rules:
- A key verifies only algorithms of its own type (an RSA key not HS256, a P-256 key not
  ES384); if it has an `alg`, only that one.
- Keys that are secret (`oct`), for encryption, too short, or of an unknown type are
  skipped, so that a provider may publish them.
- A key is found by `kid`. A JWT without `kid` is verified only if there is one key.
"""

from __future__ import annotations

import base64
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from stoppress.identity.jwt_errors import RefusedJwt

if TYPE_CHECKING:
    from joserfc.jwk import Key

MIN_RSA_BITS = 2048
MAX_KEYS = 100
"""Keys read from one document; providers publish two or three."""

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_BY_CURVE = {
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA", "Ed25519"),
}
ASYMMETRIC = frozenset((*_RSA, *(alg for algs in _BY_CURVE.values() for alg in algs)))
"""Algorithms that the keys of a JWKS document may verify."""
SYMMETRIC = frozenset(("HS256",))
"""The algorithm of a secret that is shared with the signer."""


class VerificationKey(NamedTuple):
    """One key, and the algorithms it verifies."""

    kid: str | None
    algorithms: tuple[str, ...]
    key: Key
    thumbprint: str
    """The digest of the key itself (RFC 7638): a provider may give two the same kid."""


class KeySet(NamedTuple):
    """The keys of one issuer."""

    keys: tuple[VerificationKey, ...]

    def find(self, kid: str | None, algorithm: str) -> VerificationKey | None:
        """The key for a JWT's header; None if a newer document may have it.

        Raises RefusedJwt.
        """
        if kid is None:
            if len(self.keys) != 1:
                raise RefusedJwt("no kid", f"there are {len(self.keys)} keys")
            found = self.keys[0]
        else:
            named = [key for key in self.keys if key.kid == kid]
            if not named:
                return None
            # Two keys of one kid may differ in type (RFC 7517, 4.5).
            fitting = [key for key in named if algorithm in key.algorithms]
            found = (fitting or named)[0]
        if algorithm not in found.algorithms:
            raise RefusedJwt("wrong algorithm", f"{algorithm} does not fit the key")
        return found


def shared_secret(secret: bytes) -> KeySet:
    """The one key of an issuer that signs with a shared secret."""
    key = _joserfc().OctKey.import_key(secret)
    return KeySet((VerificationKey(None, ("HS256",), key, key.thumbprint()),))


def read_jwks(document: dict[str, Any]) -> KeySet:
    """The usable keys of a document. Raises ValueError if there is none."""
    entries = document.get("keys")
    if not isinstance(entries, list):
        raise ValueError("there is no list `keys`")
    _joserfc()  # here, where an error of the library is not taken for a bad key
    read = [_read_key(entry) for entry in entries[:MAX_KEYS]]
    keys = tuple(key for key in read if key is not None)
    if not keys:
        raise ValueError("there is no key that can verify a signature")
    return KeySet(keys)


def _joserfc() -> ModuleType:
    """The library, when the first keys are read: most servers have none, and start
    0.1 s earlier."""
    import joserfc.jws  # noqa: F401 (what verifies with the keys: loaded with them)
    from joserfc import jwk

    return jwk


def _read_key(entry: object) -> VerificationKey | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    uses, kid = entry.get("key_ops", ["verify"]), entry.get("kid")
    if not isinstance(uses, list) or "verify" not in uses:
        return None
    if kid is not None and not isinstance(kid, str):
        return None
    algorithms = _algorithms(entry)
    if not algorithms:
        return None
    try:
        # Only the public part: a private key is not needed here.
        public = {name: entry[name] for name in _PUBLIC if name in entry}
        if entry["kty"] == "RSA" and _bits(entry["n"]) < MIN_RSA_BITS:
            return None
        key = _joserfc().JWKRegistry.import_key(public)
        thumbprint = key.thumbprint()
    except Exception:
        # The library may raise anything for an invalid key: it is skipped.
        return None
    return VerificationKey(kid, algorithms, key, thumbprint)


_PUBLIC = ("kty", "crv", "x", "y", "n", "e")


def _algorithms(entry: dict[str, Any]) -> tuple[str, ...]:
    kind = entry.get("kty")
    if kind == "RSA":
        fitting: tuple[str, ...] = _RSA
    elif kind in ("EC", "OKP"):
        fitting = _BY_CURVE.get(str(entry.get("crv")), ())
    else:
        return ()
    named = entry.get("alg")
    if named is None or (named in ("EdDSA", "Ed25519") and named in fitting):
        return fitting
    return (named,) if named in fitting else ()


def _bits(modulus: str) -> int:
    raw = base64.urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))
    return int.from_bytes(raw).bit_length()
