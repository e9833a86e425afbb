"""What the claims of a JWT say: for whom, when, and what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from stoppress.identity.jwt_claims_and_rights import (
    LEEWAY_S,
    MAX_CLAIM_FEEDS,
    Rights,
    check_claims,
    person_of,
    rights_of_claim,
    rights_of_groups,
)
from stoppress.identity.jwt_errors import RefusedJwt
from tests.signed_jwts import AUDIENCE, ISSUER, NOW_S, claims

ROLES = {"contributor": "draft", "editor": "publish", "/chief": "manage"}


def check(given: dict[str, Any], now_s: float = NOW_S) -> int:
    """When they end, in ms."""
    return check_claims(given, issuer=ISSUER, audience=AUDIENCE, now_s=now_s)


def test_good_claims() -> None:
    """They end where `exp` says; until then, and a little longer, they count."""
    assert check(claims()) == (int(NOW_S) + 300) * 1000
    assert check(claims(aud=["other", AUDIENCE]))
    assert check(claims(nbf=NOW_S + LEEWAY_S - 1, iat=NOW_S + LEEWAY_S - 1))
    assert check(claims(exp=NOW_S - LEEWAY_S + 0.5))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"iss": None}, "wrong issuer"),
        ({"iss": ISSUER + "/"}, "wrong issuer"),
        ({"iss": ISSUER.upper()}, "wrong issuer"),
        ({"iss": [ISSUER]}, "wrong issuer"),
        ({"aud": None}, "wrong audience"),
        ({"aud": "https://other.example"}, "wrong audience"),
        ({"aud": AUDIENCE + "/x"}, "wrong audience"),
        ({"aud": []}, "wrong audience"),
        ({"aud": [AUDIENCE, 7]}, "wrong audience"),
        ({"aud": {AUDIENCE: True}}, "wrong audience"),
        ({"exp": None}, "no exp"),
        ({"exp": NOW_S - LEEWAY_S}, "expired"),
        ({"exp": 0}, "expired"),
        ({"exp": str(NOW_S + 300)}, "malformed"),
        ({"exp": True}, "malformed"),
        ({"exp": 1e300}, "malformed"),
        ({"exp": 10**400}, "malformed"),
        ({"exp": -(10**400)}, "malformed"),
        ({"exp": float("inf")}, "malformed"),
        ({"exp": float("nan")}, "malformed"),
        ({"exp": 1 << 40}, "malformed"),
        ({"nbf": 10**400}, "malformed"),
        ({"iat": 10**400}, "malformed"),
        ({"exp": -1}, "malformed"),
        ({"nbf": NOW_S + LEEWAY_S + 1}, "not valid yet"),
        ({"iat": NOW_S + LEEWAY_S + 1}, "not valid yet"),
        ({"nbf": "now"}, "malformed"),
    ],
)
def test_claims_for_others_or_for_another_time(
    given: dict[str, Any], reason: str
) -> None:
    """Compared exactly."""
    with pytest.raises(RefusedJwt, match=reason):
        check(claims(**given))


def test_a_person_is_issuer_and_subject() -> None:
    """The name is for people alone."""
    anna = person_of(claims(), 5, Rights(("read",)))
    assert anna.id == f"{ISSUER} anna"
    assert (anna.name, anna.expires_at) == ("Anna Ek", 5)
    nameless = person_of(claims(name=None, email="a@x.example"), 5, Rights(()))
    assert nameless.name == "a@x.example"
    odd = person_of(claims(name="A\u202en\nna" + "x" * 500), 5, Rights(()))
    assert odd.name.startswith("Annax") and len(odd.name) == 100
    assert person_of(claims(name=7), 5, Rights(())).name == "anna"
    for sub in (None, "", 7, "x" * 256):
        with pytest.raises(RefusedJwt, match="no subject"):
            person_of(claims(sub=sub), 5, Rights(()))


def test_the_claim_of_rights() -> None:
    """Without feeds on all; unknown scopes are of a later release."""
    assert rights_of_claim(claims()) == Rights(("publish",), ("election-*",))
    assert rights_of_claim(claims(stoppress=None)) is None
    everywhere = {"scopes": ["read", "later", "admin", "write"]}
    assert rights_of_claim(claims(stoppress=everywhere)) == Rights(("read", "admin"))
    nowhere = {"scopes": ["admin"], "feeds": []}
    assert rights_of_claim(claims(stoppress=nowhere)) == Rights(("admin",), ())


@pytest.mark.parametrize(
    "claim",
    [
        "admin",
        ["admin"],
        {},
        {"scopes": "admin"},
        {"scopes": [1]},
        {"scopes": ["read"], "feeds": "x"},
        {"scopes": ["read"], "feeds": [1]},
        {"scopes": ["read"], "feeds": ["A b"]},
        {"scopes": ["read"], "feeds": ["*-*"]},
        {"scopes": ["read"], "feeds": ["x"] * (MAX_CLAIM_FEEDS + 1)},
    ],
)
def test_a_malformed_claim_of_rights_refuses_all(claim: object) -> None:
    """Rather than that a typo gives more, or less, than was meant."""
    with pytest.raises(RefusedJwt, match="malformed claim"):
        rights_of_claim(claims(stoppress=claim))


def test_groups_give_scopes() -> None:
    """By name, by a path, or by a name that looks like one."""
    given = claims(
        groups=["editor", "unknown", "/chief"],
        realm_access={"roles": ["contributor"]},
        one="editor",
        **{"https://news.example/roles": ["editor"]},
    )
    rights = [
        rights_of_groups(given, claim, ROLES).scopes
        for claim in (
            *("groups", "realm_access.roles", "one", "https://news.example/roles"),
            *("absent", "groups.x", ""),
        )
    ]
    assert rights == [
        ("publish", "manage"),
        ("draft",),
        ("publish",),
        ("publish",),
        *((), (), ()),
    ]
    for groups in ({"editor": True}, [7], 7):
        with pytest.raises(RefusedJwt):
            rights_of_groups(claims(groups=groups), "groups", ROLES)
