"""What comes in wrong: nothing runs, nothing is thrown, the page stays readable."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Route, WebSocketRoute, expect

from tests.browser.conftest import Reader
from tests.browser.host import PAGE, Host
from tests.browser.network import Network
from tests.browser.newsdesk import edit, filled, names, publish
from tests.browser.transports import no_sockets, no_streams
from tests.conftest import Server

HOSTILE = (
    "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'>"
    "<svg onload='window.ran = 1'>"
)


PLACES = ["page", "widget"]
"""The feed's own page, and a page of somebody else."""


def address(place: str, hub: str, host: Host, feed: str) -> str:
    """Where a feed of `hub` is read."""
    if place == "page":
        return f"{hub}/live/{feed}"
    host.pages["/"] = PAGE.format(hub=hub, feed=feed)
    return f"{host.url}/"


def is_calm(reader: Reader, lines: int) -> None:
    """Nothing was thrown, and of ours there are so many lines in the console."""
    ours = [one for one in reader.complaints if one.startswith("stop-press")]
    assert len(ours) == lines, reader.complaints
    assert not [one for one in reader.complaints if one.startswith("thrown")]


@pytest.mark.parametrize("place", PLACES)
def test_hostile_content_never_runs(
    reader: Reader, server: Server, host: Host, place: str
) -> None:
    """In every member, from the server's HTML and in live events."""
    feed = server.new_feed(title=HOSTILE, standfirst=HOSTILE, summary=HOSTILE)
    draft = {
        "body": HOSTILE + '\n\n[a](javascript:window.ran=1)\n\n![b](x" onerror="ran=1)',
        "tags": ["<img src=x onerror=ran=1>"],
        "authors": [{"name": HOSTILE[:200]}],
        "source": {"name": HOSTILE[:200]},
        "media": [{"type": "quote", "text": HOSTILE, "credit": HOSTILE}],
    }
    publish(server, feed, HOSTILE, **draft)
    reader.page.goto(address(place, server.url, host, feed))
    reader.is_live()
    second = publish(server, feed, "2", **draft)
    reader.shows("2", HOSTILE)
    edit(server, feed, second, headline=HOSTILE)
    reader.shows(HOSTILE, HOSTILE)
    for link in reader.page.locator(".sp-body a").all():
        assert not (link.get_attribute("href") or "").startswith("javascript")
    assert reader.page.evaluate("window.ran") is None
    assert reader.page.locator(".sp script:not(.sp-words), .sp [onerror]").count() == 0


@pytest.mark.parametrize("place", PLACES)
def test_content_is_readable_with_the_script_blocked(
    reader: Reader, server: Server, host: Host, place: str
) -> None:
    """The server's HTML, or the fallback in the element; live updates are absent."""
    feed = filled(server, 25)
    reader.page.route(re.compile(r"/stop-press\.(\w+\.)?js"), lambda one: one.abort())
    reader.page.goto(address(place, server.url, host, feed))
    if place == "page":
        assert reader.headlines() == names(25, 6)
        # The one that needs no script.
        expect(reader.page.get_by_role("button")).to_have_text(["Go"])
        reader.page.get_by_role("link", name="Older posts").click()
        assert reader.headlines() == names(5, 1)
    else:
        expect(reader.page.get_by_role("link", name="Read it live")).to_be_visible()
    is_calm(reader, lines=0)


@pytest.mark.parametrize("away", ["/v1/", "/words/"])
def test_an_absent_hub_leaves_the_fallback(
    reader: Reader, server: Server, host: Host, away: str
) -> None:
    """One line gives the reason; once the hub answers the widget is drawn."""
    feed = filled(server, 2)
    gone = re.compile(re.escape(server.url) + ".*" + away)
    reader.page.route(gone, lambda one: one.abort())
    with reader.page.expect_console_message(lambda one: "stop-press" in one.text):
        reader.page.goto(address("widget", server.url, host, feed))
    expect(reader.page.get_by_role("link", name="Read it live")).to_be_visible()
    is_calm(reader, lines=1)
    if away == "/v1/":
        reader.page.unroute(gone)
        reader.shows("2", "1")
        is_calm(reader, lines=1)


@pytest.mark.parametrize("place", PLACES)
def test_a_hub_lost_later_leaves_the_page_readable(
    reader: Reader, server: Server, host: Host, place: str
) -> None:
    """The status line says so, and updates resume when the hub is back."""
    feed = filled(server, 2)
    network = Network(server.url)
    try:
        host.hub = network.url
        reader.page.goto(address(place, network.url, host, feed))
        reader.shows("2", "1")
        reader.is_live()
        network.go(away=True)
        publish(server, feed, "3")
        line = reader.page.locator(".sp-line")
        expect(line).to_have_text("Reconnecting…")
        reader.shows("2", "1")
        network.go(away=False)
        reader.shows("3", "2", "1")
        is_calm(reader, lines=0)
    finally:
        network.close()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("hours", [-5, 5, 300_000])
def test_times_ignore_a_wrong_local_clock(
    reader: Reader, server: Server, host: Host, place: str, hours: int
) -> None:
    """Posts keep the feed's times, and "now" is the server's."""
    feed = filled(server, 2)
    reader.page.add_init_script(
        f"""const own = Date.now;
        Date.now = () => own() + {hours} * 3600000;"""
    )
    reader.page.goto(address(place, server.url, host, feed))
    reader.shows("2", "1")
    reader.is_live()
    third = publish(server, feed, "3")
    reader.shows("3", "2", "1")
    times = reader.page.locator(".sp-posts .sp-when time")
    assert times.first.get_attribute("datetime") == third["published_at"]
    ago = reader.page.locator(".sp-posts .sp-ago")
    expect(ago).to_have_text(["now"] * 3)
    soon = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    publish(server, feed, "4", published_at=soon)
    expect(ago).to_have_text([re.compile(r"^in [345] min\.$"), *["now"] * 3])
    is_calm(reader, lines=0)


@pytest.mark.parametrize("place", PLACES)
def test_refused_storage_breaks_nothing(
    reader: Reader, server: Server, host: Host, place: str
) -> None:
    """Pausing works while the page is open, and no error is thrown."""
    feed = filled(server, 2)
    reader.page.add_init_script(
        """Object.defineProperty(window, "localStorage", {
            get() { throw new DOMException("refused", "SecurityError"); },
        });"""
    )
    reader.page.goto(address(place, server.url, host, feed))
    reader.is_live()
    reader.page.get_by_role("button", name="Pause updates").click()
    publish(server, feed, "3")
    expect(reader.page.get_by_role("button", name="1 new update")).to_be_visible()
    reader.page.get_by_role("button", name="Resume updates").click()
    reader.shows("3", "2", "1")
    is_calm(reader, lines=0)


@pytest.mark.parametrize("place", PLACES)
def test_a_cut_message_on_a_websocket_reconnects(
    reader: Reader, server: Server, host: Host, place: str
) -> None:
    """The page resumes."""
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
    reader.page.goto(address(place, server.url, host, feed))
    reader.is_live()
    publish(server, feed, "3")
    reader.shows("3", "2", "1")
    assert broken
    is_calm(reader, lines=1)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
def test_a_cut_message_by_http_reconnects(
    reader: Reader, server: Server, host: Host, place: str, accept: str
) -> None:
    """A stream whose first message is cut, a poll with invalid JSON."""
    feed = filled(server, 2)
    stream = accept == "text/event-stream"
    asked: list[str] = []
    no_sockets(reader.page)
    if not stream:
        no_streams(reader.page)
    half = f'{{"type":"hello","feed":"{feed}","cur'

    def meddle(route: Route) -> None:
        if route.request.headers.get("accept") == accept:
            asked.append(route.request.url)
            # The first poll shows that this way is open: it is the second that breaks.
            if len(asked) == (1 if stream else 2):
                return route.fulfill(
                    body=f"event: hello\ndata: {half}\n\n" if stream else half,
                    content_type=accept,
                    headers={"access-control-allow-origin": "*"},
                )
        return route.fallback()

    reader.page.route("**/events?*", meddle)
    reader.page.goto(address(place, server.url, host, feed))
    reader.is_live()
    publish(server, feed, "3")
    reader.shows("3", "2", "1")
    assert len(asked) >= (1 if stream else 3)
    is_calm(reader, lines=1 if stream else 0)


@pytest.mark.parametrize("visibility", ["none", "private"])
def test_an_unknown_feed_has_a_readable_page(
    reader: Reader, server: Server, visibility: str
) -> None:
    """Unknown and private feeds get the same page, with a way on."""
    feed = "no-such-feed"
    if visibility == "private":
        feed = server.new_feed(visibility="private")
    answer = reader.page.goto(f"{server.url}/live/{feed}")
    assert answer is not None and answer.status == 404
    expect(reader.page.locator("h1")).to_be_visible()
    expect(reader.page.locator("main a").first).to_be_visible()
    is_calm(reader, lines=0)
