"""Other posts than the newest: by tag, key moments, from the oldest on, further on."""

from __future__ import annotations

import json
import re
from typing import Any

from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.conftest import Reader, Readers
from tests.browser.host import Host
from tests.browser.newsdesk import edit, filled, names, publish, withdraw
from tests.conftest import Server


class Deafness:
    """A line that stops telling, until it says that nothing can be continued."""

    def __init__(self, page: Page) -> None:
        self._lines: list[WebSocketRoute] = []
        self._deaf = False
        page.route_web_socket(re.compile("/v1/live"), self._pass_on)

    def _pass_on(self, line: WebSocketRoute) -> None:
        def heard(message: str | bytes) -> None:
            if not self._deaf:
                line.send(message)

        line.connect_to_server().on_message(heard)
        self._lines.append(line)

    def begin(self) -> None:
        """Tell nothing from now on."""
        self._deaf = True

    def reset(self, server: Server, feed: str) -> None:
        """Say that the line goes on from now."""
        self._deaf = False
        cursor = server.request("GET", f"/v1/feeds/{feed}").json()["cursor"]
        said = {"type": "reset", "feed": feed, "cursor": cursor, "retry_ms": 0}
        self._lines[-1].send(json.dumps(said))


def tagged(server: Server, count: int) -> str:
    """A feed with posts 1 to `count`: odd ones are tagged, each tenth is key."""
    feed = server.new_feed()
    for n in range(1, count + 1):
        tags = ["sea & air"] if n % 2 else []
        publish(server, feed, str(n), tags=tags, key=n % 10 == 0)
    return feed


def odd(newest: int, oldest: int) -> list[str]:
    """The names of tagged posts, from the top."""
    return [name for name in names(newest, oldest) if int(name) % 2]


def test_filters_work_without_javascript(readers: Readers, server: Server) -> None:
    """Tags, key moments and the other order are links; paging keeps the filter."""
    feed = tagged(server, 45)
    reader = readers(java_script_enabled=False)
    page = reader.page
    page.goto(f"{server.url}/live/{feed}")
    page.get_by_role("link", name="sea & air").first.click()
    assert reader.headlines() == odd(45, 6)
    canonical = page.locator("link[rel=canonical]")
    assert canonical.get_attribute("href") == f"{server.url}/live/{feed}"
    page.get_by_role("link", name="Older posts").click()
    assert reader.headlines() == odd(5, 1)
    page.get_by_role("link", name="Newest posts").click()
    page.get_by_role("link", name="Oldest first").click()
    assert reader.headlines() == odd(39, 1)[::-1]
    page.get_by_role("link", name="Later posts").click()
    assert reader.headlines() == ["41", "43", "45"]
    page.get_by_role("link", name="All of the coverage").click()
    page.get_by_role("link", name="Key moments").click()
    assert reader.headlines() == ["40", "30", "20", "10"]
    assert page.title().startswith("Key moments · ")


def test_arrivals_respect_the_filter(reader: Reader, server: Server) -> None:
    """Posts with the tag are added, others are not; a post that loses it leaves."""
    feed = tagged(server, 5)
    reader.open(f"{server.url}/live/{feed}?tag=sea+%26+air")
    reader.shows("5", "3", "1")
    publish(server, feed, "6")
    seventh = publish(server, feed, "7", tags=["sea & air"])
    reader.shows("7", "5", "3", "1")
    edit(server, feed, seventh, tags=["land"])
    reader.shows("5", "3", "1")
    assert reader.complaints == []


def test_older_posts_keep_the_filter(reader: Reader, server: Server) -> None:
    """They are loaded in place."""
    feed = tagged(server, 45)
    reader.open(f"{server.url}/live/{feed}?tag=sea+%26+air")
    reader.page.get_by_role("link", name="Older posts").click()
    reader.shows(*odd(45, 1))


def test_oldest_first_adds_new_posts_at_the_end(reader: Reader, server: Server) -> None:
    """If the end is in view; otherwise they wait."""
    feed = filled(server, 3)
    reader.open(f"{server.url}/live/{feed}?order=oldest")
    reader.shows("1", "2", "3")
    reader.page.locator(".sp-posts article").last.focus()
    reader.page.keyboard.press("End")
    publish(server, feed, "4")
    reader.shows("1", "2", "3", "4")
    # What comes together is put there together; this one's end is out of view.
    publish(server, feed, "5", body="Words.\n\n" * 60)
    reader.shows("1", "2", "3", "4", "5")
    for n in range(6, 16):
        publish(server, feed, str(n), body="Words.\n\n" * 5)
    page = reader.page
    waiting = page.locator(".sp-new")
    expect(waiting).to_be_visible()
    page.wait_for_function("() => document.title.startsWith('(')")
    shown = len(reader.headlines())
    waiting.click()
    reader.shows(*names(15, 1)[::-1])
    first = page.locator(".sp-since")
    expect(first).to_have_count(1)
    expect(page.locator(":focus .sp-headline")).to_have_text(str(shown + 1))
    expect(page.locator(":focus .sp-since")).to_be_visible()
    assert reader.complaints == []


def test_oldest_first_pages_have_no_gap(reader: Reader, server: Server) -> None:
    """New posts are not inserted before the end is loaded."""
    feed = filled(server, 45)
    reader.open(f"{server.url}/live/{feed}?order=oldest")
    more = reader.page.get_by_role("link", name="Later posts")
    publish(server, feed, "46")
    more.click()
    reader.shows(*names(40, 1)[::-1])
    expect(reader.page.locator(":focus .sp-headline")).to_have_text("21")
    more.click()
    reader.shows(*names(46, 1)[::-1])
    expect(more).to_be_hidden()
    assert reader.complaints == []


def test_an_edit_of_an_unseen_post_is_not_counted_as_new(
    reader: Reader, server: Server
) -> None:
    """On an older page, only later posts are counted."""
    feed = server.new_feed()
    posts = [publish(server, feed, str(n)) for n in range(1, 5)]
    reader.open(f"{server.url}/live/{feed}/{posts[1]['id']}")
    edit(server, feed, posts[3], headline="Four")
    publish(server, feed, "5")
    button = reader.page.get_by_role("button", name="1 new update", exact=True)
    expect(button).to_be_visible()
    assert reader.headlines() == ["2", "1"]


def reset_of(reader: Reader, server: Server, feed: str, path: str, act: Any) -> None:
    """Open a page, let something happen unheard, and reset its line."""
    line = Deafness(reader.page)
    loads: list[str] = []
    reader.page.on("framenavigated", lambda frame: loads.append(frame.url))
    reader.open(server.url + path)
    line.begin()
    act()
    line.reset(server, feed)
    reader.loads = loads  # type: ignore[attr-defined]


def test_a_reset_leaves_a_posts_page_in_place(reader: Reader, server: Server) -> None:
    """The page is not reloaded: its posts are fetched, new posts are counted."""
    feed = server.new_feed()
    posts = [publish(server, feed, str(n)) for n in range(1, 5)]

    def unheard() -> None:
        edit(server, feed, posts[2], headline="Three")
        withdraw(server, feed, posts[0])
        publish(server, feed, "5")

    reset_of(reader, server, feed, f"/live/{feed}/{posts[2]['id']}", unheard)
    reader.shows("Three", "2")
    button = reader.page.get_by_role("button", name="1 new update", exact=True)
    expect(button).to_be_visible()
    assert len(reader.loads) == 1  # type: ignore[attr-defined]
    assert reader.complaints == []


def test_a_reset_keeps_the_filter(reader: Reader, server: Server) -> None:
    """And the order, and the posts loaded."""
    feed = tagged(server, 45)

    def unheard() -> None:
        publish(server, feed, "46")
        publish(server, feed, "47", tags=["sea & air"])

    path = f"/live/{feed}?tag=sea+%26+air&order=oldest"
    reset_of(reader, server, feed, path, unheard)
    reader.page.get_by_role("link", name="Later posts").click()
    reader.shows(*odd(47, 1)[::-1])


def test_an_embeds_attributes_set_the_filter(
    reader: Reader, server: Server, host: Host
) -> None:
    """As the address does for a page."""
    feed = tagged(server, 5)
    host.pages["/"] = (
        f'<!doctype html><script async src="{server.url}/stop-press.js"></script>'
        f'<title>N</title><stop-press feed="{feed}"'
        ' posts="tag=sea+%26+air&amp;order=oldest">'
    )
    reader.page.goto(f"{host.url}/")
    reader.shows("1", "3", "5")
    reader.is_live()
    publish(server, feed, "6")
    publish(server, feed, "7", tags=["sea & air"])
    reader.shows("1", "3", "5", "7")
