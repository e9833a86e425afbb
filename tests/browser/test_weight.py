"""What a page costs: bytes before its media, the first paint, and work by arrival."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.bench.many_posts import holding
from tests.browser.conftest import Reader, Readers
from tests.browser.host import Host
from tests.browser.newsdesk import filled, names, publish
from tests.conftest import Server

MOST_BYTES = 60 << 10
"""Of the first view of 20 posts, packed, without media."""

SYLLABLES = "ba de fi go lu ma ne pi ro su ta ve wi zo".split()
MOST_WIDGET_BYTES = 30 << 10
"""Of all that the hub sends for the widget's first view, packed, without media."""

WORDS = [f"{one}{two}{end}" for one in SYLLABLES for two in SYLLABLES for end in "nst"]
"""Made-up words, which pack about as well as those of a language."""

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>News</title>
<h1>News</h1><script async src="{hub}/stop-press.js"></script>
<stop-press feed="{feed}"></stop-press>
"""

POST: dict[str, Any] = {
    "authors": [{"name": "Ines Calloway", "url": "https://a.example/i"}],
    "source": {"name": "The Ledger", "url": "https://a.example/l"},
    "tags": ["river", "lock-street"],
    "media": [
        {"type": "quote", "text": "We have seen worse. " * 8, "credit": "A ferryman"},
        {"type": "link", "url": "https://a.example/map", "title": "The map of it all"},
    ],
}


class Traffic:
    """What a page asks for from now on, and how many bytes came, as they were sent."""

    def __init__(self, reader: Reader) -> None:
        self.addresses: dict[str, str] = {}
        """By the browser's id of the request."""
        self._sizes: dict[str, float] = {}
        cdp = reader.context.new_cdp_session(reader.page)
        cdp.on("Network.requestWillBeSent", self._asked)
        cdp.on("Network.loadingFinished", self._came)
        cdp.send("Network.enable")

    def sizes(self) -> dict[str, float]:
        """The bytes of each address that has come whole."""
        came = self.addresses.keys() & self._sizes
        return {self.addresses[one]: self._sizes[one] for one in came}

    def is_over(self) -> bool:
        """Whether all that was asked for has come."""
        return bool(self._sizes) and self.addresses.keys() <= self._sizes.keys()

    def _asked(self, event: dict[str, Any]) -> None:
        self.addresses[event["requestId"]] = event["request"]["url"]

    def _came(self, event: dict[str, Any]) -> None:
        self._sizes[event["requestId"]] = event["encodedDataLength"]


def test_the_first_view_is_small(readers: Readers, server: Server) -> None:
    """Twenty long posts with all that is needed to read and follow them; no request
    to anybody else."""
    feed = server.new_feed(standfirst="What it is about. " * 10, summary="- one\n- two")
    chance = Random(4)
    for n in range(25):
        # 120 words that no other post has: real texts pack better.
        body = " ".join(chance.randbytes(3).hex() for _ in range(120))
        publish(server, feed, f"The headline of post {n}", body=body, **POST)
    reader = readers()
    traffic = Traffic(reader)
    reader.open(f"{server.url}/live/{feed}")
    assert reader.page.locator(".sp-posts > article").count() == 20
    reader.until(traffic.is_over)
    told = traffic.sizes()
    kinds = {url.rsplit(".", 1)[-1] for url in told}
    assert {"css", "js"} <= kinds and f"{server.url}/live/{feed}" in told
    assert sum(told.values()) <= MOST_BYTES, told
    asked = {url for url in traffic.addresses.values() if not url.startswith("data:")}
    assert all(url.startswith(server.url) for url in asked), asked


def test_the_first_view_of_the_widget_is_small(
    reader: Reader, server: Server, host: Host
) -> None:
    """All that the hub sends to another site's page with 20 posts, heads included."""
    feed = server.new_feed(standfirst="What it is about. " * 10, summary="- one\n- two")
    chance = Random(4)
    for n in range(25):
        body = " ".join(chance.choice(WORDS) for _ in range(60))
        publish(server, feed, f"The headline of post {n}", body=body, key=n % 6 == 0)
    host.pages["/"] = PAGE.format(hub=server.url, feed=feed)
    traffic = Traffic(reader)
    reader.page.goto(f"{host.url}/")
    reader.is_live()
    reader.shows(*(f"The headline of post {n}" for n in range(24, 4, -1)))
    expect(reader.page.get_by_role("navigation", name="Key moments")).to_be_visible()

    def told() -> dict[str, float]:
        came = traffic.sizes().items()
        return {url: size for url, size in came if url.startswith(server.url)}

    # Two scripts, the words with the styles, the posts, and the key moments.
    reader.until(lambda: len(told()) == 5)
    assert sum(told().values()) <= MOST_WIDGET_BYTES, told()


def test_the_first_paint_waits_for_no_script(reader: Reader, server: Server) -> None:
    """With a script that never arrives, the page is painted and readable."""
    feed = filled(server, 3)
    held: list[Route] = []
    reader.page.route("**/stop-press*.js", lambda one: held.append(one))
    reader.page.goto(f"{server.url}/live/{feed}", wait_until="commit")
    reader.page.wait_for_function(
        "() => performance.getEntriesByName('first-contentful-paint').length"
    )
    # The script was asked for, and is still on its way.
    reader.until(lambda: held)
    expect(reader.page.get_by_text("Text of 3.")).to_be_visible()
    assert reader.headlines() == names(3, 1)
    held[0].abort()


COUNT = """() => {
    window.counts = { created: 0, measured: 0, formatted: 0 };
    const counted = (owner, name, count) => {
        const own = owner[name];
        owner[name] = function (...given) {
            counts[count] += 1;
            return own.apply(this, given);
        };
    };
    counted(Document.prototype, "createElement", "created");
    counted(Element.prototype, "getBoundingClientRect", "measured");
    counted(Intl.DateTimeFormat.prototype, "formatToParts", "formatted");
    window.seen = [];
    // "5 min. ago" changes with the minute, whatever arrives.
    const isTime = ({ target }) =>
        (target.closest ? target : target.parentElement)?.closest(".sp-ago");
    const note = (all) => seen.push(...all.filter((one) => !isTime(one)));
    new MutationObserver(note).observe(
        document.querySelector(".sp-posts"),
        { childList: true, subtree: true, attributes: true, characterData: true });
}"""

WORK = """() => {
    const list = document.querySelector(".sp-posts");
    const of = (type) => seen.filter((one) => one.type === type);
    const inList = of("childList").filter(({ target }) => target === list);
    const numbers = of("attributes").filter(
        ({ target, attributeName }) => target.dataset?.id &&
            attributeName.startsWith("aria-"));
    const each = new Map();
    for (const { target, attributeName } of numbers) {
        const key = target.id + attributeName;
        each.set(key, (each.get(key) ?? 0) + 1);
    }
    return {
        ...counts,
        added: inList.flatMap(({ addedNodes }) => [...addedNodes]).length,
        removed: inList.flatMap(({ removedNodes }) => [...removedNodes]).length,
        inside: of("childList").length - inList.length + of("characterData").length,
        others: of("attributes").length - numbers.length,
        renumbered: Math.max(0, ...each.values()),
    };
}"""


def work(page: Page, server: Server, feed: str, posts: int) -> dict[str, int]:
    """What one arrival at the top has a page of so many posts do."""
    page.goto(f"{server.url}/live/{feed}")
    page.wait_for_selector('.sp-line[data-line="live"]', state="attached")
    holding(page, posts)
    # What was loaded has drawn its frame.
    page.evaluate("new Promise((go) => setTimeout(go, 200))")
    page.evaluate(COUNT)
    made = publish(server, feed, "News")
    page.evaluate(
        """async (id) => {
            while (!document.getElementById(id)) {
                await new Promise(requestAnimationFrame);
            }
            await new Promise(requestAnimationFrame);
        }""",
        f"post-{made['id']}",
    )
    done: dict[str, int] = page.evaluate(WORK)
    return done


def test_the_work_per_arrival_does_not_grow_with_the_list(
    readers: Readers, server: Server
) -> None:
    """One node with its parts and time is added; the others get their new number."""
    few, many = (
        work(readers().page, server, filled(server, posts), posts)
        for posts in (220, 440)
    )
    # What slides is measured: what is in view or near it, whatever the page holds.
    assert max(few.pop("measured"), many.pop("measured")) <= 60
    assert few == many
    # The oldest makes room: the list has a bound, and is past it.
    assert many["added"] == many["removed"] == 1
    assert many["renumbered"] == 1
    assert many["created"] < 30 and many["formatted"] < 10


def test_new_posts_are_highlighted_by_a_fading_layer(
    reader: Reader, server: Server
) -> None:
    """It repaints nothing; older posts are not highlighted."""
    feed = filled(server, 25)
    reader.open(f"{server.url}/live/{feed}")
    layers = """document.getAnimations().filter(({ effect }) => effect.pseudoElement)"""
    moving = f"""() => {layers}.map(({{ effect }}) => [
        effect.pseudoElement, effect.target.dataset.id,
        Object.keys(effect.getKeyframes()[0]).filter((name) => name.length > 6),
    ])"""
    # It ends by itself, and a busy machine may ask only then: each stays as it begins.
    reader.page.evaluate(
        f"""() => new MutationObserver(() => {layers}.forEach((one) => one.pause()))
            .observe(document.querySelector(".sp-posts"), {{ childList: true }})"""
    )
    made = publish(server, feed, "News")
    reader.shows("News", *names(25, 6))
    animated = ["opacity", "computedOffset", "composite"]
    ((pseudo, id, changed),) = reader.page.evaluate(moving)
    assert (pseudo, id) == ("::before", made["id"])
    assert "opacity" in changed and set(changed) <= set(animated)
    reader.page.evaluate(f"{layers}[0].finish()")
    reader.page.get_by_role("link", name="Older posts").click()
    reader.shows("News", *names(25, 1))
    assert reader.page.evaluate(moving) == []


@pytest.mark.parametrize("posts", [40, 400])
def test_a_queued_arrival_touches_no_post(
    reader: Reader, server: Server, posts: int
) -> None:
    """While the reader is in the middle, no node of the list changes."""
    feed = filled(server, posts)
    page = reader.page
    reader.open(f"{server.url}/live/{feed}")
    holding(page, posts)
    page.evaluate("document.querySelectorAll('.sp-posts article')[20].scrollIntoView()")
    page.evaluate("new Promise((go) => setTimeout(go, 200))")
    page.evaluate(COUNT)
    publish(server, feed, "News")
    expect(page.get_by_role("button", name="1 new update")).to_be_visible()
    touched = "seen.filter(({ target }) => target.closest('article')).length"
    assert page.evaluate(touched) == 0
    assert page.evaluate("counts.created") == 0
