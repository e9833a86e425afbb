"""The reader's second script: loaded once the page is live, and not needed for that."""

from __future__ import annotations

from playwright.sync_api import Route, expect

from bundle_widget import MEMBERS, MODULES
from tests.browser.conftest import Reader
from tests.browser.host import PAGE, Host
from tests.browser.newsdesk import edit, filled, names, publish, withdraw
from tests.conftest import Server

SECOND = "**/stop-press-more.*.js"


def test_a_page_is_live_without_the_second_script(
    reader: Reader, server: Server
) -> None:
    """Its features are links to the hub's own pages."""
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
    reader.until(lambda: any("stop-press:" in one for one in said))
    (told,) = [one for one in said if "stop-press:" in one]
    assert "stop-press-more" in told and "is blocked or missing" in told
    reader.complaints.clear()
    reader.page.locator(".sp-share").first.click()
    reader.page.wait_for_url(f"{server.url}/live/{feed}/*")
    reader.complaints.clear()


def test_a_widget_is_live_without_the_second_script(
    reader: Reader, server: Server, host: Host
) -> None:
    """Title, posts and status line."""
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
    reader.until(lambda: held)
    (route,) = held
    route.continue_()


def test_posts_before_the_second_script_are_completed(
    reader: Reader, server: Server
) -> None:
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


def test_a_click_waits_for_the_second_script(reader: Reader, server: Server) -> None:
    """A click before it has loaded is not lost."""
    feed = filled(server, 25)
    held = open_without_it(reader, f"{server.url}/live/{feed}")
    reader.page.wait_for_timeout(100)
    reader.page.locator(".sp-more a").click()
    assert reader.headlines() == names(25, 6)
    go_on(reader, held)
    reader.shows(*names(25, 1))
    assert reader.page.url == f"{server.url}/live/{feed}"


def test_shortened_names_are_no_browser_names(reader: Reader, server: Server) -> None:
    """Nor names of the API, which would then be read under the wrong name."""
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
