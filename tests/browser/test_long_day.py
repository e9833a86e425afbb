"""A tab that stays open all day: what comes and goes leaves nothing behind."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import CDPSession, Page, expect

from tests.browser.conftest import Reader, Readers
from tests.browser.newsdesk import filled, names, publish
from tests.conftest import Server

MOST_POSTS = 200
"""What arrivals make a list grow to (`feed_view.js`)."""


def arrive(page: Page, server: Server, feed: str, count: int) -> None:
    """So many posts, until the last is on the page."""
    for _ in range(count):
        last = publish(server, feed, "News")
    # Handles of the driver's own would count as kept.
    page.evaluate(
        """async (id) => {
            while (!document.getElementById(id))
                await new Promise(requestAnimationFrame);
        }""",
        f"post-{last['id']}",
    )


def held(page: Page, cdp: CDPSession, server: Server, feed: str) -> tuple[Any, int]:
    """What the tab holds once the garbage is out: things by kind, and bytes of heap.

    Without what the engine compiled: that goes on growing for thousands of arrivals,
    by up to 7 % of the heap, while not one object more is kept.
    """
    for _ in range(4):
        # A table whose entries were collected shrinks when the next one is put in.
        cdp.send("HeapProfiler.collectGarbage")
        arrive(page, server, feed, 1)
    # Until no post is marked as new and all is announced: the page's own timer, longer
    # than an announcement's, ends after it however busy the machine is.
    page.evaluate(
        """async () => {
            await Promise.allSettled(
                document.getAnimations().map((one) => one.finished));
            await new Promise((go) => setTimeout(go, 2000));
            await new Promise(requestAnimationFrame);
        }"""
    )
    for _ in range(3):
        cdp.send("HeapProfiler.collectGarbage")
    return cdp.send("Memory.getDOMCounters"), heap_of(cdp)


def heap_of(cdp: CDPSession) -> int:
    """The bytes of all objects, strings, closures and arrays of the scripts."""
    chunks: list[str] = []

    def take(part: dict[str, str]) -> None:
        chunks.append(part["chunk"])

    cdp.on("HeapProfiler.addHeapSnapshotChunk", take)
    cdp.send("HeapProfiler.takeHeapSnapshot", {"reportProgress": False})
    cdp.remove_listener("HeapProfiler.addHeapSnapshotChunk", take)
    heap = json.loads("".join(chunks))
    fields = heap["snapshot"]["meta"]["node_fields"]
    kinds = heap["snapshot"]["meta"]["node_types"][fields.index("type")]
    nodes, step = heap["nodes"], len(fields)
    types = nodes[fields.index("type") :: step]
    sizes = nodes[fields.index("self_size") :: step]
    return sum(
        size
        for kind, size in zip(types, sizes, strict=True)
        if kinds[kind] not in ("code", "native")  # DOM nodes are counted apart
    )


def reconnect(page: Page, times: int) -> None:
    """Have the line made anew so many times, as when a network is back."""
    page.evaluate(
        """async (times) => {
            for (let n = 0; n < times; n += 1) {
                const live = new Promise((go) => (window.went = go));
                dispatchEvent(new Event("online"));
                await live;
            }
        }""",
        times,
    )


def test_a_thousand_arrivals_and_a_hundred_reconnects_leak_nothing(
    readers: Readers, server: Server
) -> None:
    """The same number of nodes, listeners and documents; the heap within 2 %."""
    feed = filled(server, 20)
    reader = readers()
    lines: list[str] = []
    reader.page.on("websocket", lambda line: lines.append(line.url))
    reader.page.add_init_script(
        """Math.random = () => 0;  // no spread of returns
        addEventListener("stoppress:state", ({ detail }) => {
            if (detail.line === "live") window.went?.();
        });"""
    )
    page = reader.page
    page.goto(f"{server.url}/live/{feed}")
    cdp = page.context.new_cdp_session(page)
    # Until the list is full and the engine has compiled what it will.
    arrive(page, server, feed, 1500)
    reconnect(page, 50)
    things, heap = held(page, cdp, server, feed)
    arrive(page, server, feed, 1000)
    reconnect(page, 100)
    things_later, heap_later = held(page, cdp, server, feed)
    assert len(lines) == 151
    assert things_later == things
    assert abs(heap_later - heap) <= heap * 0.02, (heap, heap_later)
    assert reader.complaints == []


def test_posts_dropped_at_the_bottom_are_under_older_posts(
    reader: Reader, server: Server
) -> None:
    """The list is bounded; older posts load the rest, in order."""
    feed = filled(server, 20)
    reader.open(f"{server.url}/live/{feed}")
    for n in range(21, MOST_POSTS + 31):
        publish(server, feed, str(n))
    newest = MOST_POSTS + 30
    reader.shows(*names(newest, 31))
    more = reader.page.get_by_role("link", name="Older posts")
    more.click()
    reader.shows(*names(newest, 11))
    more.click()
    reader.shows(*names(newest, 1))
    expect(more).to_be_hidden()
    reader.page.evaluate("scrollTo(0, 0)")
    publish(server, feed, "One more")
    reader.shows("One more", *names(newest, 2))
    assert reader.complaints == []


def test_no_post_is_dropped_while_the_list_is_read(
    reader: Reader, server: Server
) -> None:
    """In the middle all posts stay, and queued posts are inserted together."""
    feed = filled(server, 20)
    reader.open(f"{server.url}/live/{feed}")
    reader.page.locator(".sp-posts article").nth(9).evaluate(
        "one => one.scrollIntoView()"
    )
    newest = MOST_POSTS + 21
    for n in range(21, newest + 1):
        publish(server, feed, str(n))
    reader.page.get_by_role("button", name=f"{newest - 20} new updates").click()
    reader.shows(*names(newest, 1))
    expect(reader.page.locator(":focus .sp-headline")).to_have_text("21")
