"""Signing in at the desk and out of it, and what the cookie is worth."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from stoppress.guard.limits import Limits
from stoppress.settings import Settings
from stoppress.web.pages import desk_routes_page_and_preview
from tests.unit.web.desk_harness import ADMIN, BASE, open_harness
from tests.unit.web.pages.desk_site import (
    COOKIE,
    FETCHED,
    HERE,
    DeskSite,
    open_desk_site,
)

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def site() -> AsyncIterator[DeskSite]:
    """The desk and a browser."""
    async with open_desk_site() as site:
        yield site


async def test_signing_in_sets_a_guarded_cookie(site: DeskSite) -> None:
    """A known token lets in, back to the feed that was wanted."""
    answer = await site.sign_in(feed="quay")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/desk?feed=quay"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=sps_") and ADMIN not in cookie
    for part in ("HttpOnly", "Path=/", "SameSite=strict", "Secure"):
        assert part in cookie
    assert "max-age" not in cookie.lower(), "it ends with the browser"
    page = await site.browser.get("/desk")
    assert 'id="write"' in page.text
    assert ADMIN not in page.text


async def test_plain_http_gets_a_cookie_that_plain_http_can_send() -> None:
    """On a laptop without TLS the cookie is not Secure, or it would be lost."""
    async with open_harness() as harness:
        plain = replace(harness.services.settings, public_url="")
        services = replace(harness.services, settings=plain)
        app = Starlette(routes=desk_routes_page_and_preview.routes(services))
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
async def test_an_unknown_token_is_told_so(site: DeskSite, secret: str) -> None:
    """A wrong token is answered by the form, saying so, and no cookie."""
    answer = await site.sign_in(secret)
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert "set-cookie" not in answer.headers


async def test_a_form_that_is_too_long_is_refused(site: DeskSite) -> None:
    """The sign-in form is bounded."""
    assert (await site.sign_in("x" * 20_000)).status_code == 413


async def test_a_token_that_only_reads_is_told_so(site: DeskSite) -> None:
    """A reader's token is no editor's."""
    answer = await site.sign_in(await site.secret("read"))
    assert answer.status_code == 403
    assert "not write" in answer.text


@pytest.mark.parametrize("path", ["/desk/sign-in", "/desk/sign-out"])
@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "https://elsewhere.example"}, {"sec-fetch-site": "cross-site"}],
)
async def test_other_sites_can_not_sign_in_or_out(
    site: DeskSite, path: str, headers: dict[str, str]
) -> None:
    """A form on another site changes nobody's cookie."""
    answer = await site.browser.post(path, data={"token": ADMIN}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_signing_out_ends_it(site: DeskSite) -> None:
    """After signing out the sign-in page is shown, and nothing can be written."""
    await site.harness.feed()
    await site.sign_in()
    answer = await site.browser.post("/desk/sign-out", headers=HERE)
    assert answer.status_code == 303
    assert COOKIE not in site.browser.cookies
    assert 'action="/desk/sign-in"' in (await site.browser.get("/desk")).text
    post = {"body": "Hi"}
    written = await site.browser.post(
        "/v1/feeds/quay/posts", json=post, headers=FETCHED
    )
    assert written.status_code == 401


async def test_the_token_is_never_in_the_cookie(site: DeskSite) -> None:
    """A new session with each sign-in; the one before has ended."""
    await site.sign_in()
    first = site.browser.cookies[COOKIE]
    await site.sign_in()
    second = site.browser.cookies[COOKIE]
    assert first != second and first.startswith("sps_") and ADMIN not in first
    for secret, status in ((first, 401), (second, 200)):
        other = site.other(BASE)
        cookie = {"cookie": f"{COOKIE}={secret}"}
        answer = await other.get("/desk/feeds", headers=cookie)
        assert answer.status_code == status


async def test_a_cookie_kept_after_signing_out_is_worth_nothing(site: DeskSite) -> None:
    """Deleted in the browser, and ended in the store."""
    await site.sign_in()
    kept = {"cookie": f"{COOKIE}={site.browser.cookies[COOKIE]}"}
    await site.browser.post("/desk/sign-out", headers=HERE)
    assert (await site.other(BASE).get("/desk/feeds", headers=kept)).status_code == 401
    assert site.harness.sessions.kept == {}


@pytest.mark.parametrize("bearer", [True, False])
async def test_a_session_counts_in_its_cookie_alone(
    site: DeskSite, bearer: bool
) -> None:
    """Not as a bearer token, which needs no origin; nor a token in the cookie."""
    await site.sign_in()
    session = site.browser.cookies[COOKIE]
    sent = (
        {"authorization": f"Bearer {session}"}
        if bearer
        else {"cookie": f"{COOKIE}={ADMIN}"}
    )
    assert (await site.other(BASE).get("/desk/feeds", headers=sent)).status_code == 401
    assert (await site.sign_in(session)).status_code == 401


async def test_a_revoked_token_ends_its_sessions(site: DeskSite) -> None:
    """With the next request."""
    secret = await site.secret("publish")
    await site.sign_in(secret)
    assert (await site.browser.get("/desk/feeds")).status_code == 200
    (token,) = await site.harness.services.tokens.all()
    await site.harness.client.delete(f"/v1/tokens/{token.id}")
    assert (await site.browser.get("/desk/feeds")).status_code == 401
    assert 'action="/desk/sign-in"' in (await site.browser.get("/desk")).text


async def test_unknown_tokens_of_others_do_not_sign_an_editor_out(
    site: DeskSite,
) -> None:
    """At the same address, in a process that has not seen the session yet."""
    await site.sign_in()
    limits = Limits(Settings(address_failures_per_s=0.05))  # a burst of six
    object.__setattr__(site.harness.services, "limits", limits)
    statuses = []
    for number in range(8):
        guess = {"authorization": f"Bearer sp_guess{number}"}
        answer = await site.harness.public.get("/v1/feeds", headers=guess)
        statuses.append(answer.status_code)
    assert statuses == [401] * 6 + [429] * 2
    assert (await site.browser.get("/desk/feeds")).status_code == 200


async def test_sessions_are_listed_and_ended_one_by_one(site: DeskSite) -> None:
    """Those of the same person, in other browsers too."""
    await site.harness.feed()
    browsers = [site.other(BASE) for _ in range(3)]
    for number, browser in enumerate(browsers):
        headers = HERE | {"user-agent": f"<b>Browser {number}</b>"}
        await browser.post("/desk/sign-in", data={"token": ADMIN}, headers=headers)
    listed = await browsers[0].get("/desk/sessions")
    assert listed.status_code == 200 and "&lt;b&gt;Browser 1" in listed.text
    assert listed.text.count("(this one)") == 1
    sessions = await site.harness.services.identity.sessions.of("admin")
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
    stranger = (await site.other(BASE).get("/desk/sessions")).text
    assert 'action="/desk/sign-in"' in stranger


async def test_a_person_can_not_end_the_session_of_another(site: DeskSite) -> None:
    """By its id, which is no secret."""
    await site.sign_in()
    (mine,) = await site.harness.services.identity.sessions.of("admin")
    other = site.other(BASE)
    secret = await site.secret("publish")
    await other.post("/desk/sign-in", data={"token": secret}, headers=HERE)
    await other.post("/desk/sign-out", data={"session": mine.id}, headers=HERE)
    assert (await site.browser.get("/desk/feeds")).status_code == 200


async def test_the_first_sign_in_is_an_address(site: DeskSite) -> None:
    """It makes an administrator once; only a look at it does not use it up."""
    first = site.harness.services.identity.first_sign_in
    # The API's admin token is known to its tokens alone.
    code = await first.make()
    assert code is not None
    path = f"/desk/first?code={code}"
    assert (await site.browser.head(path)).status_code == 401
    prefetch = await site.browser.get(path, headers={"sec-purpose": "prefetch"})
    assert prefetch.status_code == 401 and not site.browser.cookies
    answer = await site.browser.get(path)
    assert answer.status_code == 200 and 'content="0; url=/desk"' in answer.text
    assert answer.headers["cache-control"] == "no-store"
    made = await site.browser.post(
        "/v1/tokens", json={"scopes": ["admin"]}, headers=FETCHED
    )
    assert made.status_code == 201
    again = await site.other(BASE).get(path)
    assert again.status_code == 401 and "not valid any more" in again.text


async def test_a_provider_that_is_not_there(site: DeskSite) -> None:
    """Not configured: no address. Configured and away: the form says so."""
    for path in ("/desk/sign-in/start", "/desk/sign-in/return?code=x"):
        assert (await site.browser.get(path)).status_code == 404
    given = {"oidc_issuer": "https://id.example/realm", "oidc_client_id": "x"}
    async with open_desk_site(**given) as other:
        form = (await other.browser.get("/desk?feed=a%26b")).text
        assert "Sign in at id.example" in form
        assert 'href="/desk/sign-in/start?feed=a%26b"' in form
        for path in ("/desk/sign-in/start", "/desk/sign-in/return?code=x"):
            answer = await other.browser.get(path)
            assert answer.status_code == 503 and answer.headers["retry-after"] == "5"
            assert "does not answer" in answer.text


async def test_the_store_away_is_told(site: DeskSite) -> None:
    """Who can't be signed out stays signed in, and may try again."""
    await site.sign_in()
    site.harness.sessions.away = True
    assert (await site.browser.post("/desk/sign-out", headers=HERE)).status_code == 503
    assert COOKIE in site.browser.cookies


async def test_the_key_of_texts_needs_a_session_of_the_person(site: DeskSite) -> None:
    """Strangers, tokens and other sites get none; all sessions get the same."""
    path, fetched = "/desk/text-key", {"sec-fetch-site": "same-origin"}
    assert (await site.browser.get(path, headers=fetched)).status_code == 401
    secret = await site.secret("publish")
    with_token = {"authorization": f"Bearer {secret}"}
    assert (await site.browser.get(path, headers=with_token)).status_code == 401
    await site.sign_in(secret)
    foreign = {"sec-fetch-site": "cross-site"}
    assert (await site.browser.get(path, headers=foreign)).status_code == 401
    answer = await site.browser.get(path, headers=fetched)
    assert answer.headers["cache-control"] == "no-store"
    mine = answer.json()
    assert set(mine) == {"kty", "crv", "x", "y", "d"}
    await site.sign_in(secret)
    assert (await site.browser.get(path, headers=fetched)).json() == mine
    other = {**fetched, "stop-press-person": "another"}
    assert (await site.browser.get(path, headers=other)).status_code == 401
    await site.sign_in()
    assert (await site.browser.get(path, headers=fetched)).json()["d"] != mine["d"]
