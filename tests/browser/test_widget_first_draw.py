"""How the widget comes to its first screen: few requests in a row, and no long task."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Reader, Readers
from tests.browser.host import Host
from tests.browser.newsdesk import filled, names, publish
from tests.conftest import Server

PAGE = """<!doctype html><html lang="{language}"><meta charset="utf-8">
<title>News</title><h1>News</h1><script async src="{hub}/stop-press.js"></script>
<stop-press feed="{feed}"><a href="{hub}/live/{feed}">Read it live</a></stop-press>
"""

MOST_SHIFT = 0.03

WATCH_DRAWS = """window.draws = [];
const attach = Element.prototype.attachShadow;
Element.prototype.attachShadow = function (...given) {
    const root = attach.apply(this, given);
    new MutationObserver((all) => {
        const added = all.filter(({ target }) => target.matches?.(".sp-posts"))
            .flatMap(({ addedNodes }) => [...addedNodes]);
        if (added.length) draws.push([
            added.length, added.filter((one) => one.matches(".sp-fresh")).length,
        ]);
    }).observe(root, { childList: true, subtree: true });
    return root;
};"""


def test_the_first_posts_are_drawn_a_few_per_frame(
    reader: Reader, server: Server, host: Host
) -> None:
    """All of them in order, none as news; later arrivals are drawn at once."""
    feed = filled(server, 22)
    host.pages["/"] = PAGE.format(hub=server.url, feed=feed, language="en")
    reader.page.add_init_script(WATCH_DRAWS)
    reader.page.goto(f"{host.url}/")
    reader.shows(*names(22, 3))
    draws = reader.page.evaluate("draws")
    assert [fresh for _, fresh in draws] == [0] * 10
    assert [added for added, _ in draws] == [2] * 10
    reader.is_live()
    reader.page.get_by_role("link", name="Older posts").click()
    reader.shows(*names(22, 1))
    assert reader.page.evaluate("draws.slice(10)") == [[2, 0]]


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_shifts_while_the_widget_is_drawn(
    readers: Readers, server: Server, host: Host, width: int
) -> None:
    """Head, summary and key moments are there with the first posts, or slide."""
    feed = server.new_feed(standfirst="What it is about.", summary="- one\n- two")
    for n in range(22):
        publish(
            server, feed, str(n), body="Words that fill a line. " * 9, key=n % 6 == 0
        )
    host.pages["/"] = PAGE.format(hub=server.url, feed=feed, language="en")
    reader = readers(viewport={"width": width, "height": 844})
    reader.page.add_init_script(
        """window.shifts = [];
        new PerformanceObserver((all) => {
            for (const { value } of all.getEntries()) shifts.push(value);
        }).observe({ type: "layout-shift", buffered: true });"""
    )
    reader.page.goto(f"{host.url}/")
    reader.shows(*names(21, 2))
    expect(reader.page.get_by_role("navigation", name="Key moments")).to_be_visible()
    expect(reader.page.get_by_role("link", name="Older posts")).to_be_visible()
    # What slides does so for a quarter of a second; an entry comes with the frame.
    reader.page.wait_for_timeout(500)
    shifts = reader.page.evaluate("shifts")
    assert sum(shifts) <= MOST_SHIFT, shifts


@pytest.mark.parametrize("language", ["en", "en-GB"])
def test_the_words_load_beside_the_snapshot(
    reader: Reader, server: Server, host: Host, language: str
) -> None:
    """Once, if the feed is in the language of the page."""
    feed = filled(server, 2)
    held: list[Route] = []
    asked: list[str] = []

    def words(request: Route) -> None:
        asked.append(request.request.url)
        request.continue_()
        for snapshot in held:
            snapshot.continue_()

    def snapshot(request: Route) -> None:
        # The answer waits until the words are asked for.
        if asked:
            request.continue_()
        else:
            held.append(request)

    reader.page.route("**/words/*", words)
    reader.page.route(f"**/v1/feeds/{feed}", snapshot)
    host.pages["/"] = PAGE.format(hub=server.url, feed=feed, language=language)
    reader.page.goto(f"{host.url}/")
    reader.shows("2", "1")
    assert asked == [f"{server.url}/stop-press/words/en.json"]


@pytest.mark.parametrize("language", ["de-AT", "", "{{ lang }}", "en_GB"])
def test_the_words_are_those_of_the_feed(
    reader: Reader, server: Server, host: Host, language: str
) -> None:
    """Whatever the page says its language is."""
    feed = filled(server, 2, language="fr")
    host.pages["/"] = PAGE.format(hub=server.url, feed=feed, language=language)
    host.pages["/favicon.ico"] = "<svg/>"
    reader.page.goto(f"{host.url}/")
    reader.shows("2", "1")
    reader.is_live()
    told = reader.page.locator(".sp-pause").inner_text()
    words = server.request("GET", "/stop-press/words/fr.json").json()
    assert told == words["pause"]
    assert reader.complaints == []
