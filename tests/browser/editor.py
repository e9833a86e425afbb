"""An editor at the desk: a browser, a server, and the API beside them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Request,
    async_playwright,
    expect,
)

from tests.browser.patience import PATIENCE_MS, PATIENCE_S
from tests.conftest import Server
from tests.plain_http import PLAIN

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


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

    async def write(self, headline: str, body: str = "") -> None:
        await self.page.get_by_label("Headline").fill(headline)
        await self.page.get_by_label("Text Markdown").fill(body)

    async def publish(self) -> None:
        await self.page.get_by_label("Text Markdown").press("Control+Enter")

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
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def profile(site: Site) -> AsyncIterator[BrowserContext]:
    """An editor's browser profile."""
    # Playwright does not see what passes a service worker.
    profile = await site.browser.new_context(
        base_url=site.base, service_workers="block"
    )
    profile.set_default_timeout(PATIENCE_MS)
    yield profile
    await profile.close()


async def enter(
    site: Site, profile: BrowserContext, feed: str = "", secret: str = ""
) -> Desk:
    """Sign in by keyboard alone."""
    page = await profile.new_page()
    desk = Desk(page)
    page.on("pageerror", lambda error: desk.complaints.append(str(error)))
    page.on("request", lambda request: desk.requests.append(request))

    def heard(text: str) -> None:
        if "Content Security Policy" in text:
            desk.complaints.append(text)

    page.on("console", lambda message: heard(message.text))
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
