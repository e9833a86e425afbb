"""What comes in wrong: nothing runs, nothing is thrown, the page stays readable."""

from __future__ import annotations

import re

from playwright.sync_api import WebSocketRoute, expect

from tests.browser.conftest import Reader
from tests.browser.newsdesk import edit, filled, publish
from tests.conftest import Server

HOSTILE = (
    "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'>"
    "<svg onload='window.ran = 1'>"
)


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
