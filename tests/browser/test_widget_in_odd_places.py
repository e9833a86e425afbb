"""The widget where a host's layout and styles are not made for it, and on paper."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Reader
from tests.browser.host import PAGE, Host
from tests.browser.newsdesk import filled
from tests.conftest import Server

PLACES = {
    "a row": "display: flex",
    "a column": "display: flex; flex-direction: column; align-items: flex-start",
    "an automatic track": "display: grid; grid-template-columns: auto 1fr",
    "a float": "float: left",
    "a table's cell": "display: table-cell",
    "an inline block": "display: inline-block",
    "its content's width": "width: fit-content",
    "out of the flow": "position: absolute",
}
INHERITED = """letter-spacing: 0.3em; text-align: center; text-indent: 4em;
    text-transform: uppercase; white-space: pre; word-spacing: 1em"""
STYLED = """([style]) => {
    const made = document.createElement("div");
    made.style.cssText = style;
    const widget = document.querySelector("stop-press");
    widget.replaceWith(made);
    made.append(widget);
}"""


@pytest.mark.parametrize("width", [320, 900])
def test_the_widget_has_a_width_where_it_has_to_have_its_own(
    reader: Reader, server: Server, host: Host, width: int
) -> None:
    """Wide enough to be read, and not wider than the page."""
    feed = filled(server, 3)
    host.pages["/"] = PAGE.format(hub=server.url, feed=feed)
    page = reader.page
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{host.url}/")
    reader.shows("3", "2", "1")
    for place, style in PLACES.items():
        page.evaluate(STYLED, [style])
        reader.shows("3", "2", "1")
        wide, whole = page.evaluate(
            """() => [document.querySelector("stop-press").offsetWidth,
                document.documentElement.scrollWidth]"""
        )
        assert min(width * 0.7, 400) <= wide and whole <= width, place


def test_the_hosts_text_styles_stay_outside(
    reader: Reader, server: Server, host: Host
) -> None:
    """What a host sets for its own texts is inherited; it is not for ours."""
    feed = filled(server, 2)
    host.pages["/"] = PAGE.format(hub=server.url, feed=feed)
    page = reader.page
    page.goto(f"{host.url}/")
    reader.shows("2", "1")
    looks = """() => {
        const { height } = document.querySelector("stop-press").getBoundingClientRect();
        const one = document.querySelector("stop-press").shadowRoot.querySelector("p");
        const { letterSpacing, textAlign, whiteSpace } = getComputedStyle(one);
        return { height, letterSpacing, textAlign, whiteSpace };
    }"""
    before = page.evaluate(looks)
    page.evaluate(STYLED, [INHERITED])
    reader.shows("2", "1")
    assert page.evaluate(looks) == before


def test_a_page_of_other_posts_does_not_say_that_there_is_none(
    reader: Reader, server: Server
) -> None:
    """The sentence of an empty feed is about the whole feed."""
    feed = filled(server, 2)
    page = reader.page
    for query in ("tag=nix", "key=true", "moment=2000-01-01T00:00"):
        page.goto(f"{server.url}/live/{feed}?{query}")
        expect(page.locator(".sp-post")).to_have_count(0)
        expect(page.locator(".sp-empty")).to_be_hidden()
    page.goto(f"{server.url}/live/{server.new_feed()}")
    expect(page.locator(".sp-empty")).to_be_visible()


@pytest.mark.parametrize("width", [450, 1000])
def test_paper_has_the_whole_text(reader: Reader, server: Server, width: int) -> None:
    """What a screen opens at a click or a tap is open on paper."""
    feed = server.new_feed(standfirst="One.\n\nTwo.\n\nThree.", summary="- a\n- b")
    long = "\n\n".join(f"Paragraph {number}." for number in range(30))
    server.publish(feed, long, headline="Pinned", pinned=True)
    server.publish(feed, "Text.", headline="Newest")
    page = reader.page
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{server.url}/live/{feed}")
    reader.is_live()
    page.emulate_media(media="print")
    for text in ("Two.", "Three."):
        expect(page.locator(".sp-head").get_by_text(text, exact=True)).to_be_visible()
    for text in ("a", "b"):
        item = page.locator(".sp-summary").get_by_text(text, exact=True)
        expect(item).to_be_visible()
    last = page.locator(".sp-pinned").get_by_text("Paragraph 29.", exact=True)
    assert last.evaluate(
        """(one) => {
            const body = one.closest(".sp-body");
            return one.getBoundingClientRect().bottom <=
                body.getBoundingClientRect().bottom + 1;
        }"""
    )
    assert page.get_by_text("Show all", exact=True).filter(visible=True).count() == 0
