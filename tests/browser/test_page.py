"""A feed's page in a real Chromium over a real server: what a reader can rely on."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, WebSocketRoute, expect

from tests.browser.conftest import Reader, Readers
from tests.conftest import Server

Serving = Callable[..., AbstractContextManager[Server]]

HOSTILE = (
    "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'>"
    "<svg onload='window.ran = 1'>"
)


def publish(server: Server, feed: str, headline: str, **more: Any) -> dict[str, Any]:
    """Publish a post; its public JSON."""
    body = more.pop("body", f"Text of {headline}.")
    post: dict[str, Any] = server.publish(feed, body, headline=headline, **more)["post"]
    return post


def edit(server: Server, feed: str, post: dict[str, Any], **change: Any) -> Any:
    """Change a post."""
    path = f"/v1/feeds/{feed}/posts/{post['id']}"
    made = server.request("PATCH", path, change, if_match=f'"{post["rev"]}"')
    assert made.status_code == 200, made.text
    return made.json()["post"]


def withdraw(server: Server, feed: str, post: dict[str, Any]) -> None:
    """Withdraw a post."""
    made = server.request("DELETE", f"/v1/feeds/{feed}/posts/{post['id']}")
    assert made.status_code == 204, made.text


def filled(server: Server, count: int, **fields: Any) -> str:
    """A feed with posts called 1 to `count`."""
    feed = server.new_feed(**fields)
    for n in range(1, count + 1):
        publish(server, feed, str(n))
    return feed


def names(newest: int, oldest: int) -> list[str]:
    """The headlines of `filled`, from the top."""
    return [str(n) for n in range(newest, oldest - 1, -1)]


# Reading


def test_it_is_readable_without_javascript(readers: Readers, server: Server) -> None:
    """All is there: texts, times, and the older posts by links."""
    feed = filled(server, 25, standfirst="What it is about.")
    reader = readers(java_script_enabled=False)
    reader.page.goto(f"{server.url}/live/{feed}")
    assert reader.headlines() == names(25, 6)
    expect(reader.page.get_by_text("Text of 25.")).to_be_visible()
    expect(reader.page.get_by_text("What it is about.")).to_be_visible()
    expect(reader.page.get_by_role("button")).to_have_count(0)
    reader.page.get_by_role("link", name="Older posts").click()
    assert reader.headlines() == names(5, 1)
    reader.page.get_by_role("link", name="Newest posts").click()
    assert reader.headlines() == names(25, 6)


def test_taking_over_moves_nothing(reader: Reader, server: Server) -> None:
    """The nodes the server sent stay; no layout shifts."""
    feed = filled(server, 5)
    reader.page.add_init_script(
        """addEventListener("DOMContentLoaded", () => {
            window.before = [...document.querySelectorAll(".sp-head *, .sp-posts *")];
            window.changed = 0;
            new MutationObserver((all) => (window.changed += all.length)).observe(
                document.querySelector(".sp-posts"), { childList: true });
        });
        window.shift = 0;
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) window.shift += entry.value;
        }).observe({ type: "layout-shift", buffered: true });"""
    )
    reader.open(f"{server.url}/live/{feed}")
    reader.page.evaluate("() => new Promise(requestAnimationFrame)")
    gone = reader.page.evaluate("before.filter((one) => !one.isConnected).length")
    assert gone == 0
    assert reader.page.evaluate("changed") == 0
    assert reader.page.evaluate("shift") == 0
    assert reader.complaints == []


def test_changes_arrive_in_place(reader: Reader, server: Server) -> None:
    """Published, edited, pinned, withdrawn, and the feed itself."""
    feed = filled(server, 2)
    reader.open(f"{server.url}/live/{feed}")
    third = publish(server, feed, "3")
    reader.shows("3", "2", "1")
    handle = reader.page.locator(f"#post-{third['id']}").element_handle()
    third = edit(server, feed, third, headline="Three", key=True)
    reader.shows("Three", "2", "1")
    assert handle.evaluate("one => one.isConnected"), "the article is patched"
    expect(reader.page.locator(".sp-posts .sp-key")).to_have_text("Key moment")
    third = edit(server, feed, third, pinned=True)
    pinned = reader.page.locator(".sp-pinned .sp-headline")
    expect(pinned).to_have_text("Three")
    withdraw(server, feed, third)
    reader.shows("2", "1")
    expect(pinned).to_have_count(0)
    change = {"title": "Another title", "standfirst": "New words", "status": "paused"}
    assert server.request("PATCH", f"/v1/feeds/{feed}", change).status_code == 200
    expect(reader.page.locator("h1")).to_have_text("Another title")
    expect(reader.page.locator(".sp-standfirst")).to_have_text("New words")
    expect(reader.page.locator(".sp-badge")).to_have_text("Paused")
    assert reader.complaints == []


def test_a_post_with_an_earlier_time_stands_where_it_belongs(
    reader: Reader, server: Server
) -> None:
    """Also on another day, which is then set apart."""
    feed = server.new_feed()
    publish(server, feed, "now")
    reader.open(f"{server.url}/live/{feed}")
    publish(server, feed, "long ago", published_at="2020-02-29T12:00:00Z")
    publish(server, feed, "later", published_at="2020-03-01T12:00:00Z")
    reader.shows("now", "later", "long ago")
    days = reader.page.locator(".sp-day").all_inner_texts()
    assert days[1:] == ["Sunday 1 March 2020", "Saturday 29 February 2020"]


def test_an_edit_leaves_what_plays_alone(reader: Reader, server: Server) -> None:
    """Content that was asked for stays, the same node, while its post is edited."""
    feed = server.new_feed()
    media = [{"type": "embed", "url": f"{server.url}/", "provider": "Us"}]
    post = publish(server, feed, "1", media=media)
    reader.open(f"{server.url}/live/{feed}")
    expect(reader.page.locator("iframe")).to_have_count(0)
    reader.page.locator(".sp-embed a").click()
    frame = reader.page.locator(".sp-posts iframe").element_handle()
    edit(server, feed, post, headline="One", body="Other words.")
    reader.shows("One")
    assert frame.evaluate("one => one.isConnected")


# Arrival without losing the place


def scrolled(reader: Reader, server: Server, feed: str) -> Page:
    """The feed's page, scrolled into the middle."""
    reader.open(f"{server.url}/live/{feed}")
    page = reader.page
    page.locator(".sp-posts article").nth(9).evaluate("one => one.scrollIntoView()")
    return page


def top_of(page: Page, nth: int) -> float:
    """Where an article of the list stands in the window, once all is drawn."""
    top: float = page.evaluate(
        """async (nth) => {
            for (let n = 0; n < 3; n += 1) await new Promise(requestAnimationFrame);
            return eye.getBoundingClientRect().top;
        }""",
        nth,
    )
    return top


def test_news_waits_for_a_reader_in_the_middle(reader: Reader, server: Server) -> None:
    """A button and the title count; what is read stays where it is."""
    feed = filled(server, 15)
    page = scrolled(reader, server, feed)
    page.evaluate("window.eye = document.querySelectorAll('.sp-posts article')[10]")
    before = top_of(page, 10)
    newest = publish(server, feed, "16")
    publish(server, feed, "17")
    button = page.get_by_role("button", name="2 new updates")
    expect(button).to_be_visible()
    assert page.title().startswith("(2) ")
    assert reader.headlines()[0] == "15"
    assert top_of(page, 10) == before
    withdraw(server, feed, newest)
    button = page.get_by_role("button", name="1 new update", exact=True)
    expect(button).to_be_visible()
    publish(server, feed, "18")
    page.get_by_role("button", name="2 new updates").click()
    reader.shows("18", "17", *names(15, 1))
    focused = page.locator(":focus .sp-headline")
    expect(focused).to_have_text("17")
    expect(page.locator(".sp-since")).to_have_text("New since you left")
    assert not page.title().startswith("(")
    expect(page.locator(".sp-new")).to_be_hidden()


def test_fifty_changes_move_nothing(reader: Reader, server: Server) -> None:
    """Arrivals, edits and withdrawals above: what is read stays, no layout shifts."""
    feed = server.new_feed()
    posts = [publish(server, feed, str(n)) for n in range(1, 21)]
    page = scrolled(reader, server, feed)
    page.evaluate(
        """() => {
            window.eye = document.querySelectorAll(".sp-posts article")[10];
            window.shift = 0;
            new PerformanceObserver((list) => {
                for (const entry of list.getEntries()) window.shift += entry.value;
            }).observe({ type: "layout-shift" });
        }"""
    )
    before = top_of(page, 10)
    above = posts[12:]
    for n in range(50):
        if n % 3 == 0:
            publish(server, feed, f"new {n}")
        elif n % 3 == 1 or len(above) == 2:
            words = "Words. " * (n % 7) * 20 + "."
            above[n % 2] = edit(server, feed, above[n % 2], body=words)
        else:
            withdraw(server, feed, above.pop())
    reader.shows("14", "13", *names(12, 1))
    expect(page.get_by_role("button", name="17 new updates")).to_be_visible()
    assert abs(top_of(page, 10) - before) < 1
    assert page.evaluate("shift") == 0
    assert reader.complaints == []


def test_what_came_while_away_is_shown_on_return(
    reader: Reader, server: Server
) -> None:
    """A hidden tab counts; on return all is there, with a line, announced once."""
    feed = filled(server, 3)
    reader.page.add_init_script(
        """window.away = false;
        Object.defineProperty(document, "hidden", { get: () => window.away });"""
    )
    reader.open(f"{server.url}/live/{feed}")
    look = "(away) => { window.away = away; "
    look += "document.dispatchEvent(new Event('visibilitychange')); }"
    reader.page.evaluate(look, True)
    for name in ("4", "5", "6"):
        publish(server, feed, name)
    reader.page.wait_for_function("() => document.title.startsWith('(3) ')")
    assert reader.headlines() == names(3, 1)
    reader.page.evaluate(
        """window.said = [];
        new MutationObserver(() => said.push(
            document.querySelector(".sp-says").textContent
        )).observe(document.querySelector(".sp-says"), { childList: true });"""
    )
    reader.page.evaluate(look, False)
    reader.shows(*names(6, 1))
    expect(reader.page.locator(".sp-since")).to_have_count(1)
    reader.page.wait_for_function("() => said.length")
    assert reader.page.evaluate("said") == ["3 new updates"]
    assert not reader.page.title().startswith("(")


def test_paused_is_remembered(reader: Reader, server: Server) -> None:
    """Nothing is put in while paused; withdrawals are. It outlives a reload."""
    feed = filled(server, 2)
    reader.open(f"{server.url}/live/{feed}")
    reader.page.get_by_role("button", name="Pause updates").click()
    expect(reader.page.locator(".sp-line")).to_have_text("Updates paused")
    reader.page.reload()
    expect(reader.page.locator(".sp-line")).to_have_text("Updates paused")
    third = publish(server, feed, "3")
    expect(reader.page.get_by_role("button", name="1 new update")).to_be_visible()
    assert reader.headlines() == ["2", "1"]
    reader.page.get_by_role("button", name="Resume updates").click()
    reader.shows("3", "2", "1")
    reader.page.get_by_role("button", name="Pause updates").click()
    withdraw(server, feed, third)
    reader.shows("2", "1")


def test_storage_refused(reader: Reader, server: Server) -> None:
    """Pausing works as long as the page is open, and nothing is thrown."""
    feed = filled(server, 2)
    reader.page.add_init_script(
        """Object.defineProperty(window, "localStorage", {
            get() { throw new DOMException("refused", "SecurityError"); },
        });"""
    )
    reader.open(f"{server.url}/live/{feed}")
    reader.page.get_by_role("button", name="Pause updates").click()
    publish(server, feed, "3")
    expect(reader.page.get_by_role("button", name="1 new update")).to_be_visible()
    reader.page.get_by_role("button", name="Resume updates").click()
    reader.shows("3", "2", "1")
    assert reader.complaints == []


def test_older_posts_are_added_below(reader: Reader, server: Server) -> None:
    """Without leaving the page; focus goes to the first of them."""
    feed = filled(server, 45)
    reader.open(f"{server.url}/live/{feed}")
    more = reader.page.get_by_role("link", name="Older posts")
    more.click()
    reader.shows(*names(45, 6))
    expect(reader.page.locator(":focus .sp-headline")).to_have_text("25")
    more.click()
    reader.shows(*names(45, 1))
    expect(more).to_be_hidden()
    assert reader.complaints == []


def test_keys_go_from_post_to_post(reader: Reader, server: Server) -> None:
    """Page Down and Page Up, as the feed pattern has it."""
    feed = filled(server, 3)
    reader.open(f"{server.url}/live/{feed}")
    reader.page.locator(".sp-posts article").first.focus()
    reader.page.keyboard.press("PageDown")
    expect(reader.page.locator(":focus .sp-headline")).to_have_text("2")
    reader.page.keyboard.press("PageUp")
    expect(reader.page.locator(":focus .sp-headline")).to_have_text("3")
    positions = reader.page.locator(".sp-posts article").evaluate_all(
        "all => all.map((one) => one.ariaPosInSet + '/' + one.ariaSetSize)"
    )
    assert positions == ["1/3", "2/3", "3/3"]


# The line


def test_a_restart_loses_nothing(
    reader: Reader, serving: Serving, tmp_path: Path
) -> None:
    """Killed and started again: what came meanwhile is there, once, in order."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    with serving(tmp_path / "data", "--port", port) as server:
        feed = filled(server, 2)
        reader.open(f"{server.url}/live/{feed}")
        publish(server, feed, "3")
        reader.shows("3", "2", "1")
        server.process.kill()
        server.process.wait(30)
        line = reader.page.locator(".sp-line")
        expect(line).to_have_text("Reconnecting…", timeout=30_000)
    with serving(tmp_path / "data", "--port", port) as server:
        publish(server, feed, "4")
        reader.is_live()
        publish(server, feed, "5")
        reader.shows("5", "4", "3", "2", "1")


def no_sockets(page: Page) -> None:
    """Break every WebSocket, as some proxies do."""

    def close(line: WebSocketRoute) -> None:
        line.close()

    page.route_web_socket(re.compile("/v1/live"), close)


def no_streams(page: Page) -> None:
    """Break every event stream."""

    def stop(route: Route) -> None:
        if route.request.headers.get("accept") == "text/event-stream":
            route.abort()
        else:
            route.continue_()

    page.route("**/events?*", stop)


@pytest.mark.parametrize("blocked", [[no_sockets], [no_sockets, no_streams]])
def test_it_finds_another_way(
    reader: Reader, server: Server, blocked: list[Callable[[Page], None]]
) -> None:
    """Server-sent events where sockets are blocked, polling where both are."""
    feed = filled(server, 2)
    accepted: list[str] = []
    reader.page.on(
        "response", lambda one: accepted.append(one.request.headers.get("accept", ""))
    )
    for block in blocked:
        block(reader.page)
    reader.open(f"{server.url}/live/{feed}")
    publish(server, feed, "3")
    reader.shows("3", "2", "1")
    withdraw(server, feed, publish(server, feed, "4"))
    publish(server, feed, "5")
    reader.shows("5", "3", "2", "1")
    streams = len(blocked) == 1
    kind = "text/event-stream" if streams else "application/json"
    assert kind in accepted


def test_a_deleted_feed_leaves_the_open_page(reader: Reader, server: Server) -> None:
    """Taken down is taken down, also in tabs that are open."""
    feed = filled(server, 2)
    reader.open(f"{server.url}/live/{feed}")
    assert server.request("DELETE", f"/v1/feeds/{feed}").status_code == 204
    expect(reader.page.locator(".sp-line")).to_have_text("No longer available")
    assert reader.headlines() == []


def test_a_closed_feed_says_so(reader: Reader, server: Server) -> None:
    """The words by the posts, and the badge."""
    feed = filled(server, 2)
    reader.open(f"{server.url}/live/{feed}")
    change = {"status": "closed"}
    assert server.request("PATCH", f"/v1/feeds/{feed}", change).status_code == 200
    expect(reader.page.locator(".sp-line")).to_have_text("Coverage has ended")
    expect(reader.page.locator(".sp-badge")).to_have_text("Ended")


# Older pages and single posts


def test_a_posts_page_is_live_too(reader: Reader, server: Server) -> None:
    """Edits and withdrawals arrive; news is counted and leads to the newest."""
    feed = server.new_feed()
    posts = [publish(server, feed, str(n)) for n in range(1, 5)]
    reader.open(f"{server.url}/live/{feed}/{posts[2]['id']}")
    reader.shows("3", "2", "1")
    expect(reader.page.locator("[aria-current] .sp-headline")).to_have_text("3")
    edit(server, feed, posts[2], headline="Three")
    withdraw(server, feed, posts[0])
    reader.shows("Three", "2")
    publish(server, feed, "5")
    reader.page.get_by_role("button", name="1 new update").click()
    reader.page.wait_for_url(f"{server.url}/live/{feed}")
    reader.shows("5", "4", "Three", "2")


# Nothing runs, nothing leaks


def test_hostile_content_never_runs(reader: Reader, server: Server) -> None:
    """From the server's HTML, and when it arrives; in every member."""
    feed = server.new_feed(title=HOSTILE, standfirst=HOSTILE, summary=HOSTILE)
    draft = {
        "body": HOSTILE + '\n\n[a](javascript:window.ran=1)\n\n![b](x" onerror="ran=1)',
        "tags": ["<img src=x onerror=ran=1>"],
        "authors": [{"name": HOSTILE[:200]}],
        "source": {"name": HOSTILE[:200]},
        "media": [{"type": "quote", "text": HOSTILE, "credit": HOSTILE}],
    }
    publish(server, feed, HOSTILE, **draft)
    reader.open(f"{server.url}/live/{feed}")
    second = publish(server, feed, "2", **draft)
    reader.shows("2", HOSTILE)
    edit(server, feed, second, headline=HOSTILE)
    reader.shows(HOSTILE, HOSTILE)
    for link in reader.page.locator(".sp-body a").all():
        assert not (link.get_attribute("href") or "").startswith("javascript")
    assert reader.page.evaluate("window.ran") is None
    assert reader.page.locator(".sp script:not(.sp-words), .sp [onerror]").count() == 0


def test_half_a_message_breaks_nothing(reader: Reader, server: Server) -> None:
    """The line is opened again, and the page goes on."""
    feed = filled(server, 2)
    broken: list[str] = []

    def meddle(line: WebSocketRoute) -> None:
        hub = line.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            if "post.published" in str(message) and not broken:
                broken.append("once")
                line.send(str(message)[:40])
            else:
                line.send(message)

        hub.on_message(pass_on)

    reader.page.route_web_socket(re.compile("/v1/live"), meddle)
    reader.open(f"{server.url}/live/{feed}")
    publish(server, feed, "3")
    reader.shows("3", "2", "1")
    assert broken
    assert not [one for one in reader.complaints if one.startswith("thrown")]


def test_all_requests_go_to_us(reader: Reader, server: Server) -> None:
    """No third party is asked for anything."""
    feed = filled(server, 2)
    hosts: set[str] = set()
    reader.page.on("request", lambda one: hosts.add(one.url.split("/")[2]))
    reader.open(f"{server.url}/live/{feed}")
    assert hosts <= {server.url.split("/")[2], ""}, hosts
