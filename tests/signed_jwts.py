"""Keys of an invented identity provider, and JWTs signed with them, well or badly."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

ISSUER = "https://id.newsroom.example/realms/desk"
AUDIENCE = "https://live.newsroom.example"
NOW_S = 1_795_900_000.0
SECRET = b"a secret of thirty-two bytes, or more"


@cache
def rsa(name: str = "rsa-1", bits: int = 2048) -> RSAKey:
    """An RSA key; the same one for the same name."""
    return RSAKey.generate_key(bits, {"kid": name})


@cache
def p256(name: str = "p256-1") -> ECKey:
    """A P-256 key."""
    return ECKey.generate_key("P-256", {"kid": name})


@cache
def ed25519(name: str = "ed-1") -> OKPKey:
    """An Ed25519 key."""
    return OKPKey.generate_key("Ed25519", {"kid": name})


def public(*keys: Key, **more: Any) -> dict[str, Any]:
    """The JWKS document of some keys; `more` goes into each entry."""
    return {"keys": [{**key.as_dict(private=False), **more} for key in keys]}


def claims(**more: Any) -> dict[str, Any]:
    """Good claims of an editor, some of them replaced; None leaves one out."""
    given = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "anna",
        "name": "Anna Ek",
        "iat": int(NOW_S) - 5,
        "exp": int(NOW_S) + 300,
        "stoppress": {"scopes": ["publish"], "feeds": ["election-*"]},
        **more,
    }
    return {name: value for name, value in given.items() if value is not None}


def part(value: object) -> str:
    """One part of a JWT: an object as JSON, or bytes as they are."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign(
    body: object,
    key: Key | None = None,
    algorithm: str = "RS256",
    **header: Any,
) -> str:
    """A JWT; a header of None is left out."""
    signer = rsa() if key is None else key
    head = {"alg": algorithm, "typ": "JWT", "kid": signer.kid, **header}
    return sign_parts(
        {name: value for name, value in head.items() if value is not None},
        body,
        signer,
        algorithm,
    )


def sign_parts(head: object, body: object, key: Key, algorithm: str) -> str:
    """A JWT whose header is whatever it is, well signed with `algorithm`."""
    signed = f"{part(head)}.{part(body)}"
    signature = JWSRegistry.algorithms[algorithm].sign(signed.encode(), key)
    return f"{signed}.{part(signature)}"


def hmac_with(secret: bytes) -> OctKey:
    """A key of HS256."""
    return OctKey.import_key(secret)
