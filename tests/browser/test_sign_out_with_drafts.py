"""Signing out with unsent texts: they become drafts, and the browser keeps none."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from tests.browser.editor import Desk, Site, enter
from tests.browser.editor import profile as profile
from tests.browser.editor import site as site
from tests.browser.test_desk import faults
from tests.browser.test_desk_outcomes import another_tab
from tests.browser.test_pictures import give
from tests.made_pictures import jpeg_with_metadata
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALL_KEPT = """async () => {
  const kept = [JSON.stringify(localStorage), JSON.stringify(sessionStorage)];
  for (const { name } of await indexedDB.databases()) {
    const database = await new Promise((resolve, reject) => {
      const request = indexedDB.open(name);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    for (const place of database.objectStoreNames) {
      const request = database.transaction(place).objectStore(place).getAll();
      await new Promise((resolve) => (request.onsuccess = resolve));
      for (const one of request.result) {
        kept.push(JSON.stringify(one) + (one.blob ? " a file" : ""));
      }
    }
    database.close();
  }
  return kept.join("\\n");
}"""
"""All that the origin has in storages that scripts read."""

DELETE = "Delete and sign out"


async def all_kept(page: Page) -> str:
    kept: str = await page.evaluate(ALL_KEPT)
    return kept


async def drafts_of(site: Site, feed: str) -> list[dict[str, Any]]:
    answer = await site.api.get(f"/v1/feeds/{feed}/drafts")
    drafts: list[dict[str, Any]] = answer.json()["drafts"]
    return drafts


async def sign_out(desk: Desk) -> None:
    await desk.page.get_by_role("button", name="Sign out", exact=True).click()


async def token(site: Site, *scopes: str) -> str:
    given = {"scopes": list(scopes), "name": "B"}
    answer = await site.api.post("/v1/tokens", json=given)
    secret: str = answer.json()["token"]
    return secret


async def with_a_waiting_picture(desk: Desk, profile: BrowserContext) -> None:
    """Add a picture that can't be uploaded yet."""
    await profile.route("**/media", lambda route: route.abort())
    await give(desk, "paste", jpeg_with_metadata())
    await desk.page.get_by_label("What it shows").fill("Quay zyx")

    async def is_kept() -> bool:
        return "a file" in await all_kept(desk.page)

    await until(is_kept)
    await profile.unroute("**/media")


async def test_unsent_texts_are_drafts_after_sign_out(
    site: Site, profile: BrowserContext
) -> None:
    """Two drafts, a change and a picture: on the server, and nowhere in the browser."""
    feed = await site.feed("sign-out")
    post = await site.post(feed, headline="Fire", body="One.")
    desk = await enter(site, profile, feed)
    await desk.write("First zyx", "Only in the browser.")
    await desk.page.locator("#write [data-part=new]").click()
    await desk.edit("Fire")
    await desk.page.get_by_label("Text Markdown").fill("Changed zyx.")
    await desk.page.locator("#write [data-part=new]").click()
    await desk.write("Second zyx", "With a picture.")
    await with_a_waiting_picture(desk, profile)
    tab = await another_tab(profile, feed)
    assert "zyx" in await all_kept(desk.page)
    await sign_out(desk)
    await expect(desk.page.get_by_label("Token")).to_be_focused()
    # Another tab shows nothing of it either.
    await expect(tab.page.get_by_label("Token")).to_be_visible()
    kept = await all_kept(desk.page)
    assert "zyx" not in kept and "a file" not in kept and "sign-out" not in kept
    assert [each["body"] for each in await site.posts(feed)] == ["One."]
    drafts = {each["headline"]: each for each in await drafts_of(site, feed)}
    assert set(drafts) == {"First zyx", "Second zyx", "Fire"}
    assert {each["state"] for each in drafts.values()} == {"draft"}
    assert drafts["Fire"]["base"] == {"id": post["id"], "rev": 1}
    (picture,) = drafts["Second zyx"]["media"]
    assert picture["alt"] == "Quay zyx" and "/media/" in picture["url"]
    await tab.page.close()

    # A contributor sees only what is their own.
    other = await enter(site, profile, feed, await token(site, "draft"))
    await other.holds("", "")
    await expect(other.page.locator("#outbox li")).to_have_count(0)
    await expect(other.page.locator("[data-draft]")).to_have_count(0)
    await sign_out(other)
    await expect(other.page.get_by_label("Token")).to_be_focused()

    again = await enter(site, profile, feed)
    await expect(again.page.locator("[data-draft]")).to_have_count(3)
    row = again.page.locator("[data-draft]", has_text="First zyx")
    await row.get_by_role("button", name="Open").click()
    await again.holds("First zyx", "Only in the browser.")
    # Opened and left as it is: nothing is written again.
    await sign_out(again)
    await expect(again.page.get_by_label("Token")).to_be_focused()
    after = {each["headline"]: each["rev"] for each in await drafts_of(site, feed)}
    assert after == {"First zyx": 1, "Second zyx": 1, "Fire": 1}
    assert "zyx" not in await all_kept(again.page)
    assert desk.complaints == again.complaints == []


async def test_a_text_that_is_refused_holds_the_sign_out(
    site: Site, profile: BrowserContext
) -> None:
    """The dialog says what stays and why; the person stays, or deletes it."""
    feed = await site.feed("sign-out-refused")
    desk = await enter(site, profile, feed)

    async def refuse(route: Route) -> None:
        if route.request.method != "POST":
            return await route.continue_()
        detail = "this feed takes no drafts"
        await route.fulfill(status=403, json={"type": "x", "detail": detail})

    await profile.route("**/drafts", refuse)
    await desk.write("Kept zyx", "Mine.")
    await sign_out(desk)
    dialog = desk.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Kept zyx")
    await expect(dialog).to_contain_text("Refused: this feed takes no drafts.")
    stay = dialog.get_by_role("button", name="Stay signed in")
    await expect(stay).to_be_focused()
    assert await faults(desk.page) == []
    await stay.click()
    await expect(dialog).to_be_hidden()
    await desk.holds("Kept zyx", "Mine.")
    assert "zyx" in await all_kept(desk.page)
    await sign_out(desk)
    await desk.page.keyboard.press("Escape")
    await desk.holds("Kept zyx", "Mine.")
    await sign_out(desk)
    await dialog.get_by_role("button", name=DELETE).click()
    await expect(desk.page.get_by_label("Token")).to_be_focused()
    assert "zyx" not in await all_kept(desk.page)
    assert await drafts_of(site, feed) == []


async def test_no_connection_and_templates(site: Site, profile: BrowserContext) -> None:
    """What only this browser has is named: a queued text, a draft, templates."""
    feed = await site.feed("sign-out-away")
    desk = await enter(site, profile, feed)
    page = desk.page
    await desk.write("Model zyx")
    await page.locator("#open-templates").click()
    await page.get_by_label("Keep the text in the composer as").fill("Daily zyx")
    await page.get_by_role("button", name="Keep it").click()
    await profile.set_offline(True)
    await desk.publish()
    await desk.write("Draft zyx")
    await sign_out(desk)
    dialog = page.get_by_role("dialog")
    for text in ("Model zyx", "may be out already", "Draft zyx", "can't be reached"):
        await expect(dialog).to_contain_text(text)
    await expect(dialog).to_contain_text("Templates")
    await dialog.get_by_role("button", name="Stay signed in").click()
    await desk.holds("Draft zyx")
    await profile.set_offline(False)
    await desk.is_out("Model zyx")
    await sign_out(desk)
    await expect(dialog).to_contain_text("Templates")
    await expect(dialog).not_to_contain_text("zyx")
    await dialog.get_by_role("button", name=DELETE).click()
    await expect(page.get_by_label("Token")).to_be_focused()
    assert "zyx" not in await all_kept(page)
    (draft,) = await drafts_of(site, feed)
    assert draft["headline"] == "Draft zyx"


@pytest.mark.parametrize("how", ["this one", "everywhere"])
async def test_signing_out_at_the_page_of_sessions(
    site: Site, profile: BrowserContext, how: str
) -> None:
    """It is the same: what is unsent is a draft, and the browser keeps nothing."""
    feed = await site.feed(f"sessions-{how.replace(' ', '-')}")
    desk = await enter(site, profile, feed)
    await desk.write("First zyx", "Only in the browser.")
    page = (await another_tab(profile, feed)).page
    await page.locator("#sign-out .who").click()
    if how == "everywhere":
        out = page.get_by_role("button", name="Sign out everywhere")
    else:
        this = page.get_by_role("listitem").filter(has_text="(this one)")
        out = this.get_by_role("button", name="Sign out")
    await expect(page.get_by_role("heading", name="Your sessions")).to_be_visible()
    assert await faults(page) == []
    await profile.route("**/drafts", lambda route: route.abort())
    await out.press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("First zyx")
    await expect(dialog).to_contain_text("can't be reached")
    assert await faults(page) == []
    await dialog.get_by_role("button", name="Stay signed in").click()
    await profile.unroute("**/drafts")
    await out.press("Enter")
    await expect(page.get_by_label("Token")).to_be_visible()
    await expect(desk.page.get_by_label("Token")).to_be_visible()
    kept = await all_kept(page)
    assert "zyx" not in kept and feed not in kept
    (draft,) = await drafts_of(site, feed)
    assert draft["headline"] == "First zyx"
    assert desk.complaints == []


async def test_a_session_that_ends_elsewhere(
    site: Site, profile: BrowserContext
) -> None:
    """The desk covers itself, and the next person at this browser sees nothing."""
    feed = await site.feed("sessions-elsewhere")
    mine = await token(site, "publish")
    desk = await enter(site, profile, feed, mine)
    await desk.write("First zyx", "Only in the browser.")
    elsewhere = await site.browser.new_context(base_url=site.base)
    page = (await enter(site, elsewhere, feed, mine)).page
    await page.locator("#sign-out .who").click()
    await page.get_by_role("button", name="Sign out everywhere").click()
    await expect(page.get_by_label("Token")).to_be_visible()
    cover = desk.page.get_by_role("dialog")
    await expect(cover).to_contain_text("Your session has ended")
    await expect(desk.page.get_by_label("Headline")).to_be_hidden()
    await desk.page.keyboard.press("Escape")
    await expect(desk.page.get_by_label("Token")).to_be_visible()
    assert "zyx" not in await desk.page.content()
    other = await enter(site, profile, feed)
    await other.holds("", "")
    await expect(other.page.locator("#outbox li")).to_have_count(0)
    assert "zyx" not in await other.page.content()
    await sign_out(other)
    await expect(other.page.get_by_label("Token")).to_be_visible()
    again = await enter(site, profile, feed, mine)
    await again.holds("First zyx", "Only in the browser.")
    assert desk.complaints == other.complaints == []
    await elsewhere.close()
