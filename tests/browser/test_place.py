"""News arrives without taking the reader's place: nothing that is read moves."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Reader, Readers
from tests.browser.host import PAGE, Host
from tests.browser.newsdesk import edit, filled, names, publish, withdraw
from tests.conftest import Server


def scrolled(reader: Reader, server: Server, feed: str) -> Page:
    """The feed's page, scrolled into the middle."""
    reader.open(f"{server.url}/live/{feed}")
    page = reader.page
    page.locator(".sp-posts article").nth(9).evaluate("one => one.scrollIntoView()")
    return page


def top_of(page: Page) -> float:
    """Where the article `eye` stands in the window, once all is drawn."""
    top: float = page.evaluate(
        """async () => {
            for (let n = 0; n < 3; n += 1) await new Promise(requestAnimationFrame);
            return eye.getBoundingClientRect().top;
        }"""
    )
    return top


def test_new_posts_wait_while_the_reader_is_in_the_middle(
    reader: Reader, server: Server
) -> None:
    """A button and the title count them; the text being read keeps its place."""
    feed = filled(server, 15)
    page = scrolled(reader, server, feed)
    page.evaluate("window.eye = document.querySelectorAll('.sp-posts article')[10]")
    before = top_of(page)
    newest = publish(server, feed, "16")
    publish(server, feed, "17")
    button = page.get_by_role("button", name="2 new updates")
    expect(button).to_be_visible()
    assert page.title().startswith("(2) ")
    assert reader.headlines()[0] == "15"
    assert top_of(page) == before
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


@pytest.mark.parametrize("scale", [1, 1.5])
@pytest.mark.parametrize("anchoring", ["auto", "none"])
def test_fifty_changes_keep_the_reading_place(
    readers: Readers, server: Server, anchoring: str, scale: float
) -> None:
    """Arrivals, edits and withdrawals above: what is read stays, to the pixel's last
    fraction, and no layout shifts; also where the browser anchors nothing (Safari)."""
    reader = readers(device_scale_factor=scale)
    feed = server.new_feed()
    posts = [publish(server, feed, str(n)) for n in range(1, 21)]
    page = scrolled(reader, server, feed)
    page.evaluate(
        """(anchoring) => {
            document.documentElement.style.overflowAnchor = anchoring;
            window.eye = document.querySelectorAll(".sp-posts article")[10];
            window.shift = 0;
            new PerformanceObserver((list) => {
                for (const entry of list.getEntries()) window.shift += entry.value;
            }).observe({ type: "layout-shift" });
            window.tops = new Set();
            (function look() {
                tops.add(eye.getBoundingClientRect().top);
                requestAnimationFrame(look);
            })();
        }""",
        anchoring,
    )
    before = top_of(page)
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
    last = page.locator(f"#post-{above[1]['id']}")
    expect(last).to_have_attribute("data-rev", str(above[1]["rev"]))
    assert top_of(page) == before
    assert page.evaluate("[...tops]") == [before]
    assert page.evaluate("shift") == 0
    assert reader.complaints == []


def test_a_withdrawal_of_the_post_being_read_keeps_the_next_in_place(
    reader: Reader, server: Server
) -> None:
    """Posts above move down."""
    feed = server.new_feed()
    posts = [publish(server, feed, str(n)) for n in range(1, 21)]
    page = scrolled(reader, server, feed)
    page.evaluate("window.eye = document.querySelectorAll('.sp-posts article')[10]")
    before = top_of(page)
    withdraw(server, feed, posts[10])
    reader.shows(*names(20, 12), *names(10, 1))
    assert top_of(page) == before


def test_host_content_above_the_widget_keeps_the_place(
    reader: Reader, server: Server, host: Host
) -> None:
    """The browser's own scroll anchoring still works."""
    feed = server.new_feed()
    posts = [publish(server, feed, str(n)) for n in range(1, 21)]
    host.pages["/"] = PAGE.format(hub=server.url, feed=feed)
    page = reader.page
    page.goto(f"{host.url}/")
    reader.is_live()
    reader.shows(*names(20, 1))
    page.evaluate(
        """() => {
            const { shadowRoot } = document.querySelector("stop-press");
            const all = shadowRoot.querySelectorAll(".sp-posts article");
            all[9].scrollIntoView();
            window.eye = all[10];
        }"""
    )
    before = top_of(page)
    page.evaluate("document.querySelector('h1').style.height = '333.3px'")
    assert abs(top_of(page) - before) < 1, "the browser scrolls by whole pixels"
    before = top_of(page)
    edit(server, feed, posts[15], body="Words. " * 200)
    withdraw(server, feed, posts[16])
    reader.shows(*names(20, 18), *names(16, 1))
    expect(page.locator(f"#post-{posts[15]['id']}")).to_have_attribute("data-rev", "2")
    assert top_of(page) == before


def test_posts_of_a_hidden_tab_are_shown_on_return(
    reader: Reader, server: Server
) -> None:
    """A hidden tab counts; on return a line marks them, announced once."""
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
    # It stays where it is when more comes while another part is read.
    reader.page.set_viewport_size({"width": 600, "height": 200})
    reader.page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    publish(server, feed, "7")
    reader.page.wait_for_function("() => document.title.startsWith('(1) ')")
    reader.page.evaluate("scrollTo(0, 0)")
    reader.shows(*names(7, 1))
    below = reader.page.locator("article", has=reader.page.locator(".sp-since"))
    expect(below.locator(".sp-headline")).to_have_text("3")


def test_pausing_is_remembered(reader: Reader, server: Server) -> None:
    """No post is added while paused; withdrawals count. A reload keeps it."""
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
