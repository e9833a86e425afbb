"""The meaning of a JWT's claims: for whom and when it is valid, and what it allows.

Rules:
- `iss` and `aud` are compared exactly; `exp` is required, `nbf` and `iat` count if
  present. Clocks may differ by LEEWAY_S; an open live line ends at `exp`.
- The claim `stoppress` is `{"scopes": […], "feeds": […]}`. Without it a person may do
  nothing; without `feeds` the scopes hold on all feeds. Unknown scopes are ignored.
- A claim of the wrong type makes the whole JWT invalid.
- A person's id is issuer and subject: both stay when the name or address changes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stoppress.desk.caller import Scope, check_feed_pattern, scopes_of
from stoppress.domain.errors import Invalid
from stoppress.identity.jwt_errors import RefusedJwt

LEEWAY_S = 10
"""How far the clocks of provider and server may differ."""
CLAIM = "stoppress"
MAX_CLAIM_FEEDS = 100
MAX_SUBJECT = 255
"""Characters of a subject (OpenID Connect Core, section 2)."""
MAX_PERSON_NAME = 100
NAMELESS = "unnamed"
"""The name of a person whose claims contain nothing that can be shown."""


class Rights(NamedTuple):
    """Scopes and the feeds they hold on; `feeds` None: all feeds."""

    scopes: tuple[Scope, ...]
    feeds: tuple[str, ...] | None = None


NO_RIGHTS = Rights(())


class JwtPerson(NamedTuple):
    """The person that a JWT identifies, and until when."""

    id: str
    """Issuer and subject."""
    name: str
    rights: Rights
    expires_at: int
    """Milliseconds since 1970."""


def check_claims(
    claims: dict[str, Any], *, issuer: str, audience: str, now_s: float
) -> int:
    """Check for whom and when a JWT is valid; returns its expiry, in ms.

    Raises RefusedJwt.
    """
    if claims.get("iss") != issuer:
        raise RefusedJwt("wrong issuer", repr(claims.get("iss"))[:200])
    aud = claims.get("aud")
    audiences = aud if isinstance(aud, list) else [aud]
    if audience not in audiences or not all(isinstance(one, str) for one in audiences):
        raise RefusedJwt("wrong audience", repr(aud)[:200])
    ends = _moment(claims, "exp")
    if ends is None:
        raise RefusedJwt("no exp")
    if now_s >= ends + LEEWAY_S:
        raise RefusedJwt("expired")
    for name in ("nbf", "iat"):
        begins = _moment(claims, name)
        if begins is not None and begins > now_s + LEEWAY_S:
            raise RefusedJwt("not valid yet", name)
    return int(ends * 1000)


def person_of(claims: dict[str, Any], expires_at: int, rights: Rights) -> JwtPerson:
    """The person in checked claims. Raises RefusedJwt."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT:
        raise RefusedJwt("no subject")
    return JwtPerson(
        f"{claims['iss']} {subject}", _name(claims, subject), rights, expires_at
    )


def rights_of_claim(claims: dict[str, Any]) -> Rights | None:
    """The rights in the claim `stoppress`; None without it. Raises RefusedJwt."""
    claim = claims.get(CLAIM)
    if claim is None:
        return None
    if not isinstance(claim, dict):
        raise RefusedJwt("malformed claim", CLAIM)
    feeds = claim.get("feeds")
    if feeds is not None:
        feeds = tuple(_words(feeds, "feeds"))
        if len(feeds) > MAX_CLAIM_FEEDS:
            raise RefusedJwt("malformed claim", f"more than {MAX_CLAIM_FEEDS} feeds")
        try:
            for pattern in feeds:
                check_feed_pattern(pattern, "feeds")
        except Invalid as error:
            raise RefusedJwt("malformed claim", str(error)) from None
    return Rights(_scopes(_words(claim.get("scopes"), "scopes")), feeds)


def rights_of_groups(
    claims: dict[str, Any], claim: str, scopes: dict[str, str]
) -> Rights:
    """The rights of the groups in `claim`, on all feeds. Raises RefusedJwt.

    `claim` is a claim's name, or a path such as `realm_access.roles`.
    """
    found: Any = claims.get(claim)
    if found is None:
        found = claims
        for step in claim.split("."):
            found = found.get(step) if isinstance(found, dict) else None
    if found is None:
        return NO_RIGHTS
    groups = [found] if isinstance(found, str) else _words(found, claim)
    return Rights(_scopes([scopes[group] for group in groups if group in scopes]))


def _scopes(names: list[str]) -> tuple[Scope, ...]:
    # `write` is an alias in stored tokens only.
    return scopes_of(name for name in names if name != "write")


def _words(value: object, name: str) -> list[str]:
    if not isinstance(value, list):
        raise RefusedJwt("malformed claim", name)
    if not all(isinstance(one, str) for one in value):
        raise RefusedJwt("malformed claim", name)
    return value


def _moment(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    # In Python True is an int; in JSON it is no time.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RefusedJwt("malformed claim", name)
    # Of a float too, NaN included; one of the largest integers is no float.
    if not 0 <= value < 1 << 40:
        raise RefusedJwt("malformed claim", name)
    return float(value)


def _name(claims: dict[str, Any], subject: str) -> str:
    given = (claims.get(claim) for claim in ("name", "preferred_username", "email"))
    for value in (*given, subject):
        if isinstance(value, str):
            shown = "".join(char for char in value if char.isprintable())
            if name := shown[:MAX_PERSON_NAME].strip():
                return name
    return NAMELESS
