"""What arrives is seen, and shoves nothing: what moves in view slides.

`make calm` runs it, on an idle machine: whether a change meets a running slide depends
on the time between frames, and time decides no verdict of `make test`.
"""

from __future__ import annotations

import os

import pytest

from tests.browser.conftest import Readers
from tests.browser.newsdesk import edit, filled, publish, withdraw
from tests.conftest import Server

MOST_SHIFT = 0.03
"""Layout shift in the worst five seconds; 0.1 is what search engines call good."""

WATCH = """() => {
    window.shifts = [];
    new PerformanceObserver((all) => {
        for (const { startTime, value, sources } of all.getEntries()) {
            const of = ({ node, previousRect, currentRect }) =>
                [node?.className ?? node?.nodeName, previousRect.y, currentRect.y];
            shifts.push([startTime, value, ...sources.map(of)]);
        }
    }).observe({ type: "layout-shift", buffered: false });
}"""
WORST = """() => Math.max(0, ...shifts.map(([from]) => shifts
    .filter(([at]) => at >= from && at < from + 5000)
    .reduce((sum, [, value]) => sum + value, 0)))"""


@pytest.mark.skipif("CALM" not in os.environ, reason="make calm")
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_layout_shift_is_small(
    readers: Readers, server: Server, width: int, height: int
) -> None:
    """20 posts a second apart, 10 at once; an edit and a withdrawal in view; a pin."""
    feed = filled(server, 8, standfirst="What it is about.", summary="- one\n- two")
    reader = readers(viewport={"width": width, "height": height})
    reader.open(f"{server.url}/live/{feed}")
    page = reader.page
    page.wait_for_function("() => document.querySelector('.sp-pause').hidden === false")
    page.evaluate(WATCH)
    page.evaluate("() => document.querySelector('.sp-bar').scrollIntoView()")
    page.wait_for_timeout(600)
    text = "Several words that fill some lines on any screen. " * 6
    made = []
    for n in range(20):
        page.wait_for_timeout(1000)
        made.append(publish(server, feed, f"single {n}", body=text))
    made += [publish(server, feed, f"burst {n}", body=text) for n in range(10)]
    page.wait_for_timeout(800)
    edit(server, feed, made[-2], body=text * 2)
    page.wait_for_timeout(500)
    withdraw(server, feed, made[-3])
    page.wait_for_timeout(500)
    publish(server, feed, "pinned", body=text, pinned=True, key=True)
    page.wait_for_timeout(1500)
    server.request("PATCH", f"/v1/feeds/{feed}", {"summary": "- one\n- two\n- three"})
    page.wait_for_timeout(800)
    assert page.evaluate(WORST) <= MOST_SHIFT, page.evaluate("() => shifts")
