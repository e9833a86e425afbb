"""The desk's sign-in form, its page, and what the page asks for beside the API."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from stoppress.web.api import routes
from stoppress.web.credential import COOKIE
from stoppress.web.pages import desk_console
from stoppress.web.pages.find_browser_files import browser_folder
from stoppress.web.pages.templating import Templates
from stoppress.web.problems import exception_handlers
from tests.unit.web.desk_harness import ADMIN, BASE, Office, open_office

pytestmark = pytest.mark.asyncio

HERE = {"origin": BASE}
FETCHED = {"origin": BASE, "sec-fetch-site": "same-origin"}


@dataclass
class Door:
    """The office with a desk, and a browser before it."""

    office: Office
    app: Starlette
    browser: httpx.AsyncClient

    def other(self, base: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False),
            base_url=base,
        )

    async def sign_in(self, secret: str = ADMIN, **more: str) -> httpx.Response:
        form = {"token": secret, **more}
        return await self.browser.post("/desk/sign-in", data=form, headers=HERE)

    async def secret(self, *scopes: str, feeds: list[str] | None = None) -> str:
        return (await self.office.token(*scopes, feeds=feeds)).removeprefix("Bearer ")


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    async with open_office() as office:
        app = Starlette(
            routes=[
                *desk_console.routes(office.services),
                *routes.routes(office.services),
            ],
            exception_handlers=exception_handlers(BASE),
        )
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as browser:
            yield Door(office, app, browser)


async def test_strangers_see_the_door(door: Door) -> None:
    """Without a token there is a form that works without scripts, and no desk."""
    answer = await door.browser.get("/desk?feed=quay")
    assert answer.status_code == 200
    assert 'action="/desk/sign-in"' in answer.text
    assert 'name="feed" value="quay"' in answer.text
    assert 'id="write"' not in answer.text


async def test_signing_in_sets_a_guarded_cookie(door: Door) -> None:
    """A known token lets in, back to the feed that was wanted."""
    answer = await door.sign_in(feed="quay")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/desk?feed=quay"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}={ADMIN};")
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
    assert (await door.sign_in("x" * 10_000)).status_code == 413


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


async def test_the_cookie_writes_from_our_own_pages_alone(door: Door) -> None:
    """With the cookie the desk's page may write; another site's page may not."""
    await door.office.feed()
    await door.sign_in()
    post = {"body": "Hi"}
    path = "/v1/feeds/quay/posts"
    assert (await door.browser.post(path, json=post)).status_code == 403
    foreign = {"origin": "https://elsewhere.example"}
    assert (
        await door.browser.post(path, json=post, headers=foreign)
    ).status_code == 403
    ours = await door.browser.post(path, json=post, headers=FETCHED)
    assert ours.status_code == 201


async def test_feeds_are_those_the_token_may_write(door: Door) -> None:
    """The list holds every visibility, and no feed of others."""
    await door.office.feed("quay")
    await door.office.feed("hidden", visibility="private")
    await door.office.feed("other")
    assert (await door.browser.get("/desk/feeds")).status_code == 401
    await door.sign_in(await door.secret("write", feeds=["quay", "hidden"]))
    answer = (await door.browser.get("/desk/feeds")).json()
    assert {feed["slug"] for feed in answer["feeds"]} == {"quay", "hidden"}
    assert answer["feeds"][0]["url"].startswith(BASE)
    assert answer["makes"] is False
    await door.sign_in()
    answer = (await door.browser.get("/desk/feeds")).json()
    assert {feed["slug"] for feed in answer["feeds"]} == {"quay", "hidden", "other"}
    assert answer["makes"] is True


DRAFT = {
    "headline": "Ships & <b>sails</b>",
    "body": "**Fog** <script>alert(1)</script>",
    "breaking": True,
    "tags": ["harbour"],
    "authors": [{"name": "Ada Voss"}],
    "source": {"name": "Harbour master"},
    "media": [{"type": "image", "url": "/p/a.svg", "alt": "A ship"}],
    "correction": {"note": "It was nine."},
}


async def test_a_preview_is_what_readers_will_see(door: Door) -> None:
    """The preview is drawn by the page's own macro, and nothing is stored."""
    await door.office.feed()
    await door.sign_in()
    path = "/desk/preview?feed=quay"
    answer = await door.browser.post(path, json=DRAFT, headers=FETCHED)
    assert answer.status_code == 200, answer.text
    html = answer.json()["html"]
    assert '<article class="sp-post sp-is-breaking"' in html
    assert "Ships &amp; &lt;b&gt;sails&lt;/b&gt;" in html
    assert "<strong>Fog</strong>" in html
    assert "<script" not in html
    for text in ("harbour", "Ada Voss", "Harbour master", "A ship", "It was nine."):
        assert text in html
    page = (await door.office.public.get("/v1/feeds/quay")).json()
    assert page["posts"] == []
    assert page["cursor"].endswith("-0")


async def test_a_preview_equals_the_post_it_becomes(door: Door) -> None:
    """But for its id, the published post is drawn to the same HTML."""
    await door.office.feed(language="ar", direction="rtl", timezone="Asia/Aden")
    await door.sign_in()
    # A correction is dated when it is made: not the same twice.
    draft = {**DRAFT, "published_at": "2026-11-22T09:30:00Z", "correction": None}
    path = "/desk/preview?feed=quay"
    seen = (await door.browser.post(path, json=draft, headers=FETCHED)).json()
    path = "/v1/feeds/quay/posts"
    made = (await door.browser.post(path, json=draft, headers=FETCHED)).json()["post"]
    snapshot = await door.office.services.snapshots.snapshot("quay")
    page = Templates(browser_folder()).post(snapshot.feed, made)
    assert seen["html"] == page.replace(made["id"], "preview")
    assert (seen["language"], seen["direction"]) == ("ar", "rtl")
    assert ">12:30<" in seen["html"], "in the feed's zone"


async def test_a_preview_is_for_those_who_may_write(door: Door) -> None:
    """No token, a token of another feed, another site, no such feed: refused."""
    await door.office.feed("quay")
    path = "/desk/preview?feed=quay"
    ask = door.browser.post
    assert (await ask(path, json=DRAFT, headers=FETCHED)).status_code == 401
    await door.sign_in(await door.secret("write", feeds=["other"]))
    assert (await ask(path, json=DRAFT, headers=FETCHED)).status_code == 403
    await door.sign_in()
    assert (await ask(path, json=DRAFT)).status_code == 403
    nowhere = "/desk/preview?feed=nowhere"
    assert (await ask(nowhere, json=DRAFT, headers=FETCHED)).status_code == 404
    bad = "/desk/preview?feed=../quay"
    assert (await ask(bad, json=DRAFT, headers=FETCHED)).status_code == 422


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        ({}, ""),
        ({"headline": 3}, "headline"),
        ({"media": [{"type": "image"}]}, "media[0].url"),
        ({"body": "x", "authors": [{"name": "A", "url": "junk"}]}, "authors[0].url"),
    ],
)
async def test_a_preview_names_what_is_wrong(
    door: Door, draft: dict[str, object], field: str
) -> None:
    """A draft that can't be published can't be shown; the field is named."""
    await door.office.feed()
    await door.sign_in()
    path = "/desk/preview?feed=quay"
    answer = await door.browser.post(path, json=draft, headers=FETCHED)
    assert answer.status_code == 422
    assert answer.json()["field"] == field


async def test_pages_and_files_hold_to_the_policy(door: Door) -> None:
    """No inline script or style, no foreign address; each named file is there."""
    door_page = await door.browser.get("/desk")
    await door.sign_in()
    desk_page = await door.browser.get("/desk")
    for page in (door_page, desk_page):
        policy = page.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert page.headers["cache-control"] == "no-store"
        assert not re.search(
            r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=)", page.text
        )
        found = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert found
        for address in found:
            assert address.startswith(("/", "data:image/")), address
            if address.startswith("/desk/files/"):
                file = await door.browser.get(address)
                assert file.status_code == 200, address
                assert "immutable" in file.headers["cache-control"]


async def test_modules_find_what_they_import(door: Door) -> None:
    """Every import of the desk's scripts leads to a file that is served."""
    await door.sign_in()
    page = (await door.browser.get("/desk")).text
    entry = re.search(r'src="(/desk/files/[^"]+desk\.js)"', page)
    assert entry
    waiting, seen = [entry[1]], set[str]()
    while waiting:
        address = waiting.pop()
        seen.add(address)
        answer = await door.browser.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["content-type"].startswith("text/javascript")
        for name in re.findall(r'^import .*?"(\.[^"]+)";', answer.text, re.M):
            found = str(httpx.URL(f"{BASE}{address}").join(name).path)
            if found not in seen:
                waiting.append(found)
    assert len(seen) > 8


@pytest.mark.parametrize("name", ["desk/../console.py", "desk/package.json", "x"])
async def test_only_the_desks_files_are_served(door: Door, name: str) -> None:
    """What is no script or style of ours is not there."""
    assert (await door.browser.get(f"/desk/files/v/{name}")).status_code == 404


async def test_a_file_of_another_version_is_not_kept(door: Door) -> None:
    """An old page gets the script there is, and keeps it for this once."""
    answer = await door.browser.get("/desk/files/000000000000/desk/desk.js")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


async def test_with_the_store_away_the_desk_stays(door: Door) -> None:
    """The page still comes, with its drafts; signing in says what is the matter."""
    await door.office.feed()
    secret = await door.secret("write")
    await door.sign_in(secret)
    door.office.services.tokens._cached.clear()
    door.office.store.away = True
    page = await door.browser.get("/desk")
    assert 'id="write"' in page.text
    assert (await door.browser.get("/desk/feeds")).status_code == 503
    answer = await door.sign_in(secret)
    assert answer.status_code == 503
    assert "checked" in answer.text
