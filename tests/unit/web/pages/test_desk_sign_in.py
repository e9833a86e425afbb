"""Signing in at the desk and out of it, and what the cookie is worth."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from stoppress.web.pages import desk_console
from tests.unit.web.desk_harness import ADMIN, BASE, open_office
from tests.unit.web.pages.desk_door import COOKIE, FETCHED, HERE, Door, open_door

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    """The desk and a browser."""
    async with open_door() as door:
        yield door


async def test_signing_in_sets_a_guarded_cookie(door: Door) -> None:
    """A known token lets in, back to the feed that was wanted."""
    answer = await door.sign_in(feed="quay")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/desk?feed=quay"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=sps_") and ADMIN not in cookie
    for part in ("HttpOnly", "Path=/", "SameSite=strict", "Secure"):
        assert part in cookie
    assert "max-age" not in cookie.lower(), "it ends with the browser"
    page = await door.browser.get("/desk")
    assert 'id="write"' in page.text
    assert ADMIN not in page.text


async def test_plain_http_gets_a_cookie_that_plain_http_can_send() -> None:
    """On a laptop without TLS the cookie is not Secure, or it would be lost."""
    async with open_office() as office:
        plain = replace(office.services.settings, public_url="")
        services = replace(office.services, settings=plain)
        app = Starlette(routes=desk_console.routes(services))
        base = "http://127.0.0.1:8000"
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=base
        ) as browser:
            answer = await browser.post(
                "/desk/sign-in", data={"token": ADMIN}, headers={"origin": base}
            )
        assert answer.status_code == 303
        assert "Secure" not in answer.headers["set-cookie"]


@pytest.mark.parametrize("secret", ["", "sp_nobody", "x" * 3000, "a\u0000b"])
async def test_an_unknown_token_is_told_so(door: Door, secret: str) -> None:
    """A wrong token is answered by the form, saying so, and no cookie."""
    answer = await door.sign_in(secret)
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert "set-cookie" not in answer.headers


async def test_a_form_that_is_too_long_is_refused(door: Door) -> None:
    """The sign-in form is bounded."""
    assert (await door.sign_in("x" * 20_000)).status_code == 413


async def test_a_token_that_only_reads_is_told_so(door: Door) -> None:
    """A reader's token is no editor's."""
    answer = await door.sign_in(await door.secret("read"))
    assert answer.status_code == 403
    assert "not write" in answer.text


@pytest.mark.parametrize("path", ["/desk/sign-in", "/desk/sign-out"])
@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "https://elsewhere.example"}, {"sec-fetch-site": "cross-site"}],
)
async def test_other_sites_can_not_sign_in_or_out(
    door: Door, path: str, headers: dict[str, str]
) -> None:
    """A form on another site changes nobody's cookie."""
    answer = await door.browser.post(path, data={"token": ADMIN}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_signing_out_ends_it(door: Door) -> None:
    """After signing out the door is shown, and nothing can be written."""
    await door.office.feed()
    await door.sign_in()
    answer = await door.browser.post("/desk/sign-out", headers=HERE)
    assert answer.status_code == 303
    assert COOKIE not in door.browser.cookies
    assert 'action="/desk/sign-in"' in (await door.browser.get("/desk")).text
    post = {"body": "Hi"}
    written = await door.browser.post(
        "/v1/feeds/quay/posts", json=post, headers=FETCHED
    )
    assert written.status_code == 401


async def test_the_token_is_never_in_the_cookie(door: Door) -> None:
    """A new session with each sign-in; the one before has ended."""
    await door.sign_in()
    first = door.browser.cookies[COOKIE]
    await door.sign_in()
    second = door.browser.cookies[COOKIE]
    assert first != second and first.startswith("sps_") and ADMIN not in first
    for secret, status in ((first, 401), (second, 200)):
        other = door.other(BASE)
        cookie = {"cookie": f"{COOKIE}={secret}"}
        answer = await other.get("/desk/feeds", headers=cookie)
        assert answer.status_code == status


async def test_a_cookie_kept_after_signing_out_is_worth_nothing(door: Door) -> None:
    """Deleted in the browser, and ended in the store."""
    await door.sign_in()
    kept = {"cookie": f"{COOKIE}={door.browser.cookies[COOKIE]}"}
    await door.browser.post("/desk/sign-out", headers=HERE)
    assert (await door.other(BASE).get("/desk/feeds", headers=kept)).status_code == 401
    assert door.office.sessions.kept == {}


@pytest.mark.parametrize("bearer", [True, False])
async def test_a_session_counts_in_its_cookie_alone(door: Door, bearer: bool) -> None:
    """Not as a bearer token, which needs no origin; nor a token in the cookie."""
    await door.sign_in()
    session = door.browser.cookies[COOKIE]
    sent = (
        {"authorization": f"Bearer {session}"}
        if bearer
        else {"cookie": f"{COOKIE}={ADMIN}"}
    )
    assert (await door.other(BASE).get("/desk/feeds", headers=sent)).status_code == 401
    assert (await door.sign_in(session)).status_code == 401


async def test_a_revoked_token_ends_its_sessions(door: Door) -> None:
    """With the next request."""
    secret = await door.secret("publish")
    await door.sign_in(secret)
    assert (await door.browser.get("/desk/feeds")).status_code == 200
    (token,) = await door.office.services.tokens.all()
    await door.office.client.delete(f"/v1/tokens/{token.id}")
    assert (await door.browser.get("/desk/feeds")).status_code == 401
    assert 'action="/desk/sign-in"' in (await door.browser.get("/desk")).text


async def test_sessions_are_listed_and_ended_one_by_one(door: Door) -> None:
    """Those of the same person, in other browsers too."""
    await door.office.feed()
    browsers = [door.other(BASE) for _ in range(3)]
    for number, browser in enumerate(browsers):
        headers = HERE | {"user-agent": f"<b>Browser {number}</b>"}
        await browser.post("/desk/sign-in", data={"token": ADMIN}, headers=headers)
    listed = await browsers[0].get("/desk/sessions")
    assert listed.status_code == 200 and "&lt;b&gt;Browser 1" in listed.text
    assert listed.text.count("(this one)") == 1
    sessions = await door.office.services.identity.sessions.of("admin")
    third = next(one for one in sessions if "Browser 2" in one.browser)
    answer = await browsers[0].post(
        "/desk/sign-out", data={"session": third.id}, headers=HERE
    )
    assert answer.headers["location"] == "/desk/sessions"
    states = [(await one.get("/desk/feeds")).status_code for one in browsers]
    assert states == [200, 200, 401]
    await browsers[0].post("/desk/sign-out", data={"everywhere": "1"}, headers=HERE)
    states = [(await one.get("/desk/feeds")).status_code for one in browsers]
    assert states == [401, 401, 401]
    stranger = (await door.other(BASE).get("/desk/sessions")).text
    assert 'action="/desk/sign-in"' in stranger


async def test_nobody_ends_another_s_session(door: Door) -> None:
    """By its id, which is no secret."""
    await door.sign_in()
    (mine,) = await door.office.services.identity.sessions.of("admin")
    other = door.other(BASE)
    secret = await door.secret("publish")
    await other.post("/desk/sign-in", data={"token": secret}, headers=HERE)
    await other.post("/desk/sign-out", data={"session": mine.id}, headers=HERE)
    assert (await door.browser.get("/desk/feeds")).status_code == 200


async def test_the_first_sign_in_is_an_address(door: Door) -> None:
    """It makes an administrator once; only a look at it does not use it up."""
    first = door.office.services.identity.first_sign_in
    # The office's admin token is known to its tokens alone.
    code = await first.make()
    assert code is not None
    path = f"/desk/first?code={code}"
    assert (await door.browser.head(path)).status_code == 401
    prefetch = await door.browser.get(path, headers={"sec-purpose": "prefetch"})
    assert prefetch.status_code == 401 and not door.browser.cookies
    answer = await door.browser.get(path)
    assert answer.status_code == 200 and 'content="0; url=/desk"' in answer.text
    assert answer.headers["cache-control"] == "no-store"
    made = await door.browser.post(
        "/v1/tokens", json={"scopes": ["admin"]}, headers=FETCHED
    )
    assert made.status_code == 201
    again = await door.other(BASE).get(path)
    assert again.status_code == 401 and "not valid any more" in again.text


async def test_a_provider_that_is_not_there(door: Door) -> None:
    """Not configured: no address. Configured and away: the form says so."""
    for path in ("/desk/sign-in/start", "/desk/sign-in/return?code=x"):
        assert (await door.browser.get(path)).status_code == 404
    given = {"oidc_issuer": "https://id.example/realm", "oidc_client_id": "x"}
    async with open_door(**given) as other:
        form = (await other.browser.get("/desk?feed=a%26b")).text
        assert "Sign in at id.example" in form
        assert 'href="/desk/sign-in/start?feed=a%26b"' in form
        for path in ("/desk/sign-in/start", "/desk/sign-in/return?code=x"):
            answer = await other.browser.get(path)
            assert answer.status_code == 503 and answer.headers["retry-after"] == "5"
            assert "does not answer" in answer.text


async def test_the_store_away_is_told(door: Door) -> None:
    """Who can't be signed out stays signed in, and may try again."""
    await door.sign_in()
    door.office.sessions.away = True
    assert (await door.browser.post("/desk/sign-out", headers=HERE)).status_code == 503
    assert COOKIE in door.browser.cookies
