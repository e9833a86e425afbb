"""Every trick with a JWT's form, header and signature is refused, with its reason."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from stoppress.identity.jwt_errors import RefusedJwt
from stoppress.identity.jwt_keys import ASYMMETRIC, SYMMETRIC, read_jwks, shared_secret
from stoppress.identity.jwt_parsing_and_signature import (
    MAX_JWT_BYTES,
    looks_like_jwt,
    parse_jwt,
    verified_claims,
)
from tests.signed_jwts import (
    SECRET,
    claims,
    ed25519,
    hmac_with,
    p256,
    part,
    public,
    rsa,
    sign,
    sign_parts,
)

KEYS = read_jwks(public(rsa(), p256(), ed25519()))
PEM = rsa().public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
HEAD = {"alg": "RS256", "typ": "JWT", "kid": "rsa-1"}


def verify(text: str) -> dict[str, object]:
    """The claims of a JWT. Raises RefusedJwt."""
    jwt = parse_jwt(text, ASYMMETRIC)
    key = KEYS.find(jwt.kid, jwt.algorithm)
    if key is None:
        raise RefusedJwt("unknown key")
    return verified_claims(jwt, key)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa(), "RS256"),
        (rsa(), "PS384"),
        (p256(), "ES256"),
        (ed25519(), "EdDSA"),
        (ed25519(), "Ed25519"),
    ],
)
def test_a_good_jwt_is_verified(key: object, algorithm: str) -> None:
    """Of every kind of key that providers have."""
    text = sign(claims(), key, algorithm)  # type: ignore[arg-type]  # one of three
    assert verify(text) == claims()
    assert looks_like_jwt(text)


def test_a_shared_secret_verifies() -> None:
    """For small set-ups."""
    jwt = parse_jwt(sign(claims(), hmac_with(SECRET), "HS256"), SYMMETRIC)
    key = shared_secret(SECRET).find(None, "HS256")
    assert key is not None and verified_claims(jwt, key) == claims()
    forged = parse_jwt(sign(claims(), hmac_with(SECRET[::-1]), "HS256"), SYMMETRIC)
    with pytest.raises(RefusedJwt, match="wrong signature"):
        verified_claims(forged, key)


def tampered(text: str) -> str:
    """Another subject under the same signature."""
    head, _, signature = text.split(".")
    return f"{head}.{part(claims(sub='admin'))}.{signature}"


def unused_bits(text: str) -> str:
    """The same signature in another spelling."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]


ATTACKS = {
    # No signature, or of another algorithm
    "none": (f"{part({**HEAD, 'alg': 'none'})}.{part(claims())}.AA", "wrong algorithm"),
    "None": (f"{part({**HEAD, 'alg': 'NONE'})}.{part(claims())}.AA", "wrong algorithm"),
    "no signature": (f"{part(HEAD)}.{part(claims())}.", "malformed"),
    "no alg": (sign(claims(), alg=None), "wrong algorithm"),
    "alg of another type": (sign(claims(), alg=["RS256"]), "wrong algorithm"),
    "HS256 with the public key": (
        sign_parts({**HEAD, "alg": "HS256"}, claims(), hmac_with(b"x" * 32), "HS256"),
        "wrong algorithm",
    ),
    "RS256 header over HS256": (
        sign_parts(HEAD, claims(), hmac_with(base64.b64encode(PEM)), "HS256"),
        "wrong signature",
    ),
    "ES256 with the RSA key's kid": (
        sign(claims(), p256(), "ES256", kid="rsa-1"),
        "wrong algorithm",
    ),
    "another's key, our kid": (sign(claims(), rsa("evil"), kid="rsa-1"), "signature"),
    "tampered claims": (tampered(sign(claims())), "wrong signature"),
    "tampered header": (
        sign(claims()).replace(part(HEAD), part({**HEAD, "x": 1}), 1),
        "wrong signature",
    ),
    # Keys that the sender brings or points to
    "unknown kid": (sign(claims(), rsa("evil")), "unknown key"),
    "kid as a path": (sign(claims(), kid="../../../dev/null"), "unknown key"),
    "kid as a query": (sign(claims(), kid="' OR 1=1 --"), "unknown key"),
    "kid of another type": (sign(claims(), kid={"$ne": ""}), "malformed"),
    "kid too long": (sign(claims(), kid="k" * 201), "malformed"),
    "no kid of three": (sign(claims(), kid=None), "no kid"),
    "jku": (sign(claims(), jku="https://evil.test/keys"), "forbidden header"),
    "x5u": (sign(claims(), x5u="https://evil.test/cert"), "forbidden header"),
    "x5c": (sign(claims(), x5c=["MIIB"]), "forbidden header"),
    "jwk": (
        sign(claims(), rsa("evil"), jwk=public(rsa("evil"))["keys"][0]),
        "forbidden header",
    ),
    # Extensions, encryption, other types
    "crit": (sign(claims(), crit=["exp"]), "forbidden header"),
    "crit, empty": (sign(claims(), crit=[]), "forbidden header"),
    "b64": (sign(claims(), b64=False), "forbidden header"),
    "zip": (sign(claims(), zip="DEF"), "forbidden header"),
    "nested": (sign(claims(), cty="JWT"), "forbidden header"),
    "nested body": (sign(sign(claims()).encode()), "malformed"),
    "a logout token": (sign(claims(), typ="logout+jwt"), "wrong type"),
    "encrypted": ("eyJhbGciOiJSU0EtT0FFUCJ9.AA.AA.AA.AA", "malformed"),
    # Forms
    "empty": ("", "malformed"),
    "two parts": ("eyJ.eyJ", "malformed"),
    "four parts": (f"{sign(claims())}.AA", "malformed"),
    "padding": (f"{sign(claims())}==", "malformed"),
    "blank": (f"{sign(claims())} ", "malformed"),
    "line end": (f"{sign(claims())}\n", "malformed"),
    "plain base64": (f"{part(HEAD)}.a+b/.AAAA", "malformed"),
    "unused bits": (unused_bits(sign(claims())), "malformed"),
    "beyond ASCII": (f"{part(HEAD)}.é.AAAA", "malformed"),
    "header is a list": (
        sign_parts(["RS256"], claims(), rsa(), "RS256"),
        "malformed",
    ),
    "header with one name twice": (
        sign_parts(b'{"alg":"none","alg":"RS256"}', claims(), rsa(), "RS256"),
        "malformed",
    ),
    "claims with one name twice": (
        sign(b'{"sub":"anna","sub":"admin"}'),
        "malformed",
    ),
    "claims of no JSON": (sign(b"anna"), "malformed"),
    "claims with NaN": (sign(b'{"exp":NaN}'), "malformed"),
    "deep claims": (sign(b'{"a":' + b"[" * 2000 + b"]" * 2000 + b"}"), "malformed"),
    "huge": (sign(claims(name="x" * 8000)), "too long"),
}
"""Each with the reason that is logged."""


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused(name: str) -> None:
    """With the reason that is meant, so none is refused by accident."""
    text, reason = ATTACKS[name]
    with pytest.raises(RefusedJwt, match=reason):
        verify(text)


def test_the_longest_jwt() -> None:
    """Counted before anything is decoded."""
    room = MAX_JWT_BYTES - len(sign(claims(name="")))
    assert verify(sign(claims(name="x" * (room * 3 // 4 - 4))))


def test_a_token_of_another_kind_is_no_jwt() -> None:
    """Tokens of ours go elsewhere."""
    assert not looks_like_jwt("sp_abc.def.ghi")
    assert not looks_like_jwt("eyJhbGciOiJ9")
