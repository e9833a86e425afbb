"""Sign-ins at a provider, and every way to turn one against its browser.

The provider here answers what it is told to, also what none should; the one that others
wrote is in `tests/foreign/test_oidc.py`.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc.jwk import Key

from stoppress.identity.oidc_sign_in import (
    MAX_EXCHANGES,
    NoRole,
    OidcSignIn,
    RefusedSignIn,
)
from stoppress.identity.pending_sign_in import PENDING_S, PendingSignIn
from stoppress.identity.provider_http import ProviderAway, ProviderHttp
from tests.memory_sessions import MemorySessionStore
from tests.signed_jwts import ISSUER, NOW_S, hmac_with, p256, public, rsa, sign
from tests.waiting import until

pytestmark = pytest.mark.asyncio

CLIENT = "stop-press"
BACK = "https://live.example.org/desk/sign-in/return"
ROLES = {"editor": "publish"}


class Provider(ProviderHttp):
    """A provider that can be made to lie."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW_S
        self.metadata: dict[str, Any] = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/auth?realm=news",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
            "authorization_response_iss_parameter_supported": True,
        }
        self.claims: dict[str, Any] = {}
        self.key: Key = rsa()
        self.algorithm = "RS256"
        self.header: dict[str, Any] = {}
        self.answer: tuple[int, dict[str, Any]] | None = None
        self.forms: list[Mapping[str, str]] = []
        self.headers: list[Mapping[str, str]] = []
        self.nonce = ""
        self.hold: asyncio.Event | None = None
        self.store = MemorySessionStore(lambda: self.now)

    async def get(self, url: str) -> dict[str, Any]:
        if url.endswith("/.well-known/openid-configuration"):
            return self.metadata
        assert url == f"{ISSUER}/keys"
        return public(rsa(), p256())

    async def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[int, dict[str, Any]]:
        assert url == f"{ISSUER}/token"
        self.forms.append(form)
        self.headers.append(headers)
        if self.hold is not None:
            await self.hold.wait()
        if self.answer is not None:
            return self.answer
        given = {
            "iss": ISSUER,
            "aud": CLIENT,
            "sub": "anna",
            "exp": int(self.now) + 60,
            "iat": int(self.now),
            "nonce": self.nonce,
            "groups": ["editor"],
            **self.claims,
        }
        claims = {name: value for name, value in given.items() if value is not None}
        token = sign(claims, self.key, self.algorithm, **self.header)
        return 200, {"id_token": token, "access_token": "x", "token_type": "Bearer"}

    @asynccontextmanager
    async def site(self, secret: str = "s3cr3t") -> AsyncIterator[OidcSignIn]:
        """Our side, once it knows the provider."""
        ours = OidcSignIn(
            self,
            self.store,
            issuer=ISSUER,
            client_id=CLIENT,
            client_secret=secret,
            scopes="openid profile",
            groups_claim="groups",
            group_scopes=ROLES,
            clock=lambda: self.now,
        )
        task = asyncio.create_task(ours.run())
        await until(lambda: ours.keys.has(rsa().thumbprint()))
        try:
            yield ours
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def begin(self, ours: OidcSignIn, feed: str = "") -> PendingSignIn:
        """A browser goes to the provider."""
        _, pending = ours.begin(BACK, feed)
        self.nonce = pending.nonce
        return pending


def back(pending: PendingSignIn, **more: str | None) -> list[tuple[str, str]]:
    """The parameters of an answer, some replaced; None leaves one out."""
    given = {"code": "c0de", "state": pending.state, "iss": ISSUER, **more}
    return [(name, value) for name, value in given.items() if value is not None]


async def test_a_browser_is_sent_with_all_that_binds_the_answer() -> None:
    """State, nonce and S256; the endpoint's own query stays."""
    provider = Provider()
    async with provider.site() as ours:
        address, pending = ours.begin(BACK, "quay")
    parts = urlsplit(address)
    asked = dict(parse_qsl(parts.query))
    assert address.startswith(f"{ISSUER}/auth?realm=news&")
    assert asked == {
        "realm": "news",
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": BACK,
        "scope": "openid profile",
        "state": pending.state,
        "nonce": pending.nonce,
        "code_challenge": pending.challenge(),
        "code_challenge_method": "S256",
    }
    assert pending.verifier not in address and pending.feed == "quay"


async def test_a_finished_sign_in_returns_the_caller() -> None:
    """By group, or by our own claim, which wins."""
    provider = Provider()
    async with provider.site() as ours:
        pending = provider.begin(ours)
        anna = await ours.finish(pending, back(pending), BACK)
        assert (anna.id, anna.kind) == (f"{ISSUER} anna", "jwt")
        assert (anna.scopes, anna.feeds) == (("publish",), None)
        assert provider.forms[0]["code_verifier"] == pending.verifier
        assert provider.forms[0]["redirect_uri"] == BACK
        assert "client_secret" not in provider.forms[0]
        pair = base64.b64decode(provider.headers[0]["authorization"].split()[1])
        assert pair == b"stop-press:s3cr3t"
        provider.claims = {"stoppress": {"scopes": ["manage"], "feeds": ["x"]}}
        pending = provider.begin(ours)
        chief = await ours.finish(pending, back(pending), BACK)
        assert (chief.scopes, chief.feeds) == (("manage",), ("x",))


async def test_clients_without_a_secret_or_with_one_in_the_form() -> None:
    """As the provider wants it."""
    provider = Provider()
    async with provider.site(secret="") as ours:
        pending = provider.begin(ours)
        await ours.finish(pending, back(pending), BACK)
    assert provider.forms[0]["client_id"] == CLIENT and provider.headers[0] == {}
    provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    async with provider.site() as ours:
        pending = provider.begin(ours)
        await ours.finish(pending, back(pending), BACK)
    assert provider.forms[1]["client_secret"] == "s3cr3t" and not provider.headers[1]


ANSWERS: dict[str, tuple[dict[str, str | None], str]] = {
    "no state": ({"state": None}, "wrong state"),
    "another's state": ({"state": "x" * 43}, "wrong state"),
    "a state beyond ASCII": ({"state": "é"}, "wrong state"),
    "no issuer": ({"iss": None}, "mix-up"),
    "another issuer": ({"iss": "https://evil.test"}, "mix-up"),
    "an issuer with a slash": ({"iss": f"{ISSUER}/"}, "mix-up"),
    "an error": ({"error": "access_denied", "code": None}, "refused there"),
    "an error and a code": ({"error": "access_denied"}, "refused there"),
    "no code": ({"code": None}, "no code"),
    "an empty code": ({"code": ""}, "no code"),
    "a huge code": ({"code": "x" * 5000}, "no code"),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_of_another_sign_in_is_refused(name: str) -> None:
    """Before its code is used."""
    more, reason = ANSWERS[name]
    provider = Provider()
    async with provider.site() as ours:
        pending = provider.begin(ours)
        with pytest.raises(RefusedSignIn, match=reason):
            await ours.finish(pending, back(pending, **more), BACK)
    assert provider.forms == []


async def test_an_answer_counts_in_the_browser_that_began() -> None:
    """With one value for each parameter."""
    provider = Provider()
    async with provider.site() as ours:
        pending, other = provider.begin(ours), provider.begin(ours)
        for held, answer, reason in (
            (None, back(pending), "no sign-in"),
            (other, back(pending), "wrong state"),
            (pending, [*back(pending), ("code", "2")], "twice"),
            (pending, [("state", "x"), *back(pending)], "twice"),
        ):
            with pytest.raises(RefusedSignIn, match=reason):
                await ours.finish(held, answer, BACK)
    assert provider.forms == []


LIES: dict[str, dict[str, Any]] = {
    "no nonce": {"claims": {"nonce": None}},
    "another's nonce": {"claims": {"nonce": "x" * 43}},
    "a nonce of another type": {"claims": {"nonce": ["x"]}},
    "another issuer": {"claims": {"iss": "https://evil.test"}},
    "another client": {"claims": {"aud": "other"}},
    "several clients without azp": {"claims": {"aud": [CLIENT, "other"]}},
    "another azp": {"claims": {"aud": [CLIENT, "other"], "azp": "other"}},
    "another azp of one": {"claims": {"azp": "other"}},
    "expired": {"claims": {"exp": int(NOW_S) - 60}},
    "of the future": {"claims": {"iat": int(NOW_S) + 600}},
    "a time that is no float": {"claims": {"exp": 10**400}},
    "nobody": {"claims": {"sub": ""}},
    "malformed rights": {"claims": {"stoppress": "admin"}},
    "another's key": {"key": rsa("evil"), "header": {"kid": "rsa-1"}},
    "an unknown key": {"key": rsa("evil")},
    "HS256 with the client's secret": {
        "key": hmac_with(b"s3cr3t" * 8),
        "algorithm": "HS256",
    },
    "brings a key": {"key": rsa("evil"), "header": {"jku": "https://evil.test/"}},
    "refused code": {"answer": (400, {"error": "invalid_grant"})},
    "no ID token": {"answer": (200, {"access_token": "x"})},
    "an ID token of another type": {"answer": (200, {"id_token": {"sub": "anna"}})},
    "an unsigned one": {"answer": (200, {"id_token": "eyJhbGciOiJub25lIn0.e30."})},
}


@pytest.mark.parametrize("name", LIES)
async def test_an_id_token_of_another_sign_in_is_refused(name: str) -> None:
    """Though it came from the token endpoint itself."""
    provider = Provider()
    async with provider.site() as ours:
        pending = provider.begin(ours)
        for attribute, value in LIES[name].items():
            setattr(provider, attribute, value)
        with pytest.raises(RefusedSignIn):
            await ours.finish(pending, back(pending), BACK)
    assert provider.store.once == {}


async def test_a_code_and_its_state_count_once() -> None:
    """Where the provider takes a code twice, too."""
    provider = Provider()
    async with provider.site() as ours:
        pending = provider.begin(ours)
        first = ours.finish(pending, back(pending), BACK)
        second = ours.finish(pending, back(pending), BACK)
        found = await asyncio.gather(first, second, return_exceptions=True)
        assert sorted(type(one).__name__ for one in found) == [
            *("Caller", "RefusedSignIn"),
        ]
        with pytest.raises(RefusedSignIn, match="replayed"):
            await ours.finish(pending, back(pending), BACK)
    provider.now += PENDING_S
    assert all(ends <= provider.now for ends in provider.store.once.values())


async def test_a_person_without_a_role_is_told_so() -> None:
    """By name: who they are is proven."""
    provider = Provider()
    provider.claims = {"groups": ["reader"], "name": "Anna Ek"}
    async with provider.site() as ours:
        pending = provider.begin(ours)
        with pytest.raises(NoRole) as caught:
            await ours.finish(pending, back(pending), BACK)
    assert caught.value.name == "Anna Ek"


async def test_a_provider_that_is_away() -> None:
    """Is no fault of the editor's: the same answer may come again."""
    provider = Provider()
    ours = OidcSignIn(
        provider,
        provider.store,
        issuer=ISSUER,
        client_id=CLIENT,
        client_secret="",
        scopes="openid",
        groups_claim="",
        group_scopes={},
    )
    with pytest.raises(ProviderAway):
        ours.begin(BACK, "")
    async with provider.site() as ours:
        pending = provider.begin(ours)
        provider.answer = (503, {})
        with pytest.raises(ProviderAway):
            await ours.finish(pending, back(pending), BACK)
        provider.answer = None
        assert await ours.finish(pending, back(pending), BACK)


async def test_the_number_of_concurrent_exchanges_is_bounded() -> None:
    """A provider that hangs holds no more of us."""
    provider = Provider()
    provider.hold = asyncio.Event()
    async with provider.site() as ours:
        pending = provider.begin(ours)
        held = [
            asyncio.create_task(ours.finish(pending, back(pending), BACK))
            for _ in range(MAX_EXCHANGES)
        ]
        await until(lambda: len(provider.forms) == MAX_EXCHANGES)
        with pytest.raises(ProviderAway, match="exchanged already"):
            await ours.finish(pending, back(pending), BACK)
        provider.hold.set()
        done = await asyncio.gather(*held, return_exceptions=True)
    assert len([one for one in done if not isinstance(one, Exception)]) == 1
