"""Callers with a JWT: found, remembered, and gone when the JWT or its key is."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from stoppress.desk.caller import Caller
from stoppress.domain.errors import Unavailable
from stoppress.identity.jwt_callers import JwtCallers
from stoppress.identity.jwt_claims_and_rights import LEEWAY_S, NAMELESS
from stoppress.identity.jwt_errors import KeysMissing, RefusedJwt
from stoppress.identity.jwt_keys import ASYMMETRIC, VerificationKey, read_jwks
from tests.signed_jwts import AUDIENCE, ISSUER, NOW_S, claims, p256, public, rsa, sign

pytestmark = pytest.mark.asyncio


class Keys:
    """Keys without a provider; counts how often one is asked for."""

    def __init__(self) -> None:
        self.known = read_jwks(public(rsa()))
        self.version = 0
        self.missing = False
        self.asked = 0

    def rotate(self, *keys: Any) -> None:
        self.known = read_jwks(public(*keys))
        self.version += 1

    async def key(self, kid: str | None, algorithm: str) -> VerificationKey:
        self.asked += 1
        if self.missing:
            raise KeysMissing
        found = self.known.find(kid, algorithm)
        if found is None:
            raise RefusedJwt("unknown key")
        return found

    def has(self, thumbprint: str) -> bool:
        return any(key.thumbprint == thumbprint for key in self.known.keys)


class Desk:
    """The source with its clock."""

    def __init__(self) -> None:
        self.keys = Keys()
        self.now = NOW_S
        self.source = JwtCallers(
            self.keys,
            algorithms=ASYMMETRIC,
            issuer=ISSUER,
            audience=AUDIENCE,
            clock=lambda: self.now,
        )

    async def caller(self, text: str) -> Caller:
        found = await self.source.check(text)
        assert found is not None
        return found


async def test_a_jwt_is_a_caller() -> None:
    """With the person's id, scopes and feeds, until it ends."""
    anna = await Desk().caller(sign(claims()))
    assert anna == Caller(
        id=f"{ISSUER} anna",
        name="Anna Ek",
        kind="jwt",
        scopes=("publish",),
        feeds=("election-*",),
        expires_at=(int(NOW_S) + 300) * 1000,
        credential=rsa().thumbprint(),
    )
    assert anna.may("read", "election-2026") and not anna.may("read", "sport")


async def test_a_jwt_without_the_claim_may_do_nothing() -> None:
    """But it is known."""
    nobody = await Desk().caller(sign(claims(stoppress=None)))
    assert nobody.scopes == () and not nobody.may("read", "election-2026")


async def test_a_verified_jwt_is_at_hand_until_it_ends() -> None:
    """The fast path awaits nothing."""
    desk, text = Desk(), sign(claims())
    with pytest.raises(LookupError):
        desk.source.at_hand(text)
    anna = await desk.caller(text)
    assert desk.source.at_hand(text) == anna == await desk.caller(text)
    assert desk.keys.asked == 1
    desk.now += 300
    with pytest.raises(LookupError):
        desk.source.at_hand(text)
    assert await desk.source.current([anna]) == [None]
    assert await desk.source.check(text) == anna, "clocks may differ"
    desk.now += LEEWAY_S
    assert await desk.source.check(text) is None


async def test_a_withdrawn_key_ends_its_jwts() -> None:
    """Those remembered too, and lines that are open."""
    desk, text = Desk(), sign(claims())
    anna = await desk.caller(text)
    desk.keys.rotate(rsa(), p256())
    assert await desk.source.current([anna]) == [anna]
    assert await desk.source.check(text) == anna
    desk.keys.rotate(p256())
    with pytest.raises(LookupError):
        desk.source.at_hand(text)
    assert await desk.source.check(text) is None
    assert await desk.source.current([anna]) == [None]


@pytest.mark.parametrize("kid", ["rsa-1", None])
async def test_a_replaced_key_ends_the_lines_of_the_former_one(kid: str | None) -> None:
    """The new one may have its kid, and JWTs need none if there is one key."""
    desk, text = Desk(), sign(claims(), kid=kid)
    anna = await desk.caller(text)
    assert await desk.source.current([anna]) == [anna]
    other = rsa("rsa-1 replaced").as_dict(private=True)
    desk.keys.rotate(RSAKey.import_key({**other, "kid": "rsa-1"}))
    assert await desk.source.current([anna]) == [None]
    assert await desk.source.check(text) is None


async def test_a_subject_is_text() -> None:
    """Half of a surrogate pair can't be stored, and a name has nothing hidden."""
    desk = Desk()
    assert await desk.source.check(sign(claims(sub="\ud800"))) is None
    hidden = await desk.caller(sign(claims(sub="a\n\u202eb", name="\u202e")))
    assert (hidden.id, hidden.name) == (f"{ISSUER} a\n\u202eb", "ab")
    assert (await desk.caller(sign(claims(sub="\0", name=1)))).name == NAMELESS


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (sign(claims(iss="https://evil.test")), "wrong issuer"),
        (sign(claims(aud="other")), "wrong audience"),
        (sign(claims(exp=NOW_S - 60)), "expired"),
        (sign(claims(iat=10**400)), "malformed claim"),
        (sign(claims(), rsa("evil")), "unknown key"),
        (sign(claims(stoppress={"scopes": "admin"})), "malformed claim"),
        (sign(claims(), jku="https://evil.test/"), "forbidden header"),
    ],
)
async def test_the_reason_is_logged_and_not_told(
    text: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor is the JWT itself logged."""
    caplog.set_level(logging.INFO)
    assert await Desk().source.check(text) is None
    (record,) = caplog.records
    assert getattr(record, "reason", None) == reason
    assert text.split(".")[1] not in record.getMessage()


async def test_without_keys_nothing_can_be_said() -> None:
    """The request may be repeated."""
    desk = Desk()
    desk.keys.missing = True
    with pytest.raises(Unavailable, match="identity provider"):
        await desk.source.check(sign(claims()))


async def test_other_credentials_are_not_recognised() -> None:
    """By their form alone."""
    source = Desk().source
    assert source.recognises(sign(claims()))
    assert not source.recognises("sp_abc") and not source.recognises("")
