"""The page's live line: broken, blocked, ended; nothing is lost or shown twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.conftest import Reader
from tests.browser.newsdesk import filled, publish, withdraw
from tests.browser.transports import no_sockets, no_streams
from tests.conftest import Server
from tests.ports import reserve_port

Serving = Callable[..., AbstractContextManager[Server]]


def test_a_server_restart_loses_no_event(
    reader: Reader, serving: Serving, tmp_path: Path
) -> None:
    """Killed and restarted: events of the gap are there, once, in order."""
    port = str(reserve_port())
    with serving(tmp_path / "data", "--port", port) as server:
        feed = filled(server, 2)
        reader.open(f"{server.url}/live/{feed}")
        publish(server, feed, "3")
        reader.shows("3", "2", "1")
        server.process.kill()
        server.process.wait(60)
        line = reader.page.locator(".sp-line")
        expect(line).to_have_text("Reconnecting…")
    with serving(tmp_path / "data", "--port", port) as server:
        publish(server, feed, "4")
        reader.is_live()
        publish(server, feed, "5")
        reader.shows("5", "4", "3", "2", "1")


@pytest.mark.parametrize("blocked", [[no_sockets], [no_sockets, no_streams]])
def test_another_transport_is_used_if_one_is_blocked(
    reader: Reader, server: Server, blocked: list[Callable[[Page], None]]
) -> None:
    """Server-sent events if WebSockets are blocked, polling if both are."""
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


def test_a_page_of_these_tests_waits_for_its_first_socket(
    reader: Reader, server: Server
) -> None:
    """Longer than readers' pages do: on a busy machine none takes another transport."""
    feed = filled(server, 1)
    streams: list[str] = []
    held: list[tuple[WebSocketRoute, str | bytes]] = []

    def hold(line: WebSocketRoute) -> None:
        line.connect_to_server().on_message(lambda told: held.append((line, told)))

    reader.page.on(
        "request", lambda one: streams.append(one.url) if "/events" in one.url else None
    )
    reader.page.route_web_socket(re.compile("/v1/live"), hold)
    reader.page.goto(f"{server.url}/live/{feed}")
    reader.until(lambda: held)
    # Time itself is tested: after two seconds it would be given up.
    reader.page.wait_for_timeout(2500)
    for line, told in held:
        line.send(told)
    reader.is_live()
    assert (streams, len({id(line) for line, _ in held})) == ([], 1)


def test_a_deleted_feed_leaves_the_open_page(reader: Reader, server: Server) -> None:
    """A takedown counts in open tabs, too."""
    feed = filled(server, 2)
    reader.open(f"{server.url}/live/{feed}")
    assert server.request("DELETE", f"/v1/feeds/{feed}").status_code == 204
    expect(reader.page.locator(".sp-line")).to_have_text("No longer available")
    assert reader.headlines() == []


def test_a_closed_feed_is_labelled(reader: Reader, server: Server) -> None:
    """Beside the posts, and in the badge."""
    feed = filled(server, 2)
    reader.open(f"{server.url}/live/{feed}")
    change = {"status": "closed"}
    assert server.request("PATCH", f"/v1/feeds/{feed}", change).status_code == 200
    expect(reader.page.locator(".sp-line")).to_have_text("Coverage has ended")
    expect(reader.page.locator(".sp-badge")).to_have_text("Ended")
