"""The widget in other sites' pages, and the frame: drawn apart, allowed by a strict
policy, and as live as the page."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from playwright.sync_api import Route, WebSocket, expect

from tests.browser.conftest import Reader, Readers
from tests.browser.host import PAGE, Host
from tests.browser.newsdesk import edit, filled, names, publish, withdraw
from tests.browser.transports import no_sockets
from tests.conftest import Server


def test_the_widget_works_under_a_strict_policy(
    reader: Reader, server: Server, host: Host
) -> None:
    """Shadow DOM, no inline styles, every change, and no violation."""
    feed = filled(server, 25, summary="- one\n- two")
    host.pages["/"] = PAGE.format(hub=server.url, feed=feed)
    reader.page.goto(f"{host.url}/")
    reader.shows(*names(25, 6))
    reader.is_live()
    style = "stop-press .sp-posts"
    align = reader.page.locator(style).evaluate("one => getComputedStyle(one).color")
    assert align
    badge = reader.page.locator(".sp-badge")
    weight = badge.evaluate("one => getComputedStyle(one).fontWeight")
    assert weight == "700", "the sheet is adopted"
    added = publish(server, feed, "26", body=f"[a](/live/{feed})")
    reader.shows(*names(26, 6))
    link = reader.page.locator(".sp-body a").first
    assert link.get_attribute("href") == f"{server.url}/live/{feed}"
    edit(server, feed, added, headline="Edited")
    reader.shows("Edited", *names(25, 6))
    withdraw(server, feed, added)
    reader.shows(*names(25, 6))
    reader.page.get_by_role("link", name="Older posts").click()
    reader.shows(*names(25, 1))
    assert reader.page.title() == "News", "a host's title is its own"
    assert [one for one in reader.complaints if "404" not in one] == []


@pytest.mark.parametrize("whole", [True, False])
def test_a_script_with_its_digest_in_the_name_is_verified(
    reader: Reader, server: Server, host: Host, whole: bool
) -> None:
    """The browser checks the digest."""
    feed = filled(server, 2)
    page = server.request("GET", f"/live/{feed}").text
    found = re.search(r'src="(/stop-press\.\w+\.js)"', page)
    assert found
    script = server.request("GET", found[1]).content
    digest = hashlib.sha384(script if whole else script[1:]).digest()
    host.pages["/"] = (
        "<!doctype html><title>N</title><script async crossorigin"
        f' src="{server.url}{found[1]}"'
        f' integrity="sha384-{base64.b64encode(digest).decode()}"></script>'
        f'<stop-press feed="{feed}"><a href="/">Read it live</a></stop-press>'
    )
    reader.page.goto(f"{host.url}/")
    if whole:
        reader.shows("2", "1")
        reader.is_live()
    else:
        expect(reader.page.get_by_role("link", name="Read it live")).to_be_visible()
        reader.until(lambda: any("integrity" in one for one in reader.complaints))


def test_without_a_feed_the_fallback_stays(
    reader: Reader, server: Server, host: Host
) -> None:
    """With one line in the console, and the link inside."""
    host.pages["/"] = PAGE.format(hub=server.url, feed="no-such-feed")
    with reader.page.expect_console_message(lambda one: "no-such-feed" in one.text):
        reader.page.goto(f"{host.url}/")
    expect(reader.page.get_by_role("link", name="Read it live")).to_be_visible()
    assert not [one for one in reader.complaints if one.startswith("thrown")]


def test_the_widget_can_be_moved_removed_and_reinserted(
    reader: Reader, server: Server, host: Host
) -> None:
    """Removal closes its connection; reinsertion resumes at its cursor."""
    feed = filled(server, 2)
    host.pages["/"] = PAGE.format(hub=server.url, feed=feed)
    lines: list[str] = []

    def opened(line: WebSocket) -> None:
        lines.append("open")
        line.on("close", lambda _: lines.append("close"))

    reader.page.on("websocket", opened)
    reader.page.goto(f"{host.url}/")
    reader.shows("2", "1")
    reader.is_live()
    with reader.page.expect_event("websocket") as _:
        reader.page.evaluate(
            """async () => {
                window.own = document.querySelector("stop-press");
                own.remove();
                await new Promise((go) => setTimeout(go));
                document.body.append(own);
            }"""
        )
    publish(server, feed, "3")
    reader.shows("3", "2", "1")
    reader.until(lambda: "close" in lines)
    assert lines.count("open") == 2 and lines.count("close") == 1


def test_the_host_page_receives_events(
    reader: Reader, server: Server, host: Host
) -> None:
    """stoppress:post and stoppress:state leave the shadow tree."""
    feed = filled(server, 1)
    host.pages["/"] = PAGE.format(hub=server.url, feed=feed)
    reader.page.add_init_script(
        """window.heard = [];
        for (const name of ["post", "state"]) addEventListener(
            `stoppress:${name}`, ({ detail }) => heard.push([name, detail]), true);"""
    )
    reader.page.goto(f"{host.url}/")
    reader.is_live()
    publish(server, feed, "2")
    reader.page.wait_for_function("() => heard.some(([name]) => name === 'post')")
    heard = reader.page.evaluate("heard")
    assert ["state", {"line": "live", "status": "live"}] in heard
    (post,) = [detail for name, detail in heard if name == "post"]
    assert post["type"] == "post.published" and post["post"]["headline"] == "2"


def test_the_feed_attribute_switches_the_feed(
    reader: Reader, server: Server, host: Host
) -> None:
    """Attributes are the only input, and may change."""
    one, two = filled(server, 1), filled(server, 2)
    host.pages["/"] = PAGE.format(hub=server.url, feed=one)
    reader.page.goto(f"{host.url}/")
    reader.shows("1")
    reader.page.evaluate(
        "(feed) => document.querySelector('stop-press').setAttribute('feed', feed)", two
    )
    reader.shows("2", "1")


def test_another_language_redraws_the_widget(
    reader: Reader, server: Server, host: Host
) -> None:
    """Its texts and its direction."""
    feed = filled(server, 3)
    host.pages["/"] = PAGE.format(hub=server.url, feed=feed)
    reader.page.goto(f"{host.url}/")
    reader.shows(*names(3, 1))
    server.request("PATCH", f"/v1/feeds/{feed}", {"language": "ar", "direction": "rtl"})
    expect(reader.page.locator(".sp-posts .sp-share").first).to_have_text("مشاركة")
    expect(reader.page.locator(".sp")).to_have_attribute("dir", "rtl")
    reader.shows(*names(3, 1))
    assert [one for one in reader.complaints if "404" not in one] == []


def test_the_frame_sends_its_height_to_the_named_parent(
    reader: Reader, server: Server, host: Host
) -> None:
    """Its links lead out of the frame."""
    feed = filled(server, 3)
    host.pages["/"] = (
        f'<!doctype html><title>N</title><iframe src="{server.url}/embed/{feed}'
        f'?parent={host.url}" width="400" height="300"></iframe>'
    )
    reader.page.add_init_script(
        """window.heights = [];
        addEventListener("message", ({ data, origin }) =>
            heights.push([origin, data.type, data.feed, data.height]));"""
    )
    reader.page.goto(f"{host.url}/")
    reader.page.wait_for_function("() => heights.length")
    origin, kind, told, height = reader.page.evaluate("heights[0]")
    assert (origin, kind, told) == (server.url, "stoppress:height", feed)
    assert height > 100
    frame = reader.page.frame_locator("iframe")
    expect(frame.locator(".sp-line")).to_have_text("Updating live")
    target = frame.locator("base").get_attribute("target")
    assert target == "_top"


def reading_token(server: Server, feed: str) -> str:
    """A token that reads one feed, and may do nothing else."""
    given = {"scopes": ["read"], "feeds": [feed]}
    made = server.request("POST", "/v1/tokens", given)
    assert made.status_code == 201, made.text
    token: str = made.json()["token"]
    return token


@pytest.mark.parametrize("sockets", [True, False])
@pytest.mark.parametrize("given", ["attribute", "property before", "property after"])
def test_a_private_feed_is_read_with_a_token(
    reader: Reader, server: Server, host: Host, given: str, sockets: bool
) -> None:
    """The token is in no address but a WebSocket's, no link and no Referer."""
    feed = filled(server, 25, visibility="private")
    token = reading_token(server, feed)
    tag = f'<stop-press feed="{feed}"'
    page = PAGE.format(hub=server.url, feed=feed)
    if given == "attribute":
        page = page.replace(tag, f'{tag} token="{token}"')
    host.pages["/"] = page
    asked: list[str] = []
    reader.page.on(
        "request", lambda one: asked.append(one.url + one.headers.get("referer", ""))
    )
    lines: list[str] = []
    reader.page.on("websocket", lambda line: lines.append(line.url))
    if not sockets:
        no_sockets(reader.page)
    set_it = "token => (document.querySelector('stop-press').token = token)"
    if given == "property before":
        late = re.compile(r"/stop-press\.js")

        def wait(route: Route) -> None:
            reader.page.evaluate(set_it, token)
            route.continue_()

        reader.page.route(late, wait)
    reader.page.goto(f"{host.url}/", wait_until="domcontentloaded")
    if given == "property after":
        reader.page.wait_for_function("() => customElements.get('stop-press')")
        reader.page.evaluate(set_it, token)
    reader.shows(*names(25, 6))
    reader.is_live()
    publish(server, feed, "26")
    # A click scrolls down to the link, and then a new post waits behind its button.
    reader.shows(*names(26, 6))
    reader.page.get_by_role("link", name="Older posts").click()
    reader.shows(*names(26, 1))
    assert len(lines) == int(sockets) and all(token in line for line in lines)
    assert len(asked) > 4 and not [url for url in asked if token in url]
    shadow = "document.querySelector('stop-press').shadowRoot.innerHTML"
    assert token not in reader.page.evaluate(shadow)


def test_a_private_feed_without_its_token_is_not_shown(
    reader: Reader, server: Server, host: Host
) -> None:
    """With none, a wrong one, or another feed's: the fallback stays, with one line."""
    feed, other = filled(server, 1, visibility="private"), filled(server, 1)
    tag = f'<stop-press feed="{feed}"'
    for token in ("", "sp_wrong", reading_token(server, other)):
        page = PAGE.format(hub=server.url, feed=feed)
        host.pages["/"] = page.replace(tag, f'{tag} token="{token}"')
        reader.complaints.clear()
        with reader.page.expect_console_message(lambda one: feed in one.text):
            reader.page.goto(f"{host.url}/")
        link = reader.page.get_by_role("link", name="Read it live")
        expect(link).to_be_visible()
        ours = [one for one in reader.complaints if "stop-press" in one]
        assert len([one for one in ours if "status of 40" not in one]) == 1
        assert not [one for one in reader.complaints if one.startswith("thrown")]


def test_on_a_wide_page_the_columns_stand_side_by_side(
    readers: Readers, server: Server, host: Host
) -> None:
    """Not with an empty space between them."""
    feed = filled(server, 3, summary="- one")
    host.pages["/"] = PAGE.format(hub=server.url, feed=feed)
    reader = readers(viewport={"width": 1900, "height": 900})
    reader.open(f"{host.url}/")
    between = reader.page.evaluate(
        """() => {
            const { shadowRoot } = document.querySelector("stop-press");
            const [main, side] = [".sp-main", ".sp-side"]
                .map((name) => shadowRoot.querySelector(name))
                .map((one) => one.getBoundingClientRect());
            return side.left - main.right;
        }"""
    )
    assert 0 < between < 100
