"""Tokens at the desk: listed, made and revoked, by admins alone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from stoppress.web.pages.desk_tokens import SCOPES
from tests.unit.web.desk_harness import ADMIN
from tests.unit.web.pages.desk_site import HERE, DeskSite, open_desk_site

pytestmark = pytest.mark.asyncio

TOKENS = "/desk/tokens"
SECRET = re.compile(r'value="(sp_[\w-]{32})"')


@pytest_asyncio.fixture
async def site() -> AsyncIterator[DeskSite]:
    """The desk and a browser whose person is an admin."""
    async with open_desk_site() as site:
        await site.sign_in()
        yield site


async def make(site: DeskSite, **fields: str) -> httpx.Response:
    """Send the form."""
    given = {"name": "The <CMS>", "scope": "publish", "life": "30"} | fields
    return await site.browser.post(TOKENS, data=given, headers=HERE)


async def listed(site: DeskSite) -> list[dict[str, object]]:
    """The tokens as the API has them."""
    answer = await site.harness.client.get("/v1/tokens")
    tokens: list[dict[str, object]] = answer.json()["tokens"]
    return tokens


async def test_the_secret_is_shown_once(site: DeskSite) -> None:
    """In the answer that makes the token, which nothing keeps; it works."""
    answer = await make(site, feeds="quay, election-*")
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    found = SECRET.search(answer.text)
    assert found and "The &lt;CMS&gt;" in answer.text
    page = await site.browser.get(TOKENS)
    assert page.status_code == 200 and found[1] not in page.text
    (token,) = await listed(site)
    assert token["scopes"] == ["publish"] and token["feeds"] == ["quay", "election-*"]
    assert token["expires_at"] and str(token["id"]) in page.text
    assert "quay, election-*" in page.text and "Not used yet" in page.text
    signed_in = await site.sign_in(found[1])
    assert signed_in.status_code == 303


async def test_a_token_may_last_and_be_for_all_feeds(site: DeskSite) -> None:
    """Where nothing is named."""
    assert (await make(site, life="never", feeds=" ")).status_code == 201
    (token,) = await listed(site)
    assert token["feeds"] is None and "expires_at" not in token
    page = (await site.browser.get(TOKENS)).text
    assert "Never expires." in page and "all feeds" in page


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"feeds": "No Slug"}, "feeds[0]"),
        ({"scope": "all"}, "scopes[0]"),
        ({"life": "1e9"}, "life"),
        ({"name": "x" * 500}, "name"),
    ],
)
async def test_an_invalid_form_is_shown_again_with_the_reason(
    site: DeskSite, fields: dict[str, str], reason: str
) -> None:
    """The form has what was written, and no token is made."""
    answer = await make(site, **fields)
    assert answer.status_code == 422
    assert f"It is not made: {reason}" in answer.text
    assert SECRET.search(answer.text) is None and await listed(site) == []
    if "scope" not in fields:
        assert f'value="{next(iter(fields.values()))}"' in answer.text or (
            "life" in fields
        )


async def test_a_token_is_revoked(site: DeskSite) -> None:
    """It is out at once; once more is no fault."""
    answer = await make(site)
    secret = SECRET.search(answer.text)
    assert secret is not None
    (token,) = await listed(site)
    for _ in range(2):
        gone = await site.browser.post(
            f"{TOKENS}/revoke", data={"token": str(token["id"])}, headers=HERE
        )
        assert gone.status_code == 303 and gone.headers["location"] == TOKENS
    assert await listed(site) == []
    assert (await site.sign_in(secret[1])).status_code == 401


@pytest.mark.parametrize("scope", ["draft", "publish", "manage"])
async def test_only_admins_of_all_feeds_see_or_make_tokens(scope: str) -> None:
    """Nor an admin of some feeds: it could give itself the others."""
    async with open_desk_site() as site:
        for secret in (
            await site.secret(scope),
            await site.secret("admin", feeds=["quay"]),
        ):
            await site.sign_in(secret)
            before = await listed(site)
            for answer in (
                await site.browser.get(TOKENS),
                await make(site),
                await site.browser.post(
                    f"{TOKENS}/revoke",
                    data={"token": str(before[0]["id"])},
                    headers=HERE,
                ),
            ):
                assert answer.status_code == 403
                assert str(before[0]["id"]) not in answer.text
            assert await listed(site) == before
            assert TOKENS not in (await site.browser.get("/desk")).text


async def test_a_stranger_gets_the_form_to_sign_in(site: DeskSite) -> None:
    """And a form of another site, or one without an origin, nothing."""
    assert TOKENS in (await site.browser.get("/desk")).text
    site.browser.cookies.clear()
    page = await site.browser.get(TOKENS)
    assert page.status_code == 200 and 'action="/desk/sign-in"' in page.text
    assert (await make(site)).status_code == 401
    await site.sign_in()
    for origin in ({}, {"origin": "https://elsewhere.example"}):
        for path in (TOKENS, f"{TOKENS}/revoke"):
            form = {"name": "x", "token": "y", "scope": "admin", "life": "never"}
            answer = await site.browser.post(path, data=form, headers=origin)
            assert answer.status_code == 403
    assert await listed(site) == []
    assert ADMIN not in (await site.browser.get(TOKENS)).text


async def test_every_scope_may_be_chosen(site: DeskSite) -> None:
    """By its name in the API."""
    for scope in SCOPES:
        assert (await make(site, scope=scope)).status_code == 201
    assert len(await listed(site)) == len(SCOPES)
