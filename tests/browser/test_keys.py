"""The list of key moments: on the page, in an embed, and current in both."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from tests.browser.conftest import Reader, Readers
from tests.browser.host import PAGE, Host
from tests.browser.newsdesk import edit, filled, names, publish, withdraw
from tests.conftest import Server


def moments(page: Page) -> Locator:
    """The texts of the list."""
    return page.locator(".sp-keys li span")


def test_key_moments_link_to_posts_without_javascript(
    readers: Readers, server: Server
) -> None:
    """Also to a post on another page."""
    feed = server.new_feed()
    publish(server, feed, "long ago", key=True)
    for n in range(22):
        publish(server, feed, str(n), key=n == 20)
    reader = readers(java_script_enabled=False)
    reader.page.goto(f"{server.url}/live/{feed}")
    expect(moments(reader.page)).to_have_text(["20", "long ago"])
    expect(reader.page.get_by_role("navigation", name="Key moments")).to_be_visible()
    reader.page.get_by_role("link", name="long ago").click()
    assert reader.headlines() == ["long ago"]
    expect(reader.page.locator(".sp-keys")).to_be_hidden()


def test_key_moments_are_live(reader: Reader, server: Server) -> None:
    """Moments are added, changed and removed; an empty list has no box."""
    feed = server.new_feed()
    first = publish(server, feed, "1", published_at="2026-01-01T00:00:00Z")
    reader.open(f"{server.url}/live/{feed}")
    expect(reader.page.locator(".sp-keys")).to_be_hidden()
    second = publish(server, feed, "2", key=True)
    first = edit(server, feed, first, key=True)
    expect(moments(reader.page)).to_have_text(["2", "1"])
    first = edit(server, feed, first, headline="One")
    expect(moments(reader.page)).to_have_text(["2", "One"])
    edit(server, feed, first, key=False)
    expect(moments(reader.page)).to_have_text(["2"])
    withdraw(server, feed, second)
    expect(reader.page.locator(".sp-keys")).to_be_hidden()
    assert reader.complaints == []


def test_a_loaded_moment_is_scrolled_to(reader: Reader, server: Server) -> None:
    """Without leaving the page; focus moves along."""
    feed = server.new_feed()
    publish(server, feed, "first", key=True)
    for n in range(15):
        publish(server, feed, str(n))
    reader.open(f"{server.url}/live/{feed}")
    reader.page.locator(".sp-keys li a").click()
    expect(reader.page.locator(":focus .sp-headline")).to_have_text("first")
    expect(reader.page.locator(":focus")).to_be_in_viewport()
    assert reader.page.url == f"{server.url}/live/{feed}"


def test_key_moments_are_drawn_in_an_embed(
    reader: Reader, server: Server, host: Host
) -> None:
    """With the earlier moments, and live."""
    feed = server.new_feed()
    publish(server, feed, "long ago", key=True)
    for n in range(21):
        publish(server, feed, str(n))
    host.pages["/"] = PAGE.format(hub=server.url, feed=feed)
    reader.page.goto(f"{host.url}/")
    reader.is_live()
    expect(moments(reader.page)).to_have_text(["long ago"])
    publish(server, feed, "now", key=True)
    expect(moments(reader.page)).to_have_text(["now", "long ago"])
    link = reader.page.locator(".sp-keys a").last
    assert re.match(f"{server.url}/live/{feed}/", link.get_attribute("href") or "")


def test_a_reset_reloads_key_moments(reader: Reader, server: Server) -> None:
    """A post withdrawn during the gap leaves the list too."""
    feed = filled(server, 2)
    first = publish(server, feed, "first", key=True)
    deaf: list[bool] = []

    def pass_on(line: WebSocketRoute) -> None:
        def heard(message: str | bytes) -> None:
            if not deaf:
                line.send(message)

        line.connect_to_server().on_message(heard)
        held.append(line)

    held: list[WebSocketRoute] = []
    reader.page.route_web_socket(re.compile("/v1/live"), pass_on)
    reader.open(f"{server.url}/live/{feed}")
    expect(moments(reader.page)).to_have_text(["first"])
    deaf.append(True)
    withdraw(server, feed, first)
    publish(server, feed, "second", key=True)
    cursor = server.request("GET", f"/v1/feeds/{feed}").json()["cursor"]
    reset = {"type": "reset", "feed": feed, "cursor": cursor, "retry_ms": 0}
    held[-1].send(json.dumps(reset))
    reader.shows("second", *names(2, 1))
    expect(moments(reader.page)).to_have_text(["second"])
    assert reader.complaints == []
