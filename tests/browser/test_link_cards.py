"""Link cards at the desk: offered for a pasted address, made in a row, refused."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import BrowserContext, Route, expect

from tests.browser.editor import Desk, Site, enter
from tests.browser.editor import profile as profile
from tests.browser.editor import site as site
from tests.browser.test_desk import faults

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = "https://harbour.example/pumps"
CARD = {
    "type": "link",
    "url": PAGE,
    "title": "The pumps run",
    "text": "All six of them.",
    "image": "https://harbour.example/pumps.jpg",
    "provider": "Harbour News",
}
"""Of a page on the web, which tests do not reach: the API's own tests fetch it."""


async def paste(desk: Desk, text: str) -> None:
    """Paste into the text as a person does: from the clipboard."""
    await desk.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await desk.page.evaluate("text => navigator.clipboard.writeText(text)", text)
    await desk.page.get_by_label("Text Markdown").press("Control+V")


async def test_a_pasted_address_becomes_a_card(
    site: Site, profile: BrowserContext
) -> None:
    """Offered, fetched by one click; its line leaves the text; it can be undone."""
    feed = await site.feed("cards")
    desk = await enter(site, profile, feed)
    page, offer = desk.page, desk.page.locator("[data-card-offer]")
    asked: list[object] = []

    async def answer(route: Route) -> None:
        asked.append(route.request.post_data_json)
        await route.fulfill(body=json.dumps(CARD), content_type="application/json")

    await page.route("**/link-cards", answer)
    await desk.write("Pumps", "Before.\n\n")
    body = page.get_by_label("Text Markdown")
    await body.press("Control+End")
    await paste(desk, PAGE)
    await desk.holds("Pumps", f"Before.\n\n{PAGE}")
    await expect(offer).to_contain_text("A card of this page?")
    assert asked == [] and await faults(page) == []
    await offer.get_by_role("button", name="Make a card").click()
    await expect(page.locator('[data-member="title"]')).to_have_value("The pumps run")
    await expect(offer).to_be_hidden()
    await desk.holds("Pumps", "Before.\n\n")
    assert asked == [{"url": PAGE}]
    await expect(page.locator("#preview .sp-card")).to_contain_text("The pumps run")
    await page.locator('[data-member="title"]').fill("Six pumps")
    await body.press("Control+Enter")
    await desk.is_out("Pumps")
    (post,) = await site.posts(feed)
    assert post["media"] == [{**CARD, "title": "Six pumps"}]
    # Undone where it was not wanted, as anything typed is.
    await paste(desk, PAGE)
    await offer.get_by_role("button", name="Make a card").click()
    await page.get_by_role("button", name="Remove").click()
    await body.press("Control+Z")
    await desk.holds("", PAGE)
    assert desk.complaints == []


async def test_an_address_within_a_sentence_is_text(
    site: Site, profile: BrowserContext
) -> None:
    """No card is offered; nor for other schemes, nor after "No"."""
    feed = await site.feed("sentences")
    desk = await enter(site, profile, feed)
    offer = desk.page.locator("[data-card-offer]")
    await desk.write("", "See ")
    await desk.page.get_by_label("Text Markdown").press("Control+End")
    await paste(desk, PAGE)
    await expect(offer).to_be_hidden()
    await desk.write("", "")
    await paste(desk, "two words")
    await expect(offer).to_be_hidden()
    await desk.write("", "")
    await paste(desk, PAGE)
    await offer.get_by_role("button", name="No").click()
    await expect(offer).to_be_hidden()
    await desk.holds("", PAGE)


async def test_a_card_that_fails_shows_the_reason(
    site: Site, profile: BrowserContext
) -> None:
    """The server's: private addresses, and unknown hosts."""
    feed = await site.feed("refused-cards")
    desk = await enter(site, profile, feed)
    page, offer = desk.page, desk.page.locator("[data-card-offer]")
    inside = "http://127.0.0.1/admin"
    await desk.write("Inside", "")
    await paste(desk, inside)
    await offer.get_by_role("button", name="Make a card").click()
    await expect(offer).to_contain_text("No card: ")
    await expect(offer).to_contain_text("The address stays in the text.")
    await desk.holds("Inside", inside)
    await expect(page.locator("[data-media] > *")).to_have_count(0)
    await page.get_by_role("button", name="Add a link card").click()
    address = page.locator('[data-member="url"]')
    await expect(address).to_be_focused()
    await page.keyboard.type("http://192.168.0.1/")
    await page.get_by_role("button", name="Fill in from the page").click()
    await expect(page.locator(".medium .complaint")).to_contain_text("gives no card: ")
    await expect(address).to_have_value("http://192.168.0.1/")
    assert await faults(page) == []

    async def away(route: Route) -> None:
        await route.abort()

    await page.route("**/link-cards", away)
    await page.get_by_role("button", name="Fill in from the page").click()
    complaint = page.locator(".medium .complaint")
    await expect(complaint).to_contain_text("can't be reached now")
    await page.unroute("**/link-cards")

    async def answer(route: Route) -> None:
        card = {**CARD, "url": "http://192.168.0.1/"}
        await route.fulfill(body=json.dumps(card), content_type="application/json")

    await page.route("**/link-cards", answer)
    await page.get_by_role("button", name="Fill in from the page").click()
    await expect(page.locator('[data-member="title"]')).to_have_value("The pumps run")
    await expect(complaint).to_have_count(0)
