"""Tokens at the desk: listed, made and revoked, by admins alone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from stoppress.web.pages.desk_tokens import SCOPES
from tests.unit.web.desk_harness import ADMIN
from tests.unit.web.pages.desk_door import HERE, Door, open_door

pytestmark = pytest.mark.asyncio

TOKENS = "/desk/tokens"
SECRET = re.compile(r'value="(sp_[\w-]{32})"')


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    """The desk and a browser whose person is an admin."""
    async with open_door() as door:
        await door.sign_in()
        yield door


async def make(door: Door, **fields: str) -> httpx.Response:
    """Send the form."""
    given = {"name": "The <CMS>", "scope": "publish", "life": "30"} | fields
    return await door.browser.post(TOKENS, data=given, headers=HERE)


async def listed(door: Door) -> list[dict[str, object]]:
    """The tokens as the API has them."""
    answer = await door.office.client.get("/v1/tokens")
    tokens: list[dict[str, object]] = answer.json()["tokens"]
    return tokens


async def test_the_secret_is_shown_once(door: Door) -> None:
    """In the answer that makes the token, which nothing keeps; it works."""
    answer = await make(door, feeds="quay, election-*")
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    found = SECRET.search(answer.text)
    assert found and "The &lt;CMS&gt;" in answer.text
    page = await door.browser.get(TOKENS)
    assert page.status_code == 200 and found[1] not in page.text
    (token,) = await listed(door)
    assert token["scopes"] == ["publish"] and token["feeds"] == ["quay", "election-*"]
    assert token["expires_at"] and str(token["id"]) in page.text
    assert "quay, election-*" in page.text and "Not used yet" in page.text
    signed_in = await door.sign_in(found[1])
    assert signed_in.status_code == 303


async def test_a_token_may_last_and_be_for_all_feeds(door: Door) -> None:
    """Where nothing is named."""
    assert (await make(door, life="never", feeds=" ")).status_code == 201
    (token,) = await listed(door)
    assert token["feeds"] is None and "expires_at" not in token
    page = (await door.browser.get(TOKENS)).text
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
async def test_what_is_wrong_is_told_and_kept(
    door: Door, fields: dict[str, str], reason: str
) -> None:
    """The form has what was written, and no token is made."""
    answer = await make(door, **fields)
    assert answer.status_code == 422
    assert f"It is not made: {reason}" in answer.text
    assert SECRET.search(answer.text) is None and await listed(door) == []
    if "scope" not in fields:
        assert f'value="{next(iter(fields.values()))}"' in answer.text or (
            "life" in fields
        )


async def test_a_token_is_revoked(door: Door) -> None:
    """It is out at once; once more is no fault."""
    answer = await make(door)
    secret = SECRET.search(answer.text)
    assert secret is not None
    (token,) = await listed(door)
    for _ in range(2):
        gone = await door.browser.post(
            f"{TOKENS}/revoke", data={"token": str(token["id"])}, headers=HERE
        )
        assert gone.status_code == 303 and gone.headers["location"] == TOKENS
    assert await listed(door) == []
    assert (await door.sign_in(secret[1])).status_code == 401


@pytest.mark.parametrize("scope", ["draft", "publish", "manage"])
async def test_nobody_else_sees_or_makes_tokens(scope: str) -> None:
    """Nor an admin of some feeds: it could give itself the others."""
    async with open_door() as door:
        for secret in (
            await door.secret(scope),
            await door.secret("admin", feeds=["quay"]),
        ):
            await door.sign_in(secret)
            before = await listed(door)
            for answer in (
                await door.browser.get(TOKENS),
                await make(door),
                await door.browser.post(
                    f"{TOKENS}/revoke",
                    data={"token": str(before[0]["id"])},
                    headers=HERE,
                ),
            ):
                assert answer.status_code == 403
                assert str(before[0]["id"]) not in answer.text
            assert await listed(door) == before
            assert TOKENS not in (await door.browser.get("/desk")).text


async def test_a_stranger_gets_the_form_to_sign_in(door: Door) -> None:
    """And a form of another site, or one without an origin, nothing."""
    assert TOKENS in (await door.browser.get("/desk")).text
    door.browser.cookies.clear()
    page = await door.browser.get(TOKENS)
    assert page.status_code == 200 and 'action="/desk/sign-in"' in page.text
    assert (await make(door)).status_code == 401
    await door.sign_in()
    for origin in ({}, {"origin": "https://elsewhere.example"}):
        for path in (TOKENS, f"{TOKENS}/revoke"):
            form = {"name": "x", "token": "y", "scope": "admin", "life": "never"}
            answer = await door.browser.post(path, data=form, headers=origin)
            assert answer.status_code == 403
    assert await listed(door) == []
    assert ADMIN not in (await door.browser.get(TOKENS)).text


async def test_every_scope_may_be_chosen(door: Door) -> None:
    """By its name in the API."""
    for scope in SCOPES:
        assert (await make(door, scope=scope)).status_code == 201
    assert len(await listed(door)) == len(SCOPES)
