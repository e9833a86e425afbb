"""A JWT and a session allow on every route what a token with the same scopes allows.

Each call of the API × scopes × feeds × visibilities, sent with a token, a JWT and a
session; and those that have ended, which are an unknown token, or nobody's cookie. What
a token allows is in the matrix of tokens.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from stoppress.desk.caller import SCOPES
from stoppress.web.api.openapi_call import ApiCall
from stoppress.web.api.openapi_operations import CALLS
from stoppress.web.api.route_table import RESOURCES
from tests.signed_jwts import AUDIENCE, ISSUER, SECRET, claims, hmac_with, sign
from tests.unit.web.desk_harness import DeskHarness, open_harness

pytestmark = pytest.mark.asyncio

OURS = {"sec-fetch-site": "same-origin"}
ASKED = [call for call in CALLS if call.path in RESOURCES]
FEEDS = (None, ["qu*"], ["other"])
VISIBILITIES = ("public", "unlisted", "private")


@dataclass(frozen=True)
class Sent:
    """One caller in three ways: the headers of each."""

    token: dict[str, str]
    jwt: dict[str, str]
    session: dict[str, str]


def jwt(scopes: list[str], feeds: list[str] | None, **more: object) -> str:
    """A JWT that is valid now, but for what `more` says."""
    now = int(time.time())
    rights = {"scopes": scopes} | ({} if feeds is None else {"feeds": feeds})
    given = {"iat": now, "exp": now + 300, "stoppress": rights, **more}
    return sign(claims(**given), hmac_with(SECRET), "HS256")


async def sent(harness: DeskHarness, scope: str, feeds: list[str] | None) -> Sent:
    """A caller with a scope on some feeds."""
    bearer = await harness.token(scope, feeds=feeds)
    return Sent(
        {"authorization": bearer},
        {"authorization": f"Bearer {jwt([scope], feeds)}"},
        {"cookie": await harness.session(bearer.removeprefix("Bearer ")), **OURS},
    )


async def ask(
    harness: DeskHarness, call: ApiCall, headers: dict[str, str]
) -> httpx.Response:
    """Send a call that changes nothing: its body or its If-Match is wrong."""
    path = call.path.format(
        feed="quay",
        post="0",
        draft="0",
        webhook="none",
        letter="none",
        comment="none",
        client="c",
        subject="0",
        token="none",
        template="none",
        external_id="none",
    )
    body = {} if call.method in ("GET", "DELETE") else {"json": {"unknown": 1}}
    async with harness.reader(**headers, **{"if-match": '"99"'}) as client:
        return await client.request(call.method, path, **body)  # type: ignore[arg-type]  # of httpx


def shown(answer: httpx.Response) -> tuple[int, object]:
    """What a refusal says; of what is allowed only the status."""
    problem = answer.headers.get("content-type", "").startswith("application/problem")
    return answer.status_code, answer.json() if problem else None


@pytest_asyncio.fixture
async def harness(tmp_path: Path) -> AsyncIterator[DeskHarness]:
    """An API that takes JWTs."""
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    async with open_harness(
        jwt_secret_file=str(secret), jwt_issuer=ISSUER, jwt_audience=AUDIENCE
    ) as harness:
        yield harness


@pytest.mark.parametrize("visibility", VISIBILITIES)
async def test_token_jwt_and_session_get_the_same_answers(
    harness: DeskHarness, visibility: str
) -> None:
    """Every cell has one answer."""
    await harness.feed("quay", visibility=visibility)
    cells, allowed = 0, 0
    for scope, feeds in product(SCOPES, FEEDS):
        caller = await sent(harness, scope, feeds)
        for call in ASKED:
            by_token = shown(await ask(harness, call, caller.token))
            for headers in (caller.jwt, caller.session):
                there = shown(await ask(harness, call, headers))
                assert there == by_token, (call.name, scope, feeds)
                cells += 1
            allowed += by_token[0] not in (401, 403, 404)
    assert cells == len(SCOPES) * len(FEEDS) * len(ASKED) * 2
    assert 0 < allowed < cells / 2


@pytest.mark.parametrize("visibility", VISIBILITIES)
async def test_an_ended_credential_has_no_rights(
    harness: DeskHarness, visibility: str
) -> None:
    """Of JWTs: as an unknown token; of cookies: as without one."""
    await harness.feed("quay", visibility=visibility)
    now = int(time.time())
    jwts = {
        "expired": jwt(["admin"], None, exp=now - 60),
        "foreign issuer": jwt(["admin"], None, iss="https://evil.test"),
        "foreign audience": jwt(["admin"], None, aud="https://other.example"),
        "not yet": jwt(["admin"], None, nbf=now + 600),
        "malformed": jwt(["admin"], None, stoppress={"scopes": "admin"}),
    }
    bearer = await harness.token("admin")
    revoked = await harness.session(bearer.removeprefix("Bearer "))
    (token,) = await harness.services.tokens.all()
    await harness.client.delete(f"/v1/tokens/{token.id}")
    signed_out = await harness.session()
    await harness.services.identity.sessions.sign_out(signed_out.partition("=")[2])
    name = harness.services.settings.desk_cookie
    cookies = {
        "revoked": revoked,
        "signed out": signed_out,
        "unknown": f"{name}=sps_unknown",
        "a token": f"{name}={bearer.removeprefix('Bearer ')}",
        "a JWT": f"{name}={jwt(['admin'], None)}",
        "another name": (await harness.session()).replace(name, "stoppress_desk"),
    }
    for call in ASKED:
        unknown = {"authorization": "Bearer sp_unknown"}
        as_unknown = shown(await ask(harness, call, unknown))
        as_nobody = shown(await ask(harness, call, {}))
        assert as_unknown[0] == 401 or call.path in OPEN, call.name
        for kind, text in jwts.items():
            there = await ask(harness, call, {"authorization": f"Bearer {text}"})
            assert shown(there) == as_unknown, (call.name, kind)
        for kind, cookie in cookies.items():
            there = await ask(harness, call, {"cookie": cookie, **OURS})
            assert shown(there) == as_nobody, (call.name, kind)


@pytest.mark.parametrize("visibility", VISIBILITIES)
async def test_a_session_from_another_site_is_nobody_s(
    harness: DeskHarness, visibility: str
) -> None:
    """Reads are answered as without it, writes are refused."""
    await harness.feed("quay", visibility=visibility)
    cookie = {"cookie": await harness.session()}
    for call in ASKED:
        as_nobody = shown(await ask(harness, call, {}))
        for site in ({"sec-fetch-site": "same-site"}, {"origin": "https://x.example"}):
            there = shown(await ask(harness, call, cookie | site))
            if call.method == "GET":
                assert there == as_nobody, call.name
            else:
                assert there[0] == 403, call.name


OPEN = ("/healthz", "/readyz", "/metrics", "/openapi.json")
"""Addresses that ask nobody who they are."""
