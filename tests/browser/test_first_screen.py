"""On a phone the news is on the first screen, and what stands above it opens."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Readers
from tests.browser.newsdesk import filled, publish
from tests.conftest import Server

PHONE = {"width": 390, "height": 844}
SENTENCE = "A sentence of the standfirst that goes on for a while. " * 3


def test_the_first_post_begins_on_the_first_screen(
    readers: Readers, server: Server
) -> None:
    """With ten paragraphs of standfirst, a summary, key moments and a pinned post; one
    that arrives is seen without scrolling."""
    feed = server.new_feed(
        title="Storm Petra: rivers rise as thousands leave their homes",
        standfirst="\n".join([SENTENCE] * 10),
        summary="- The first thing to know\n- The second thing to know\n- The third",
        image={"url": "/demo/pictures/bridge.svg", "width": 1200, "height": 675},
        show_readers=True,
    )
    for n in range(12):
        publish(server, feed, f"Post {n}", body=SENTENCE, key=n % 3 == 0, pinned=n == 4)
    reader = readers(viewport=PHONE)
    reader.open(f"{server.url}/live/{feed}")
    top = "() => document.querySelector('.sp-posts > article').getBoundingClientRect()"
    assert reader.page.evaluate(f"({top})().top") <= 800
    line = reader.page.locator(".sp-line")
    expect(line).to_contain_text("1 reading now")
    expect(reader.page.locator(".sp-last")).to_have_text("Updated now")
    heights = (
        "(one) => [one.offsetHeight, parseFloat(getComputedStyle(one).lineHeight)]"
    )
    height, one_line = line.evaluate(heights)
    assert height < 1.5 * one_line, "it stands in one line"
    assert (
        reader.page.locator(".sp-pause").evaluate(
            "(one) => one.offsetTop - document.querySelector('.sp-line').offsetTop"
        )
        < one_line
    ), "and the button beside it"
    publish(server, feed, "News")
    headline = reader.page.locator(".sp-posts .sp-headline", has_text="News")
    expect(headline).to_be_in_viewport()
    pinned = reader.page.locator(".sp-pinned .sp-body")
    expect(pinned).to_be_hidden()
    reader.page.locator(".sp-pinned > article").click(position={"x": 5, "y": 5})
    expect(pinned).to_be_visible()
    third = reader.page.locator(".sp-summary li").last
    expect(third).to_be_hidden()
    reader.page.locator(".sp-summary").click(position={"x": 5, "y": 5})
    expect(third).to_be_visible()


@pytest.mark.parametrize(
    ("language", "direction"), [("en", "ltr"), ("pt", "ltr"), ("ar", "rtl")]
)
def test_the_days_of_key_moments_are_whole(
    readers: Readers, server: Server, language: str, direction: str
) -> None:
    """Of the strip and of the side column; a long headline makes no card wider."""
    feed = server.new_feed(language=language, direction=direction)
    for day in (25, 26, 27, 27):
        at = f"2026-11-{day}T10:00:00Z"
        publish(server, feed, SENTENCE, key=True, published_at=at)
    for width in (390, 700, 1440):
        reader = readers(viewport={"width": width, "height": 844})
        reader.open(f"{server.url}/live/{feed}")
        days = reader.page.locator(".sp-keys .sp-day")
        expect(days).to_have_count(3)
        cut = "all => all.filter(one => one.scrollWidth > one.clientWidth).length"
        assert days.evaluate_all(cut) == 0, width
        cards = reader.page.locator(".sp-keys li")
        widest = cards.evaluate_all(
            "all => Math.max(...all.map(one => one.offsetWidth))"
        )
        assert widest < 420, width


def test_without_scripts_nothing_is_folded(readers: Readers, server: Server) -> None:
    """A folded text could not be opened."""
    feed = filled(server, 2, summary="- one\n- two", standfirst=f"{SENTENCE}\nMore.")
    publish(server, feed, "3", pinned=True)
    reader = readers(viewport=PHONE, java_script_enabled=False)
    reader.page.goto(f"{server.url}/live/{feed}")
    expect(reader.page.locator(".sp-pinned .sp-body")).to_be_visible()
    expect(reader.page.locator(".sp-summary li").last).to_be_visible()
    reader.page.get_by_text("Show all").click()
    expect(reader.page.get_by_text("More.", exact=True)).to_be_visible()


def test_opened_parts_stay_open(readers: Readers, server: Server) -> None:
    """When the feed changes."""
    feed = filled(server, 2, standfirst=f"{SENTENCE}\nMore.")
    reader = readers(viewport=PHONE)
    reader.open(f"{server.url}/live/{feed}")
    reader.page.get_by_text("Show all").click()
    server.request("PATCH", f"/v1/feeds/{feed}", {"title": "Another title"})
    expect(reader.page.locator(".sp-title")).to_have_text("Another title")
    expect(reader.page.get_by_text("More.", exact=True)).to_be_visible()
