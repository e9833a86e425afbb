"""The demo's pages: each linked from the list of feeds, live, and without complaint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from axe_core_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from tests.browser.conftest import Reader, Readers
from tests.browser.newsdesk import publish
from tests.conftest import Server

Serving = Callable[..., AbstractContextManager[Server]]

FEEDS = {
    "ostermere-flood": {"title": "The Arrel in flood"},
    "kuzgun-sis": {"title": "Sis", "language": "tr"},
    "rayhan-1": {"title": "ريحان-1", "language": "ar", "direction": "rtl"},
}
PAGES = ("newspaper", "arabic", "wall", "strict", "websocket", "eventsource")


@pytest.fixture(scope="module")
def demo(
    serving: Serving, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server with the demo's pages, and feeds of its names."""
    data = tmp_path_factory.mktemp("demo") / "data"
    with serving(data, STOPPRESS_DEMO="1") as server:
        for slug, fields in FEEDS.items():
            given = {"slug": slug, **fields}
            assert server.request("POST", "/v1/feeds", given).status_code == 201
            publish(server, slug, "First")
        yield server


def feed_of(name: str) -> str:
    """The feed that a page shows."""
    return "rayhan-1" if name == "arabic" else "ostermere-flood"


def shows(page: Page, name: str, headline: str) -> None:
    """Wait until a page shows a post, by whatever means it has."""
    bare = name in ("websocket", "eventsource")
    where = {"wall": "#headline", "websocket": "#messages", "eventsource": "#messages"}
    place = page.locator(where.get(name, "stop-press .sp-posts"))
    expect(place).to_contain_text(f'"headline":"{headline}"' if bare else headline)


@pytest.mark.parametrize("name", PAGES)
def test_a_demo_page_is_live(reader: Reader, demo: Server, name: str) -> None:
    """Linked from the list of feeds; posts arrive; no other host, no console error."""
    publish(demo, feed_of(name), f"Before {name}")
    asked: set[str] = set()
    reader.page.on("request", lambda one: asked.add(one.url))
    reader.page.goto(demo.url)
    reader.page.locator(f'a[href="/demo/{name}.html"]').click()
    reader.page.wait_for_url(f"**/demo/{name}.html")
    if name in ("websocket", "eventsource"):
        expect(reader.page.locator("#state")).to_have_attribute("data-state", "open")
    else:
        shows(reader.page, name, f"Before {name}")
    publish(demo, feed_of(name), f"News for {name}")
    shows(reader.page, name, f"News for {name}")
    strange = [one for one in asked if not one.startswith((demo.url, "data:"))]
    assert not strange
    assert reader.complaints == []
    if name == "strict":
        expect(reader.page.locator("#count")).to_have_text("0")


def test_the_strict_page_counts_violations(reader: Reader, demo: Server) -> None:
    """A refused script is counted, so that the 0 beside it proves something."""
    reader.page.goto(f"{demo.url}/demo/strict.html")
    reader.page.evaluate(
        """document.body.append(
            Object.assign(new Image(), { src: "https://a.example/" }))"""
    )
    expect(reader.page.locator("#count")).to_have_text("1")
    expect(reader.page.locator("#what")).to_contain_text("img-src")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_violation(
    readers: Readers, demo: Server, scheme: str, name: str
) -> None:
    """And no line is too wide."""
    reader = readers(
        color_scheme=scheme,
        reduced_motion="reduce",
        viewport={"width": 360, "height": 740},
    )
    reader.page.goto(f"{demo.url}/demo/{name}.html")
    if name not in ("websocket", "eventsource"):
        expect(reader.page.locator("stop-press article, #now").first).to_be_visible()
    found = Axe().run(reader.page)["violations"]
    assert not found, [
        (one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found
    ]
    assert reader.page.evaluate("document.documentElement.scrollWidth") == 360
