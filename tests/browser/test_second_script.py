"""The reader's second script: loaded once the page is live, and not needed for that."""

from __future__ import annotations

from playwright.sync_api import Route, expect

from bundle_widget import MEMBERS, MODULES
from tests.browser.conftest import Reader
from tests.browser.host import PAGE, Host
from tests.browser.newsdesk import edit, filled, names, publish, withdraw
from tests.conftest import Server

SECOND = "**/stop-press-more.*.js"


def test_without_it_a_page_is_live(reader: Reader, server: Server) -> None:
    """And says so; what it adds are links, which lead to the hub's own pages."""
    feed = filled(server, 22)
    said: list[str] = []
    reader.page.on("console", lambda one: said.append(one.text))
    reader.page.route(SECOND, lambda route: route.abort())
    reader.open(f"{server.url}/live/{feed}")
    added = publish(server, feed, "23")
    reader.shows(*names(23, 3))
    edit(server, feed, added, headline="Edited")
    reader.shows("Edited", *names(22, 3))
    withdraw(server, feed, added)
    reader.shows(*names(22, 3))
    (told,) = [one for one in said if "stop-press:" in one]
    assert "stop-press-more" in told and "is blocked or missing" in told
    reader.complaints.clear()
    reader.page.locator(".sp-share").first.click()
    reader.page.wait_for_url(f"{server.url}/live/{feed}/*")
    reader.complaints.clear()


def test_without_it_a_widget_is_live(
    reader: Reader, server: Server, host: Host
) -> None:
    """Its title, its posts and its line."""
    feed = filled(server, 2, title="What happens")
    host.pages["/"] = PAGE.format(hub=server.url, feed=feed)
    reader.page.route(SECOND, lambda route: route.abort())
    reader.page.goto(f"{host.url}/")
    reader.is_live()
    expect(reader.page.locator(".sp-title")).to_have_text("What happens")
    publish(server, feed, "3")
    reader.shows(*names(3, 1))
    reader.complaints.clear()


def open_without_it(reader: Reader, url: str) -> list[Route]:
    """Open a page whose second script is on its way: the page may be loading for it."""
    held: list[Route] = []
    reader.page.route(SECOND, lambda route: held.append(route))
    reader.page.goto(url, wait_until="commit")
    reader.is_live()
    return held


def go_on(reader: Reader, held: list[Route]) -> None:
    """Let the second script come, once it was asked for."""
    while not held:
        reader.page.wait_for_timeout(20)
    (route,) = held
    route.continue_()


def test_what_arrived_before_it_is_completed(reader: Reader, server: Server) -> None:
    """Pictures of posts, and key moments."""
    feed = filled(server, 3)
    held = open_without_it(reader, f"{server.url}/live/{feed}")
    picture = {"type": "image", "url": "/demo/p.svg", "width": 120, "height": 60}
    publish(server, feed, "4", media=[picture], key=True)
    reader.shows(*names(4, 1))
    go_on(reader, held)
    expect(reader.page.locator(".sp-posts .sp-image")).to_have_count(1)
    expect(reader.page.locator(".sp-keys li")).to_have_count(1)
    reader.complaints.clear()


def test_a_click_waits_for_it(reader: Reader, server: Server) -> None:
    """A reader who is faster than the network loses nothing."""
    feed = filled(server, 25)
    held = open_without_it(reader, f"{server.url}/live/{feed}")
    reader.page.wait_for_timeout(100)
    reader.page.locator(".sp-more a").click()
    assert reader.headlines() == names(25, 6)
    go_on(reader, held)
    reader.shows(*names(25, 1))
    assert reader.page.url == f"{server.url}/live/{feed}"


def test_what_is_written_short_is_no_name_of_the_browsers(
    reader: Reader, server: Server
) -> None:
    """Nor one of the API: it would be asked for by another name, and be missing."""
    reader.page.goto(f"{server.url}/openapi.json")
    theirs = reader.page.evaluate(
        """(names) => {
            const owners = Object.getOwnPropertyNames(window).flatMap((name) => {
                const value = window[name];
                return value instanceof Object ? [value, value.prototype] : [];
            });
            return names.filter((name) =>
                owners.some((one) => one instanceof Object && name in one));
        }""",
        MEMBERS,
    )
    assert theirs == []
    known = reader.page.inner_text("body")
    known += (MODULES / "words" / "en.json").read_text()
    assert [name for name in MEMBERS if f'"{name}"' in known] == []
