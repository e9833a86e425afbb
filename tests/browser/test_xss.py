"""Nothing an editor sends runs, or loads from another host, wherever it is shown.

More than 1,500 made payloads (`xss_payloads.py`), each in every field of a post that
takes text: on the page, live and from the server's HTML, on permalinks, in the frame,
in the widget on a page of somebody else, at the desk and in its preview, and in HTML
of feeds, opened as a page without any policy. Other hosts lead to a counting listener.

CI opens one of STRIDE parts; `make xss` all of them.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.conftest import CHROMIUM
from tests.browser.host import PAGE, Host
from tests.browser.patience import PATIENCE_MS
from tests.browser.xss_payloads import addresses, payloads
from tests.conftest import Server, started
from tests.waiting import wait_until

STRIDE = int(os.environ.get("XSS_STRIDE", "3"))
PER_POST, PER_FEED = 20, 14
ATOM = "{http://www.w3.org/2005/Atom}"
WATCH = """window.ran = []; window.xss = (n) => { window.ran.push(n); return n; };
window.alert = window.xss;"""


class Listener:
    """What every foreign host leads to; it counts who comes."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.came: list[bytes] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(2)
                try:
                    self.came.append(connection.recv(200))
                except OSError:
                    self.came.append(b"")

    def close(self) -> None:
        """End it."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self._thread.join(5)


@pytest.fixture(scope="module")
def foreign() -> Iterator[Listener]:
    """The other hosts."""
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose posts load nothing from other hosts."""
    data = tmp_path_factory.mktemp("xss") / "data"
    with started(data, "--media-hosts", "", "--embed-hosts", "") as server:
        yield server


@pytest.fixture(scope="module")
def browser(foreign: Listener) -> Iterator[Browser]:
    """A browser for which every name but localhost leads to the listener."""
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                *("--no-sandbox", "--disable-background-networking"),
                f"--host-resolver-rules=MAP *.test 127.0.0.1:{foreign.port}",
            ],
        )
        yield made
        made.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A profile in which `xss` is watched, in every frame."""
    made = browser.new_context()
    made.set_default_timeout(PATIENCE_MS)
    made.add_init_script(WATCH)
    yield made
    made.close()


@pytest.fixture
def host(strict: Server) -> Iterator[Host]:
    """A site of somebody else."""
    made = Host(strict.url)
    yield made
    made.close()


def ran(page: Page) -> list[Any]:
    """What ran in the page and its frames."""
    # A moment for handlers of pictures that are not there.
    page.wait_for_timeout(100)
    found: list[Any] = []
    for frame in page.frames:
        found += frame.evaluate("window.ran ?? []")
    return found


def draft(texts: list[str]) -> dict[str, Any]:
    """A post with the texts in every field that takes one."""
    first = texts[0]
    return {
        "headline": first,
        "body": "\n\n".join(texts),
        "tags": [text[:60] for text in texts if text[:60].strip()],
        "authors": [{"name": text[:200], "url": "/a"} for text in texts],
        "source": {"name": first[:200], "url": "https://a.test/"},
        "location": first[:200],
        "correction": {"note": first},
        "media": [
            {
                **{"type": kind, "url": f"/x{n}.png"},
                **dict.fromkeys(("alt", "caption", "credit", "title"), text),
                **dict.fromkeys(("text", "provider"), text),
            }
            for n, text in enumerate(texts)
            for kind in [("image", "quote", "link", "embed")[n % 4]]
        ],
    }


def fill(server: Server, feed: str, texts: list[str]) -> list[str]:
    """Publish the texts; the posts' ids."""
    found = []
    for start in range(0, len(texts), PER_POST):
        made = server.request(
            *("POST", f"/v1/feeds/{feed}/posts", draft(texts[start : start + PER_POST]))
        )
        assert made.status_code == 201, made.text
        found.append(made.json()["post"]["id"])
    return found


def printable(texts: list[str]) -> list[str]:
    """Without those with control characters, which the API refuses."""
    return [text for text in texts if "\x01" not in text]


ALL = printable(payloads())
PART = PER_POST * PER_FEED
PARTS = [ALL[start : start + PART] for start in range(0, len(ALL), PART)]


def shows(page: Page, posts: int) -> None:
    """Wait until all posts are there."""
    page.wait_for_function(
        """count => (document.querySelector("stop-press").shadowRoot ?? document)
            .querySelectorAll(".sp-posts > article").length === count""",
        arg=posts,
    )


def test_the_detectors_work(context: BrowserContext, foreign: Listener) -> None:
    """A foreign script and a picture are detected: silence proves something."""
    page = context.new_page()
    page.set_content("<img src=x onerror=xss(7)><img src='http://foreign.test/7.png'>")
    page.wait_for_function("() => window.ran.length > 0")
    assert ran(page) == [7]
    wait_until(lambda: any(b"/7.png" in one for one in foreign.came))
    foreign.came.clear()


@pytest.mark.parametrize("part", range(0, len(PARTS), STRIDE))
def test_no_payload_runs_or_loads_anything(
    strict: Server, context: BrowserContext, host: Host, foreign: Listener, part: int
) -> None:
    """Wherever readers and editors see a post."""
    foreign.came.clear()
    texts = PARTS[part]
    url, first = strict.url, texts[0]
    feed = strict.new_feed(
        title=first,
        standfirst=first,
        summary=first,
        links=[{"title": first, "url": "/a"}],
    )
    host.pages["/"] = PAGE.format(hub=url, feed=feed)
    page, wall = context.new_page(), context.new_page()
    page.goto(f"{url}/live/{feed}")
    wall.goto(host.url)
    for one in (page, wall):
        one.wait_for_selector('.sp-line[data-line="live"]', state="attached")
    posts = fill(strict, feed, texts)
    # By the script, as they came in.
    for one in (page, wall):
        shows(one, len(posts))
        assert ran(one) == []
    wall.close()
    for path in (
        *(f"/live/{feed}", f"/embed/{feed}", f"/live/{feed}/{posts[0]}"),
        *(f"/embed/{feed}/{posts[-1]}", "/", f"/live/{feed}?tag={first[:60]!r}"),
    ):
        answer = page.goto(url + path)
        assert answer is not None
        policy = answer.headers["content-security-policy"]
        assert "require-trusted-types-for 'script'" in policy, path
        assert ran(page) == [], path
    at_the_desk(strict, page, feed, texts)
    in_feed_readers(strict, page, feed)
    assert foreign.came == []


def at_the_desk(server: Server, page: Page, feed: str, texts: list[str]) -> None:
    """The list of posts, and the preview as the desk shows it."""
    page.goto(f"{server.url}/desk")
    if page.locator("input[name=token]").count():
        page.fill("input[name=token]", server.token)
        page.keyboard.press("Enter")
        page.wait_for_selector("[data-media]", state="attached")
    page.goto(f"{server.url}/desk?feed={feed}")
    page.wait_for_function("() => document.body.innerText.includes('xss(')")
    assert ran(page) == []
    shown = page.evaluate(
        """async ([feed, draft]) => {
            const answer = await fetch(`/v1/feeds/${feed}/preview`, {
                method: "POST", body: JSON.stringify(draft),
                headers: { "content-type": "application/json" },
            });
            return [answer.status, await answer.text()];
        }""",
        [feed, draft(texts[:PER_POST])],
    )
    assert shown[0] == 200, shown
    # Where no policy would stop it.
    page.goto("about:blank")
    page.set_content(json.loads(shown[1])["html"])
    assert ran(page) == []


def in_feed_readers(server: Server, page: Page, feed: str) -> None:
    """The HTML in Atom and JSON Feed, opened as a page without a policy."""
    atom = httpx.get(f"{server.url}/live/{feed}/atom.xml", trust_env=False)
    kept = ET.fromstring(atom.content)
    html = [one.text or "" for one in kept.iter(f"{ATOM}content")]
    other = httpx.get(f"{server.url}/live/{feed}/feed.json", trust_env=False).json()
    html += [one["content_html"] for one in other["items"]]
    assert len(html) > PER_FEED // 2
    page.goto("about:blank")
    for text in ("".join(html), f"<div>{html[0]}</div>"):
        page.set_content(text)
        assert ran(page) == []


@pytest.mark.parametrize("where", ["url", "author", "source", "image", "feed"])
def test_addresses_are_refused_or_harmless(strict: Server, where: str) -> None:
    """In every field: no other scheme, no hidden host."""
    feed = strict.new_feed()
    taken = []
    for address in addresses():
        by_field: dict[str, dict[str, Any]] = {
            "url": {"media": [{"type": "link", "url": address}]},
            "image": {"media": [{"type": "link", "url": "/a", "image": address}]},
            "author": {"body": "x", "authors": [{"name": "a", "url": address}]},
            "source": {"body": "x", "source": {"name": "a", "url": address}},
            "feed": {"links": [{"title": "a", "url": address}]},
        }
        method, path = "POST", f"/v1/feeds/{feed}/posts"
        if where == "feed":
            method, path = "PATCH", f"/v1/feeds/{feed}"
        answer = strict.request(method, path, by_field[where])
        assert answer.status_code in (200, 201, 400, 422), answer.text
        if answer.status_code < 300:
            taken.append(address)
    # A quote is a character of the path: it stays inside its attribute.
    good = ("http://foreign.test/", "https://a.test/'")
    assert all(one.lower().startswith(good) for one in taken), taken
    assert len(taken) == 2
