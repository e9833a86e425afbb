"""An editor at the desk: a browser, a server, and the API beside them."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Request,
    Route,
    async_playwright,
    expect,
)

from tests.browser.patience import PATIENCE_MS, PATIENCE_S, close
from tests.conftest import Server
from tests.plain_http import PLAIN

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


HISTORY: list[str] = []
"""What the desks of a test did: with the report of one that fails (`conftest.py`)."""
_tabs = count(1)


@dataclass
class Site:
    """A server, a browser, and the API beside the desk."""

    base: str
    browser: Browser
    api: httpx.AsyncClient
    token: str

    async def feed(self, slug: str, **more: object) -> str:
        given = {"slug": slug, "title": slug.capitalize(), **more}
        answer = await self.api.post("/v1/feeds", json=given)
        assert answer.status_code == 201, answer.text
        return slug

    async def post(self, feed: str, **draft: object) -> dict[str, Any]:
        answer = await self.api.post(f"/v1/feeds/{feed}/posts", json=draft)
        assert answer.status_code == 201, answer.text
        post: dict[str, Any] = answer.json()["post"]
        return post

    async def patch(self, feed: str, post: dict[str, Any], **patch: object) -> None:
        answer = await self.api.patch(
            f"/v1/feeds/{feed}/posts/{post['id']}",
            json=patch,
            headers={"if-match": f'"{post["rev"]}"'},
        )
        assert answer.status_code == 200, answer.text

    async def posts(self, feed: str) -> list[dict[str, Any]]:
        answer = await self.api.get(f"/v1/feeds/{feed}/posts")
        posts: list[dict[str, Any]] = answer.json()["posts"]
        return posts


@dataclass
class Desk:
    """One editor's page."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def watch(self) -> None:
        """Note what the page does, from now on."""
        page, tab = self.page, f"tab {next(_tabs)}"

        def note(what: str) -> None:
            HISTORY.append(f"{time.monotonic():.3f} {tab}: {what}")

        def thrown(error: Error) -> None:
            self.complaints.append(str(error))
            note(f"throws {error}")

        def asks(request: Request) -> None:
            self.requests.append(request)
            note(f"{request.method} {request.url}")

        def says(message: ConsoleMessage) -> None:
            if "Content Security Policy" in message.text:
                self.complaints.append(message.text)
            note(f"says {message.text}")

        page.on("pageerror", thrown)
        page.on("request", asks)
        page.on(
            "response",
            lambda one: note(f"{one.status} to {one.request.method} {one.url}"),
        )
        page.on(
            "requestfailed",
            lambda one: note(f"{one.failure} at {one.method} {one.url}"),
        )
        page.on("framenavigated", lambda frame: note(f"is at {frame.url}"))
        page.on("crash", lambda _: note("crashed"))
        page.on("console", says)

    async def write(self, headline: str, body: str = "") -> None:
        await self.page.get_by_label("Headline").fill(headline)
        await self.page.get_by_label("Text Markdown").fill(body)

    async def publish(self) -> None:
        await self.page.get_by_label("Text Markdown").press("Control+Enter")

    async def publish_without_session(self, profile: BrowserContext) -> None:
        """End the session, and publish before any other request has noticed it.

        One that tells who is here would lead to the sign-in page before the key does.
        """
        text = self.page.get_by_label("Text Markdown")
        is_published = asyncio.Event()

        def publishes(request: Request) -> bool:
            # The preview is asked for with POST too.
            return request.method == "POST" and request.url.endswith("/posts")

        async def others_wait(route: Route) -> None:
            if not publishes(route.request):
                await is_published.wait()
            with suppress(Error):  # the page that asked for it may be left by now
                await route.continue_()

        await text.focus()
        await profile.route("**/v1/**", others_wait)
        await profile.clear_cookies()
        async with self.page.expect_request(publishes):
            await self.page.keyboard.press("Control+Enter")
        is_published.set()
        # It stays: without any, Chromium stops to intercept, and the files that the
        # sign-in page is just asking for may be lost with that.

    async def says(self, text: str) -> None:
        await expect(self.page.locator("#write-status")).to_contain_text(text)

    def row(self, text: str) -> Locator:
        return self.page.locator("#posts > li", has_text=text)

    def card(self, text: str) -> Locator:
        return self.page.locator("#outbox li", has_text=text)

    async def is_out(self, text: str) -> None:
        card = self.page.locator('#outbox li[data-state="out"]', has_text=text)
        await expect(card.first).to_be_visible()

    async def edit(self, text: str) -> None:
        await self.row(text).get_by_role("button", name="Edit").click()
        # Opened once the post has come, not by the click.
        title = self.page.locator('#write [data-part="title"]')
        await expect(title).to_contain_text("Change a post")

    async def holds(self, headline: str, body: str = "") -> None:
        await expect(self.page.get_by_label("Headline")).to_have_value(headline)
        await expect(self.page.get_by_label("Text Markdown")).to_have_value(body)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(server: Server) -> AsyncIterator[Site]:
    """The server, and a browser for the tests of a module."""
    async with open_site(server) as site:
        yield site


@asynccontextmanager
async def open_site(server: Server) -> AsyncIterator[Site]:
    """A server, and a browser before it."""
    headers = {"authorization": f"Bearer {server.token}"}
    async with (
        httpx.AsyncClient(
            verify=PLAIN, base_url=server.url, headers=headers, timeout=PATIENCE_S
        ) as api,
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-background-networking"],
        )
        yield Site(server.url, browser, api, server.token)
        await close(browser)


@pytest_asyncio.fixture(loop_scope="module")
async def profile(site: Site) -> AsyncIterator[BrowserContext]:
    """An editor's browser profile."""
    # Playwright does not see what passes a service worker.
    profile = await site.browser.new_context(
        base_url=site.base, service_workers="block"
    )
    profile.set_default_timeout(PATIENCE_MS)
    yield profile
    await close(profile)


async def enter(
    site: Site, profile: BrowserContext, feed: str = "", secret: str = ""
) -> Desk:
    """Sign in by keyboard alone."""
    profile.set_default_timeout(PATIENCE_MS)
    page = await profile.new_page()
    desk = Desk(page)
    desk.watch()
    await page.goto(f"/desk?feed={feed}" if feed else "/desk")
    await expect(page.get_by_label("Token")).to_be_focused()
    await page.keyboard.type(secret or site.token)
    await page.keyboard.press("Enter")
    if feed:
        await expect(page.locator("#line")).to_have_text("Live")
        await expect(
            page.get_by_role("combobox", name="Feed", exact=True)
        ).to_have_value(feed)
    return desk


async def another_tab(profile: BrowserContext, feed: str) -> Desk:
    """A second tab of the same editor."""
    page = await profile.new_page()
    desk = Desk(page)
    desk.watch()
    await page.goto(f"/desk?feed={feed}")
    await expect(page.locator("#line")).to_have_text("Live")
    return desk
