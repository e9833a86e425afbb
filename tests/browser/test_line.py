"""The page's live line: broken, blocked, ended; nothing is lost or shown twice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Reader
from tests.browser.newsdesk import filled, publish, withdraw
from tests.browser.transports import no_sockets, no_streams
from tests.conftest import Server
from tests.ports import reserve_port

Serving = Callable[..., AbstractContextManager[Server]]


def test_a_restart_loses_nothing(
    reader: Reader, serving: Serving, tmp_path: Path
) -> None:
    """Killed and started again: what came meanwhile is there, once, in order."""
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
