"""A reader's page behind proxies: live, whatever the proxy can't do.

And RFC 8441: where a proxy has it, the page's socket goes over the page's own HTTP/2.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from playwright.async_api import Page, async_playwright, expect

from tests.browser.conftest import CHROMIUM
from tests.browser.patience import PATIENCE_MS, close
from tests.foreign.intermediaries import share_of
from tests.foreign.proxies import missing, proxied
from tests.foreign.two_hubs import Hubs, hubs_in, redis_in

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(
        shutil.which("redis-server") is None, reason="redis-server is not installed"
    ),
]


@pytest.fixture(scope="module")
def hubs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hubs]:
    """Two hubs."""
    with (
        redis_in(tmp_path_factory.mktemp("redis")) as url,
        hubs_in(tmp_path_factory.mktemp("hubs"), url) as hubs,
    ):
        yield hubs


@asynccontextmanager
async def chromium_page() -> AsyncIterator[Page]:
    """A page that trusts the test's certificates."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-background-networking"],
        )
        context = await browser.new_context(ignore_https_errors=True)
        context.set_default_timeout(PATIENCE_MS)
        yield await context.new_page()
        await close(browser)


async def shows_what_comes(page: Page, base: str, hubs: Hubs) -> None:
    """Open a feed's page, and wait until it shows a post published after that."""
    feed = hubs.running[0].new_feed()
    await page.goto(f"{base}/live/{feed}")
    await page.wait_for_selector('.sp-line[data-line="live"]', state="attached")
    await asyncio.to_thread(
        hubs.running[1].publish, feed, "Text.", headline="Published just now"
    )
    shown = page.get_by_role("heading", name="Published just now")
    await expect(shown).to_be_visible(timeout=60_000)


@pytest.mark.parametrize(
    "name",
    share_of(
        ("nginx-defaults", "haproxy-defaults", "splitting", "no-upgrade"),
        ("nginx-defaults", "no-upgrade"),
    ),
)
async def test_the_page_is_live_behind_each_proxy(
    name: str, hubs: Hubs, tmp_path: Path
) -> None:
    """Over a WebSocket if possible, else over a transport that gets through."""
    if missing(name):
        pytest.skip(missing(name))
    async with proxied(name, hubs.urls, tmp_path) as base, chromium_page() as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await shows_what_comes(page, base, hubs)
        has_fallen_back = any("/events" in url for url in asked)
        assert has_fallen_back == (name in ("nginx-defaults", "no-upgrade"))


@pytest.mark.parametrize(
    "name", share_of(("caddy", "haproxy", "nginx"), ("caddy", "nginx"))
)
async def test_a_websocket_uses_http_2_if_the_proxy_supports_it(
    name: str, hubs: Hubs, tmp_path: Path
) -> None:
    """A CONNECT is answered by 200 (RFC 8441), an upgrade by 101."""
    if missing(name):
        pytest.skip(missing(name))
    authority = trustme.CA()
    async with (
        proxied(name, hubs.urls, tmp_path, authority=authority) as base,
        chromium_page() as page,
    ):
        answers: list[int] = []
        protocol = await page.context.new_cdp_session(page)
        await protocol.send("Network.enable")

        def answered(event: Any) -> None:
            answers.append(event["response"]["status"])

        protocol.on("Network.webSocketHandshakeResponseReceived", answered)
        await shows_what_comes(page, base, hubs)
        assert answers[:1] == [101 if name == "nginx" else 200]
