"""A site under a path of a newspaper's host: nothing it shows or asks for is outside.

Chromium believes that the proxy is https://news.test, whose other paths are 404. Each
proxy has our configuration with the lines that docs/deploy.md gives for a path.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
import trustme
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from tests.browser.conftest import CHROMIUM
from tests.browser.patience import PATIENCE_MS, close
from tests.conftest import ADMIN_TOKEN, Server, started
from tests.foreign.proxies import missing, proxied

ROOT = "/liveblog"
SITE = f"https://news.test{ROOT}"

STRIPPING = {
    "caddy": [
        "route {",
        f"@outside not path {ROOT} {ROOT}/*",
        "respond @outside 404",
        f"uri strip_prefix {ROOT}",
        "}",
    ],
    "nginx": [
        f"if ($uri !~ ^{ROOT}(/|$)) {{ return 404; }}",
        f"rewrite ^{ROOT}(/.*)?$ $1;",
    ],
    "haproxy": [
        f"http-request return status 404 unless {{ path_reg ^{ROOT}(/|$) }}",
        rf"http-request replace-path {ROOT}/?(.*) /\1",
    ],
}
KEEPING = {
    "caddy": [f"@outside not path {ROOT} {ROOT}/*", "respond @outside 404"],
    "nginx": [f"if ($uri !~ ^{ROOT}(/|$)) {{ return 404; }}"],
    "haproxy": [STRIPPING["haproxy"][0]],
}

pytestmark = pytest.mark.asyncio


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A hub that is told where the site is."""
    folder = tmp_path_factory.mktemp("hub")
    with started(
        folder / "data",
        *("--uds", str(folder / "hub"), "--public-url", f"{SITE}/"),
        *("--drain-s", "0.2", "--share", "mail,x"),
    ) as server:
        yield server


class Visitor:
    """A browser's profile, and every address it asked for."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.asked: list[str] = []
        self.complaints: list[str] = []
        context.on("request", lambda request: self.asked.append(request.url))

    async def page(self) -> Page:
        page = await self.context.new_page()
        page.on("websocket", lambda socket: self.asked.append(socket.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda said: (
                self.complaints.append(said.text)
                # The desk asks who is signed in, and is told: nobody.
                if said.type == "error" and "401" not in said.text
                else None
            ),
        )
        return page

    @property
    def outside(self) -> list[str]:
        """What was asked for that is not under the path."""
        inside = (f"{SITE}/", SITE.replace("https", "wss") + "/", "data:", "blob:")
        return [url for url in self.asked if not url.startswith(inside)]


@asynccontextmanager
async def visiting(
    name: str, *, strips: bool, hub: Server, folder: Path
) -> AsyncIterator[Visitor]:
    """A visitor of the site behind a proxy."""
    lines = (STRIPPING if strips else KEEPING)[name]
    if name == "caddy":
        lines = ["\n".join(lines)]
    # Caddy's own block is of an address: it has to be that of the browser too.
    changes = [("{$SITE_ADDRESS::8080}", ":{$SITE_PORT}")] if name == "caddy" else []
    urls = [f"unix:{hub.data.parent / 'hub'}"]
    async with (
        proxied(
            name, urls, folder, authority=trustme.CA(), lines=lines, changes=changes
        ) as base,
        async_playwright() as playwright,
    ):
        port = base.rpartition(":")[2]
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-background-networking",
                # Not of the context alone: a service worker's script is fetched apart.
                "--ignore-certificate-errors",
                # Our other site is answered by the test, and the proxy is loopback.
                "--disable-features=LocalNetworkAccessChecks",
                f"--host-resolver-rules=MAP news.test:443 127.0.0.1:{port}",
            ],
        )
        context = await browser.new_context(ignore_https_errors=True)
        context.set_default_timeout(PATIENCE_MS)
        visitor = Visitor(context)
        try:
            yield visitor
        finally:
            await close(browser)


@pytest.mark.parametrize(
    "way",
    ("caddy-strips", "nginx-strips", "haproxy-keeps"),
)
async def test_every_page_works_under_a_path(
    way: str, hub: Server, tmp_path: Path
) -> None:
    """Index, page, permalink, tag, other order, embed, widget, desk: all live."""
    name, _, does = way.partition("-")
    strips = does == "strips"
    if missing(name):
        pytest.skip(missing(name))
    feed = hub.new_feed(links=[{"title": "Map", "url": "/demo/"}])
    posts = [
        hub.publish(
            feed,
            f"Text {n} with [a link](/live/{feed}).",
            headline=f"Headline {n}",
            tags=["bridge"],
            key=n == 1,
        )["post"]
        for n in range(25)
    ]
    async with visiting(name, strips=strips, hub=hub, folder=tmp_path) as visitor:
        page = await visitor.page()

        async def live() -> None:
            await page.wait_for_selector('.sp-line[data-line="live"]', state="attached")

        async def publish(headline: str) -> None:
            hub.publish(feed, "Now.", headline=headline)
            await expect(page.get_by_role("heading", name=headline)).to_be_visible()

        await page.goto(f"{SITE}/")
        await page.click(f'a[href="{ROOT}/live/{feed}"]')
        await live()
        await publish("Live on the page")
        # What was drawn by the script is linked as what came in the server's HTML.
        links = await page.eval_on_selector_all(
            "stop-press a[href]", "all => all.map((one) => one.getAttribute('href'))"
        )
        own = [link for link in links if not link.startswith(("http", "#", "mailto:"))]
        assert own and all(link.startswith(f"{ROOT}/") for link in own), own
        await page.click("a.sp-turn:visible")
        await live()
        await page.go_back()
        await page.click("p.sp-when a >> nth=1")
        await live()
        assert page.url.startswith(f"{SITE}/live/{feed}/")
        await page.goto(f"{SITE}/live/{feed}?tag=bridge")
        await live()
        # Older posts load as one scrolls, and stand behind the link.
        older = await page.get_attribute("p.sp-more a", "href")
        oldest = f'[data-id="{posts[0]["id"]}"]'
        await page.evaluate("scrollTo(0, document.body.scrollHeight)")
        await page.wait_for_selector(oldest, state="attached")
        await page.goto(urljoin(SITE, older or ""))
        await page.wait_for_selector(oldest, state="attached")
        await page.goto(f"{SITE}/embed/{feed}")
        await live()
        await publish("Live in the frame")

        # A page of another site.
        markup = (
            f'<script async src="{SITE}/stop-press.js"></script>'
            f'<stop-press feed="{feed}"></stop-press>'
        )
        await visitor.context.route(
            "https://other.test/",
            lambda route: route.fulfill(content_type="text/html", body=markup),
        )
        await page.goto("https://other.test/")
        await live()
        await publish("Live in the widget")
        href = await page.locator(".sp-share").first.get_attribute("href")
        assert href is not None and href.startswith(f"{SITE}/live/{feed}/")
        assert visitor.outside == ["https://other.test/"]
        visitor.asked.clear()

        # The desk.
        await page.goto(f"{SITE}/desk?feed={feed}")
        await page.fill('input[name="token"]', ADMIN_TOKEN)
        await page.click("button.main")
        await page.fill('#write textarea[name="body"]', "From the desk.")
        await page.fill('#write input[name="headline"]', "Written at the desk")
        await expect(page.locator("#preview")).to_contain_text("From the desk.")
        await page.click('#write [data-part="send"]')
        await expect(page.locator("#posts")).to_contain_text("Written at the desk")
        cookies = await visitor.context.cookies(f"{SITE}/desk")
        assert [(one["path"], one["secure"]) for one in cookies] == [(ROOT, True)]
        assert await visitor.context.cookies("https://news.test/") == []
        link = await page.get_attribute("#page-link", "href")
        assert link == f"{ROOT}/live/{feed}"
        await page.click('form[action$="/desk/sign-out"] button')
        await page.wait_for_selector('input[name="token"]')
        assert visitor.outside == []
        assert visitor.complaints == []


async def test_every_generated_address_is_under_the_path(hub: Server) -> None:
    """In pages, JSON-LD, feeds, oEmbed, sitemap, API, redirects; each of them is there,
    whether a proxy strips the path or not, and if a client puts it in front twice."""
    feed = hub.new_feed()
    post = hub.publish(feed, "Text.", headline="One")["post"]
    given = {
        "/": "text/html",
        f"/live/{feed}": "text/html",
        f"/live/{feed}/{post['id']}": "text/html",
        f"/embed/{feed}": "text/html",
        f"/live/{feed}/atom.xml": "application/atom+xml",
        f"/live/{feed}/feed.json": "application/feed+json",
        f"/oembed?url={SITE}/live/{feed}": "application/json",
        "/sitemap.xml": "application/xml",
        "/openapi.json": "application/json",
        f"/v1/feeds/{feed}": "application/json",
    }
    found: set[str] = set()
    async with httpx.AsyncClient(
        base_url=hub.url,
        headers={"authorization": f"Bearer {ADMIN_TOKEN}"},
        trust_env=False,
    ) as http:
        for path, kind in given.items():
            plain = await http.get(path)
            assert plain.status_code == 200, (path, plain.text)
            assert plain.headers["content-type"].startswith(kind)
            for prefix in (ROOT, ROOT * 2):
                under = await http.get(prefix + path)
                assert under.status_code == 200, (prefix, path)
            text = plain.text.replace("\\/", "/").replace("&amp;", "&")
            found |= {
                urljoin(f"{SITE}{path}", url)
                for url in re.findall(
                    r'(?: href| src| action| data-home)="([^"#]+)"', text
                )
            }
            found |= set(re.findall(r'https?://news\.test[^"<>\s\\]*', text))
        made = await http.post(f"/v1/feeds/{feed}/posts", json={"body": "x"})
        found.add(urljoin(SITE, made.headers["location"]))
        slashed = await http.get(f"{ROOT}/live/{feed}/")
        assert slashed.status_code == 308
        assert slashed.headers["location"] == f"{ROOT}/live/{feed}"
        ours = {url for url in found if "news.test" in url and "mailto:" not in url}
        assert len(ours) > 15
        for url in sorted(ours):
            if "{" in url or "x.com" in url:
                continue
            assert url == SITE or url.startswith(f"{SITE}/"), url
            answer = await http.get(url.removeprefix(SITE) or "/")
            assert answer.status_code == 200, url
        # Nothing of the inside is under the path.
        assert (await http.get(f"{ROOT}/metrics")).status_code == 404
        assert (await http.get("/metrics")).status_code == 200
    snapshot = json.loads(hub.request("GET", f"/v1/feeds/{feed}").text)
    assert snapshot["feed"]["url"] == f"{SITE}/live/{feed}"
