"""What is written while the desk is busy with the text before it: none of it moves."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import BrowserContext, Route, expect

from tests.browser.editor import Site, enter
from tests.browser.editor import profile as profile
from tests.browser.editor import site as site

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLOW_DISK = """(() => {
  const own = IDBObjectStore.prototype.delete;
  IDBObjectStore.prototype.delete = function (...given) {
    const end = performance.now() + 2000;
    const wait = () => {
      if (performance.now() < end) this.get("none").onsuccess = wait;
    };
    wait();
    return own.apply(this, given);
  };
})()"""
"""What is removed from the database is gone two seconds later."""


async def test_a_text_begun_right_after_a_discarded_one_is_whole(
    site: Site, profile: BrowserContext
) -> None:
    """The browser may still be removing the other."""
    feed = await site.feed("discarded")
    desk = await enter(site, profile, feed)
    await desk.write("Thrown away", "Nothing.")
    await desk.page.evaluate(SLOW_DISK)
    await desk.page.locator("#write [data-part=discard]").click()
    await desk.page.locator("#confirm-act").click()
    await desk.write("Kept whole", "Text.")
    await asyncio.sleep(3)  # longer than the removal, which may not take it along
    await desk.holds("Kept whole", "Text.")
    await desk.publish()
    await desk.is_out("Kept whole")
    (post,) = await site.posts(feed)
    assert (post["headline"], post["body"]) == ("Kept whole", "Text.")
    await expect(desk.page.locator("#outbox li[data-state=draft]")).to_have_count(0)


async def test_what_is_written_while_a_draft_is_handed_in_stays(
    site: Site, profile: BrowserContext
) -> None:
    """It is a change of that draft, and no second one."""
    feed = await site.feed("handed-in")
    desk = await enter(site, profile, feed)
    page = desk.page
    await desk.write("Handed in", "One.")
    is_written = asyncio.Event()

    async def wait(route: Route) -> None:
        if route.request.method == "POST":
            await is_written.wait()
        await route.continue_()

    await profile.route("**/drafts", wait)
    await page.locator("#open-hand").click()
    async with page.expect_request("**/drafts"):
        await page.get_by_role("menuitem", name="Hand in").click()
    await page.get_by_label("Text Markdown").fill("One. Two.")
    is_written.set()
    await expect(page.locator("[data-draft]")).to_have_count(1)
    await desk.says("At the desk: handed in.")
    await desk.holds("Handed in", "One. Two.")
    await page.locator("#open-hand").click()
    await page.get_by_role("menuitem", name="Hand in").click()
    await desk.holds("", "")

    async def texts() -> list[str]:
        answer = await site.api.get(f"/v1/feeds/{feed}/drafts")
        return [draft["body"] for draft in answer.json()["drafts"]]

    assert await texts() == ["One. Two."]
    assert desk.complaints == []


async def test_a_draft_that_could_not_be_published_is_published_by_the_next_try(
    site: Site, profile: BrowserContext
) -> None:
    """The first had saved it: that is no change by somebody else."""
    feed = await site.feed("second-try")
    given = {"headline": "Ready", "body": "One.", "state": "submitted"}
    await site.api.post(f"/v1/feeds/{feed}/drafts", json=given)
    desk = await enter(site, profile, feed)
    page = desk.page
    await page.locator("[data-draft]").get_by_role("button", name="Open").click()
    await desk.holds("Ready", "One.")
    await page.get_by_label("Text Markdown").fill("One. Two.")
    await profile.route("**/publish", lambda route: route.fulfill(status=503))
    await desk.publish()
    await desk.says("can't be reached")
    await desk.holds("Ready", "One. Two.")
    await profile.unroute("**/publish")
    await desk.publish()
    await desk.holds("", "")
    (post,) = await site.posts(feed)
    assert (post["headline"], post["body"]) == ("Ready", "One. Two.")
