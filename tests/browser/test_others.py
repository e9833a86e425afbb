"""What a feed's page tells of other live feeds, and how it stays current."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Reader
from tests.browser.newsdesk import edit, filled, publish, withdraw
from tests.browser.transports import no_sockets
from tests.conftest import Server

Serving = Callable[..., AbstractContextManager[Server]]

SHIFTS = """window.shift = 0;
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });"""


@pytest.fixture
def newsroom(serving: Serving, tmp_path: Path) -> Iterator[Server]:
    """A server with no feeds but the test's."""
    with serving(tmp_path / "data") as server:
        yield server


def test_other_feeds_are_followed_on_the_pages_connection(
    reader: Reader, newsroom: Server
) -> None:
    """Posts are added, changed and removed, without a request or a shift."""
    feed, other = filled(newsroom, 1), newsroom.new_feed(title="The other")
    first = publish(newsroom, other, "First")
    page = reader.page
    page.add_init_script(SHIFTS)
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    with page.expect_websocket() as opened:
        reader.open(f"{newsroom.url}/live/{feed}")
    text = page.locator(".sp-others li p:last-child")
    expect(text).to_contain_text("First")
    publish(newsroom, other, "of long ago", published_at="2020-01-01T00:00:00Z")
    second = publish(newsroom, other, "Second " * 20)
    expect(text).to_contain_text("Second Second")
    second = edit(newsroom, other, second, headline="Mended")
    expect(text).to_contain_text("Mended")
    assert not [url for url in asked if "others.json" in url]
    withdraw(newsroom, other, second)
    expect(text).to_contain_text("First")
    edit(newsroom, other, first, headline="Still first")
    expect(text).to_contain_text("Still first")
    newsroom.request("PATCH", f"/v1/feeds/{other}", {"title": "Called otherwise"})
    expect(page.locator(".sp-others li")).to_contain_text("Called otherwise")
    newsroom.request("PATCH", f"/v1/feeds/{other}", {"status": "closed"})
    expect(page.locator(".sp-others")).to_be_hidden()
    assert not opened.value.is_closed()
    assert reader.complaints == []
    assert page.evaluate("shift") == 0


def test_other_feeds_out_of_view_are_not_followed(
    reader: Reader, newsroom: Server
) -> None:
    """On return the missed changes are there."""
    feed, other = filled(newsroom, 20), newsroom.new_feed()
    publish(newsroom, other, "First")
    page = reader.page
    # In one column they are below the posts; in two they stay in view.
    page.set_viewport_size({"width": 390, "height": 844})
    with page.expect_websocket() as opened:
        reader.open(f"{newsroom.url}/live/{feed}")
    text = page.locator(".sp-others li p:last-child")
    expect(text).to_contain_text("First")
    line = opened.value
    with line.expect_event("framesent", lambda said: '"follow"' in str(said)):
        text.scroll_into_view_if_needed()
    with line.expect_event("framesent", lambda said: "unfollow" in str(said)):
        page.evaluate("scrollTo(0, 0)")
    publish(newsroom, other, "Unseen")
    with line.expect_event("framereceived", lambda said: "Unseen" in str(said)):
        text.scroll_into_view_if_needed()
    expect(text).to_contain_text("Unseen")


def test_a_deleted_feed_leaves_the_box(reader: Reader, newsroom: Server) -> None:
    """The page's own connection stays."""
    feed, other = filled(newsroom, 1), filled(newsroom, 1)
    reader.open(f"{newsroom.url}/live/{feed}")
    expect(reader.page.locator(".sp-others li")).to_have_count(1)
    newsroom.request("DELETE", f"/v1/feeds/{other}")
    expect(reader.page.locator(".sp-others")).to_be_hidden()
    publish(newsroom, feed, "News")
    reader.shows("News", "1")
    expect(reader.page.locator(".sp-line")).to_have_text("Updating live")


def test_other_feeds_are_polled_without_websockets(
    reader: Reader, newsroom: Server
) -> None:
    """If no socket may be opened."""
    feed, other = filled(newsroom, 1), filled(newsroom, 1)
    no_sockets(reader.page)
    reader.page.clock.install()
    reader.open(f"{newsroom.url}/live/{feed}")
    box = reader.page.locator(".sp-others li")
    expect(box).to_have_count(1)
    publish(newsroom, other, "something new")
    reader.page.clock.run_for("05:00")
    expect(box).to_contain_text("something new")


def test_viewers_of_a_headline_are_not_counted_as_readers(
    reader: Reader, newsroom: Server
) -> None:
    """Other feeds' pages don't follow a feed that shows its reader count."""
    feed = filled(newsroom, 1)
    other = filled(newsroom, 1, show_readers=True)
    reader.open(f"{newsroom.url}/live/{feed}")
    item = reader.page.locator(".sp-others li")
    expect(item).to_have_attribute("data-feed", other)
    assert item.get_attribute("data-cursor") is None
