"""What the hub's own pages have besides the widget: pictures at large, older posts as
one scrolls, and ways to another moment."""

from __future__ import annotations

import time

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Readers
from tests.browser.newsdesk import edit, filled, names, publish, withdraw
from tests.conftest import Server

PHONE = {"width": 390, "height": 844}
PICTURE = {"type": "image", "url": "/demo/pictures/bridge.svg", "credit": "N. E."}
SETTLED = "new Promise((go) => setTimeout(go, 300))"
FIRST_IN_VIEW = """() => {
    const seen = [...document.querySelectorAll(".sp-posts > article")]
        .find((one) => one.getBoundingClientRect().bottom > 100);
    return [seen.id, Math.round(seen.getBoundingClientRect().top)];
}"""


def test_pictures_open_in_full_size(readers: Readers, server: Server) -> None:
    """One by one, by keys, buttons and swipes; the focus returns."""
    feed = server.new_feed()
    media = [{**PICTURE, "alt": f"Picture {n}", "caption": f"Note {n}"} for n in "123"]
    media[2].pop("alt")
    publish(server, feed, "Three", media=media)
    reader = readers(viewport=PHONE, has_touch=True)
    page = reader.page
    reader.open(f"{server.url}/live/{feed}")
    page.get_by_role("link", name="Picture 1").click()
    dialog = page.get_by_role("dialog", name="Picture")
    expect(dialog.locator("figcaption")).to_have_text("1 / 3 · Note 1 N. E.")
    expect(dialog.get_by_role("img", name="Picture 1")).to_be_visible()
    expect(dialog.get_by_role("button", name="Previous picture")).to_be_hidden()
    page.keyboard.press("ArrowRight")
    expect(dialog.locator("figcaption")).to_contain_text("2 / 3")
    dialog.get_by_role("button", name="Next picture").click()
    expect(dialog.locator("figcaption")).to_contain_text("3 / 3")
    expect(dialog.get_by_role("button", name="Previous picture")).to_be_focused()
    swipe(page, 100, 300)
    expect(dialog.locator("figcaption")).to_contain_text("2 / 3")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("link", name="Picture 1")).to_be_focused()
    assert page.url == f"{server.url}/live/{feed}"
    # A post may change while it is looked at.
    page.get_by_role("link", name="Picture", exact=True).press("Enter")
    expect(dialog.locator("figcaption")).to_contain_text("3 / 3")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()


def swipe(page: Page, begin: int, end: int) -> None:
    """A finger goes from one place to another, from left to right."""
    page.evaluate(
        """([begin, end]) => {
            const target = document.querySelector("dialog img");
            const at = (clientX) => [new Touch({ identifier: 1, target, clientX })];
            const send = (name, list) => target.dispatchEvent(
                new TouchEvent(name, { ...list, bubbles: true }));
            send("touchstart", { touches: at(begin), changedTouches: at(begin) });
            send("touchend", { touches: [], changedTouches: at(end) });
        }""",
        [begin, end],
    )


def test_older_posts_load_on_scrolling(readers: Readers, server: Server) -> None:
    """Place and focus are kept; a reader may choose the link instead, for good."""
    feed = filled(server, 70)
    reader = readers(scrolls=True)
    page = reader.page
    reader.open(f"{server.url}/live/{feed}")
    articles = page.locator(".sp-posts > article")
    page.wait_for_function(
        "() => document.querySelector('.sp-scroll').hidden === false"
    )
    expect(articles).to_have_count(20)
    articles.nth(2).focus()
    held: list[Route] = []
    page.route("**/posts?before=*", lambda one: held.append(one))
    articles.nth(17).evaluate("(one) => one.scrollIntoView()")
    page.wait_for_function("() => document.querySelector('.sp-more').dataset.auto")
    reader.until(lambda: held)
    before = page.evaluate(FIRST_IN_VIEW)
    held[0].continue_()
    page.unroute("**/posts?before=*")
    expect(articles).to_have_count(40)
    assert page.evaluate(FIRST_IN_VIEW) == before
    assert page.evaluate("document.activeElement.id") == articles.nth(2).get_attribute(
        "id"
    )
    articles.nth(38).evaluate("(one) => one.scrollIntoView()")
    expect(articles).to_have_count(60)
    page.evaluate("scrollTo(0, 0)")
    page.get_by_label("Load older posts as I scroll").uncheck()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.evaluate(SETTLED)
    expect(articles).to_have_count(60)
    page.get_by_role("link", name="Older posts").click()
    reader.shows(*names(70, 1))
    expect(page.locator(":focus .sp-headline")).to_have_text("10")
    expect(page.locator(".sp-scroll")).to_be_hidden()
    page.reload()
    reader.is_live()
    expect(page.get_by_label("Load older posts as I scroll")).not_to_be_checked()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.evaluate(SETTLED)
    expect(articles).to_have_count(20)
    assert reader.complaints == []


def test_without_the_hub_the_link_stays(readers: Readers, server: Server) -> None:
    """The reader stays on this page."""
    feed = filled(server, 30)
    reader = readers(scrolls=True)
    page = reader.page
    reader.open(f"{server.url}/live/{feed}")
    page.wait_for_function(
        "() => document.querySelector('.sp-scroll').hidden === false"
    )
    page.route("**/posts?before=*", lambda one: one.abort())
    with page.expect_event("requestfailed", lambda one: "/posts?before=" in one.url):
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.evaluate(SETTLED)
    assert page.url == f"{server.url}/live/{feed}"
    page.unroute("**/posts?before=*")
    page.get_by_role("link", name="Older posts").click()
    reader.shows(*names(30, 1))


def test_the_list_of_feeds_is_live(readers: Readers, server: Server) -> None:
    """New headlines arrive, and a withdrawn post leaves an open page."""
    title = f"The list at {time.time_ns()}"
    feed = server.new_feed(title=title)
    publish(server, feed, "First")
    page = readers().page
    with page.expect_websocket():
        page.goto(server.url)
    latest = page.locator("li", has_text=title).locator(".latest")
    expect(latest).to_contain_text("First")
    # No other test's feed in the list has these words.
    second = publish(server, feed, f"Second of {title}")
    expect(latest).to_contain_text("Second of")
    withdraw(server, feed, second)
    expect(latest).to_be_hidden()
    assert f"Second of {title}" not in page.content()


def test_links_lead_to_the_newest_post_and_to_a_moment(
    readers: Readers, server: Server
) -> None:
    """From far down; and to an arrival if the list begins below the screen."""
    feed = filled(server, 30)
    reader = readers(viewport={"width": 390, "height": 300})
    page = reader.page
    reader.open(f"{server.url}/live/{feed}")
    page.wait_for_selector(".jumps", state="attached")
    newest = page.get_by_role("button", name="Newest posts")
    expect(newest).to_be_hidden()
    page.evaluate("document.querySelector('.sp-main').style.marginTop = '400px'")
    made = publish(server, feed, "31")
    publish(server, feed, "32")
    arrived = page.locator(".jump-down")
    expect(arrived).to_have_text("2 new updates")
    edit(server, feed, made, headline="31, mended")
    arrived.click()
    expect(page.locator(":focus .sp-headline")).to_have_text("32")
    expect(page.locator(":focus")).to_be_in_viewport()
    expect(arrived).to_be_hidden()
    page.locator(".sp-posts > article").nth(18).evaluate(
        "(one) => one.scrollIntoView()"
    )
    newest.click()
    expect(page.locator(":focus .sp-headline")).to_have_text("32")
    expect(newest).to_be_hidden()
    page.locator(".sp-posts > article").nth(18).evaluate(
        "(one) => one.scrollIntoView()"
    )
    page.get_by_role("button", name="Go to a moment").click()
    field = page.get_by_label("Go to a moment")
    expect(field).to_be_focused()
    field.fill("2020-01-01T10:00")
    page.get_by_role("button", name="Go", exact=True).click()
    page.wait_for_url(f"{server.url}/live/{feed}?moment=2020-01-01T10%3A00")
    expect(page.locator(".sp-title")).to_be_visible()
    expect(page.locator(".sp-post")).to_have_count(0)
    # It has; only not by then.
    expect(page.get_by_text("Nothing has been posted yet")).to_be_hidden()
    assert reader.complaints == []
