"""Which keys of a JWKS document count, and for which algorithms."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc.jwk import ECKey

from stoppress.identity.jwt_errors import RefusedJwt
from stoppress.identity.jwt_keys import read_jwks, shared_secret
from tests.signed_jwts import SECRET, ed25519, hmac_with, p256, part, public, rsa


def test_a_key_verifies_algorithms_of_its_type_alone() -> None:
    """Whatever the header of a JWT says."""
    keys = read_jwks(public(rsa(), p256(), ed25519()))
    assert keys.find("rsa-1", "RS256") is not None
    assert keys.find("rsa-1", "PS512") is not None
    assert keys.find("p256-1", "ES256") is not None
    assert keys.find("ed-1", "EdDSA") is not None
    for kid, algorithm in [
        ("rsa-1", "ES256"),
        ("rsa-1", "HS256"),
        ("p256-1", "RS256"),
        ("p256-1", "ES384"),
        ("ed-1", "ES256"),
    ]:
        with pytest.raises(RefusedJwt, match="wrong algorithm"):
            keys.find(kid, algorithm)


def test_the_algorithm_of_a_key_is_its_only_one() -> None:
    """If the provider says so."""
    keys = read_jwks(public(rsa(), alg="RS512"))
    assert keys.find("rsa-1", "RS512") is not None
    with pytest.raises(RefusedJwt):
        keys.find("rsa-1", "RS256")


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "key",
        {"kty": None},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "RSA"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "AKP", "alg": "ML-DSA-44"},
        {"use": "enc"},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"alg": "RSA-OAEP"},
        {"alg": "HS256"},
        {"kid": 7},
    ],
)
def test_a_key_that_verifies_nothing_is_left_out(entry: Any) -> None:
    """The others count."""
    good = public(rsa("other"))["keys"]
    if isinstance(entry, dict) and "kty" not in entry:
        entry = {**public(rsa())["keys"][0], **entry}
    keys = read_jwks({"keys": [entry, *good]})
    assert [key.kid for key in keys.keys] == ["other"]
    with pytest.raises(ValueError, match="no key"):
        read_jwks({"keys": [entry]})


def test_a_short_key_is_left_out() -> None:
    """1,024 bits can be factored."""
    with pytest.raises(ValueError, match="no key"):
        read_jwks({"keys": [{"kty": "RSA", "n": part(b"\xff" * 128), "e": "AQAB"}]})


def test_the_private_part_of_a_key_is_left_alone() -> None:
    """A provider should not publish it; nothing here keeps it."""
    keys = read_jwks({"keys": [p256().as_dict(private=True)]})
    (found,) = keys.keys
    assert isinstance(found.key, ECKey) and not found.key.is_private


def test_without_kid_there_has_to_be_one_key() -> None:
    """Trying all of them would be for the sender to decide."""
    assert read_jwks(public(rsa())).find(None, "RS256") is not None
    with pytest.raises(RefusedJwt, match="no kid"):
        read_jwks(public(rsa(), p256())).find(None, "RS256")


def test_two_keys_of_one_kid_differ_in_type() -> None:
    """As RFC 7517 allows."""
    keys = read_jwks(public(rsa("k"), p256("k")))
    for algorithm in ("RS256", "ES256"):
        found = keys.find("k", algorithm)
        assert found is not None and algorithm in found.algorithms


def test_an_unknown_kid_may_be_in_a_newer_document() -> None:
    """So it is told from a refusal."""
    assert read_jwks(public(rsa())).find("next", "RS256") is None


@pytest.mark.parametrize("document", [{}, {"keys": {}}, {"keys": []}])
def test_a_document_without_keys_is_refused(document: dict[str, Any]) -> None:
    """The keys known before stay."""
    with pytest.raises(ValueError, match="there is no"):
        read_jwks(document)


def test_a_shared_secret_is_for_hs256() -> None:
    """And for nothing else."""
    keys = shared_secret(SECRET)
    found = keys.find(None, "HS256")
    assert found is not None and found.key.as_dict() == hmac_with(SECRET).as_dict()
    with pytest.raises(RefusedJwt):
        keys.find(None, "RS256")
