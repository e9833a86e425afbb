"""The desk's sign-in form, its page, and what the page asks for beside the API."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from stoppress.web.pages.find_browser_files import browser_folder
from stoppress.web.pages.render_html import Templates
from tests.unit.web.desk_harness import BASE
from tests.unit.web.pages.desk_site import FETCHED, DeskSite, open_desk_site

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def site() -> AsyncIterator[DeskSite]:
    """The desk and a browser."""
    async with open_desk_site() as site:
        yield site


async def test_strangers_see_the_door(site: DeskSite) -> None:
    """Without a token there is a form that works without scripts, and no desk."""
    answer = await site.browser.get("/desk?feed=quay")
    assert answer.status_code == 200
    assert 'action="/desk/sign-in"' in answer.text
    assert 'name="feed" value="quay"' in answer.text
    assert 'id="write"' not in answer.text


async def test_the_cookie_writes_from_our_own_pages_alone(site: DeskSite) -> None:
    """With the cookie the desk's page may write; another site's page may not."""
    await site.harness.feed()
    await site.sign_in()
    post = {"body": "Hi"}
    path = "/v1/feeds/quay/posts"
    assert (await site.browser.post(path, json=post)).status_code == 403
    foreign = {"origin": "https://elsewhere.example"}
    assert (
        await site.browser.post(path, json=post, headers=foreign)
    ).status_code == 403
    ours = await site.browser.post(path, json=post, headers=FETCHED)
    assert ours.status_code == 201


async def test_feeds_are_those_the_token_may_write(site: DeskSite) -> None:
    """The list holds every visibility, and no feed of others."""
    await site.harness.feed("quay")
    await site.harness.feed("hidden", visibility="private")
    await site.harness.feed("other")
    assert (await site.browser.get("/desk/feeds")).status_code == 401
    await site.sign_in(await site.secret("publish", feeds=["quay", "hidden"]))
    answer = (await site.browser.get("/desk/feeds")).json()
    assert {feed["slug"] for feed in answer["feeds"]} == {"quay", "hidden"}
    assert answer["feeds"][0]["url"].startswith(BASE)
    assert answer["makes"] is False
    await site.sign_in()
    answer = (await site.browser.get("/desk/feeds")).json()
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


async def test_a_preview_is_what_readers_will_see(site: DeskSite) -> None:
    """The preview is drawn by the page's own macro, and nothing is stored."""
    await site.harness.feed()
    await site.sign_in()
    path = "/desk/preview?feed=quay"
    answer = await site.browser.post(path, json=DRAFT, headers=FETCHED)
    assert answer.status_code == 200, answer.text
    html = answer.json()["html"]
    assert '<article class="sp-post sp-is-breaking"' in html
    assert "Ships &amp; &lt;b&gt;sails&lt;/b&gt;" in html
    assert "<strong>Fog</strong>" in html
    assert "<script" not in html
    for text in ("harbour", "Ada Voss", "Harbour master", "A ship", "It was nine."):
        assert text in html
    page = (await site.harness.public.get("/v1/feeds/quay")).json()
    assert page["posts"] == []
    assert page["cursor"].endswith("-0")


async def test_a_preview_equals_the_post_it_becomes(site: DeskSite) -> None:
    """But for its id, the published post is drawn to the same HTML."""
    await site.harness.feed(language="ar", direction="rtl", timezone="Asia/Aden")
    await site.sign_in()
    # A correction is dated when it is made: not the same twice.
    draft = {**DRAFT, "published_at": "2026-11-22T09:30:00Z", "correction": None}
    path = "/desk/preview?feed=quay"
    seen = (await site.browser.post(path, json=draft, headers=FETCHED)).json()
    path = "/v1/feeds/quay/posts"
    made = (await site.browser.post(path, json=draft, headers=FETCHED)).json()["post"]
    snapshot = await site.harness.services.snapshots.snapshot("quay")
    page = Templates(browser_folder()).post(snapshot.feed, made)
    assert seen["html"] == page.replace(made["id"], "preview")
    assert (seen["language"], seen["direction"]) == ("ar", "rtl")
    assert ">12:30<" in seen["html"], "in the feed's zone"


async def test_a_preview_is_for_those_who_may_write(site: DeskSite) -> None:
    """No token, a token of another feed, another site, no such feed: refused."""
    await site.harness.feed("quay")
    path = "/desk/preview?feed=quay"
    ask = site.browser.post
    assert (await ask(path, json=DRAFT, headers=FETCHED)).status_code == 401
    await site.sign_in(await site.secret("publish", feeds=["other"]))
    assert (await ask(path, json=DRAFT, headers=FETCHED)).status_code == 403
    await site.sign_in()
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
    site: DeskSite, draft: dict[str, object], field: str
) -> None:
    """A draft that can't be published can't be shown; the field is named."""
    await site.harness.feed()
    await site.sign_in()
    path = "/desk/preview?feed=quay"
    answer = await site.browser.post(path, json=draft, headers=FETCHED)
    assert answer.status_code == 422
    assert answer.json()["field"] == field


async def test_pages_and_files_hold_to_the_policy(site: DeskSite) -> None:
    """No inline script or style, no foreign address; each named file is there."""
    sign_in_page = await site.browser.get("/desk")
    await site.sign_in()
    desk_page = await site.browser.get("/desk")
    for page in (sign_in_page, desk_page):
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
                file = await site.browser.get(address)
                assert file.status_code == 200, address
                assert "immutable" in file.headers["cache-control"]


async def test_the_script_is_one_file_of_its_size(site: DeskSite) -> None:
    """All that the desk's script imports is in it, compressed."""
    await site.sign_in()
    page = (await site.browser.get("/desk")).text
    entry = re.search(r'src="(/desk/files/[^"]+desk\.js)"', page)
    assert entry
    answer = await site.browser.get(entry[1], headers={"accept-encoding": "gzip"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["content-encoding"] == "gzip"
    assert "class Composer" in answer.text
    assert not re.search(r"^(?:import|export)\b", answer.text, re.M)
    # The limit of the desk's script; the reader's client is in it.
    assert len(gzip.compress(answer.content, 9)) <= 60 * 1024


@pytest.mark.parametrize("name", ["desk/../console.py", "desk/package.json", "x"])
async def test_only_the_desks_files_are_served(site: DeskSite, name: str) -> None:
    """What is no script or style of ours is not there."""
    assert (await site.browser.get(f"/desk/files/v/{name}")).status_code == 404


async def test_a_file_of_another_version_is_not_kept(site: DeskSite) -> None:
    """An old page gets the script there is, and keeps it for this once."""
    answer = await site.browser.get("/desk/files/000000000000/desk/desk.js")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


async def test_with_the_store_away_the_desk_stays(site: DeskSite) -> None:
    """The page still comes, with its drafts; signing in says what is the matter."""
    await site.harness.feed()
    secret = await site.secret("publish")
    await site.sign_in(secret)
    site.harness.services.tokens._cached.clear()
    site.harness.store.away = True
    page = await site.browser.get("/desk")
    assert 'id="write"' in page.text
    assert (await site.browser.get("/desk/feeds")).status_code == 503
    answer = await site.sign_in(secret)
    assert answer.status_code == 503
    assert "checked" in answer.text
