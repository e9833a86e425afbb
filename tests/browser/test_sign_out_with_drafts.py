"""Signing out with unsent texts: they become drafts, and the browser keeps none."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import BrowserContext, Error, Page, Route, expect

from tests.browser.editor import Desk, Site, another_tab, enter
from tests.browser.editor import profile as profile
from tests.browser.editor import site as site
from tests.browser.test_desk import faults
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
        if (one.data) kept.push(new TextDecoder("latin1").decode(one.data));
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


async def keeps_nothing_of(page: Page, *texts: str) -> None:
    """Wait until the browser keeps none of them: the page that is left removes some."""

    async def is_gone() -> bool:
        try:
            kept = await all_kept(page)
        except Error:  # the page is loaded once more, by what noticed the end itself
            return False
        return not any(text in kept for text in texts)

    await until(is_gone)


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
    await desk.page.get_by_label("What it shows").fill("Quay zyxwvut")

    async def is_kept() -> bool:
        return "a file" in await all_kept(desk.page)

    await until(is_kept)
    await profile.unroute("**/media")


async def test_unsent_texts_are_drafts_after_sign_out(
    site: Site, profile: BrowserContext
) -> None:
    """Two drafts, an edit and a picture: on the server, none in the browser."""
    feed = await site.feed("sign-out")
    post = await site.post(feed, headline="Fire", body="One.")
    desk = await enter(site, profile, feed)
    await desk.write("First zyxwvut", "Only in the browser.")
    await desk.page.locator("#write [data-part=new]").click()
    await desk.edit("Fire")
    await desk.page.get_by_label("Text Markdown").fill("Changed zyxwvut.")
    await desk.page.locator("#write [data-part=new]").click()
    await desk.write("Second zyxwvut", "With a picture.")
    await with_a_waiting_picture(desk, profile)
    tab = await another_tab(profile, feed)
    assert "zyxwvut" in await all_kept(desk.page)
    await sign_out(desk)
    await expect(desk.page.get_by_label("Token")).to_be_focused()
    # Another tab shows nothing of it either.
    await expect(tab.page.get_by_label("Token")).to_be_visible()
    await keeps_nothing_of(desk.page, "zyxwvut", "a file", "sign-out")
    assert [each["body"] for each in await site.posts(feed)] == ["One."]
    drafts = {each["headline"]: each for each in await drafts_of(site, feed)}
    assert set(drafts) == {"First zyxwvut", "Second zyxwvut", "Fire"}
    assert {each["state"] for each in drafts.values()} == {"draft"}
    assert drafts["Fire"]["base"] == {"id": post["id"], "rev": 1}
    (picture,) = drafts["Second zyxwvut"]["media"]
    assert picture["alt"] == "Quay zyxwvut" and "/media/" in picture["url"]
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
    row = again.page.locator("[data-draft]", has_text="First zyxwvut")
    await row.get_by_role("button", name="Open").click()
    await again.holds("First zyxwvut", "Only in the browser.")
    # Opened and left as it is: nothing is written again.
    await sign_out(again)
    await expect(again.page.get_by_label("Token")).to_be_focused()
    after = {each["headline"]: each["rev"] for each in await drafts_of(site, feed)}
    assert after == {"First zyxwvut": 1, "Second zyxwvut": 1, "Fire": 1}
    await keeps_nothing_of(again.page, "zyxwvut")
    assert desk.complaints == again.complaints == []


async def test_a_refused_text_stops_the_sign_out(
    site: Site, profile: BrowserContext
) -> None:
    """The dialog says what would be lost and why; the person stays, or deletes it."""
    feed = await site.feed("sign-out-refused")
    desk = await enter(site, profile, feed)

    async def refuse(route: Route) -> None:
        if route.request.method != "POST":
            return await route.continue_()
        detail = "this feed takes no drafts"
        await route.fulfill(status=403, json={"type": "x", "detail": detail})

    await profile.route("**/drafts", refuse)
    await desk.write("Kept zyxwvut", "Mine.")
    await sign_out(desk)
    dialog = desk.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Kept zyxwvut")
    await expect(dialog).to_contain_text("Refused: this feed takes no drafts.")
    stay = dialog.get_by_role("button", name="Stay signed in")
    await expect(stay).to_be_focused()
    assert await faults(desk.page) == []
    await stay.click()
    await expect(dialog).to_be_hidden()
    await desk.holds("Kept zyxwvut", "Mine.")
    assert "zyxwvut" in await all_kept(desk.page)
    await sign_out(desk)
    await desk.page.keyboard.press("Escape")
    await desk.holds("Kept zyxwvut", "Mine.")
    await sign_out(desk)
    await dialog.get_by_role("button", name=DELETE).click()
    await expect(desk.page.get_by_label("Token")).to_be_focused()
    await keeps_nothing_of(desk.page, "zyxwvut")
    assert await drafts_of(site, feed) == []


async def test_sign_out_offline_names_what_would_be_lost(
    site: Site, profile: BrowserContext
) -> None:
    """A queued text, a draft, templates."""
    feed = await site.feed("sign-out-away")
    desk = await enter(site, profile, feed)
    page = desk.page
    await desk.write("Model zyxwvut")
    await profile.set_offline(True)
    await page.locator("#open-templates").click()
    await page.get_by_label("Keep the text in the composer as").fill("Daily zyxwvut")
    await page.get_by_role("button", name="Keep it").click()
    await desk.publish()
    await desk.write("Draft zyxwvut")
    await sign_out(desk)
    dialog = page.get_by_role("dialog")
    for text in (
        "Model zyxwvut",
        "may be out already",
        "Draft zyxwvut",
        "can't be reached",
    ):
        await expect(dialog).to_contain_text(text)
    await expect(dialog).to_contain_text("Templates")
    await dialog.get_by_role("button", name="Stay signed in").click()
    await desk.holds("Draft zyxwvut")
    await profile.set_offline(False)
    await desk.is_out("Model zyxwvut")
    await sign_out(desk)
    await expect(page.get_by_label("Token")).to_be_visible()
    await keeps_nothing_of(page, "zyxwvut")
    templates = (await site.api.get("/v1/templates")).json()["templates"]
    kept = {each["name"]: each["post"] for each in templates}
    assert kept["Daily zyxwvut"] == {"headline": "Model zyxwvut"}
    (draft,) = await drafts_of(site, feed)
    assert draft["headline"] == "Draft zyxwvut"


@pytest.mark.parametrize("how", ["this one", "everywhere"])
async def test_signing_out_on_the_sessions_page_saves_drafts(
    site: Site, profile: BrowserContext, how: str
) -> None:
    """Unsent texts are drafts, and the browser keeps nothing."""
    feed = await site.feed(f"sessions-{how.replace(' ', '-')}")
    desk = await enter(site, profile, feed)
    await desk.write("First zyxwvut", "Only in the browser.")
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
    await expect(dialog).to_contain_text("First zyxwvut")
    await expect(dialog).to_contain_text("can't be reached")
    assert await faults(page) == []
    await dialog.get_by_role("button", name="Stay signed in").click()
    await profile.unroute("**/drafts")
    await out.press("Enter")
    await expect(page.get_by_label("Token")).to_be_visible()
    await expect(desk.page.get_by_label("Token")).to_be_visible()
    await keeps_nothing_of(page, "zyxwvut", feed)
    (draft,) = await drafts_of(site, feed)
    assert draft["headline"] == "First zyxwvut"
    assert desk.complaints == []


async def test_a_session_ended_elsewhere_seals_the_texts(
    site: Site, profile: BrowserContext
) -> None:
    """The next person finds none of them, their writer all."""
    feed = await site.feed("sessions-elsewhere")
    mine = await token(site, "publish")
    desk = await enter(site, profile, feed, mine)
    await desk.write("First zyxwvut", "Only in the browser.")
    await with_a_waiting_picture(desk, profile)
    tab = await another_tab(profile, feed)
    await tab.write("Second zyxwvut")
    before = await all_kept(desk.page)
    assert all(
        text in before for text in ("First zyxwvut", "Second zyxwvut", "a file", feed)
    )
    elsewhere = await site.browser.new_context(base_url=site.base)
    page = (await enter(site, elsewhere, feed, mine)).page
    await page.locator("#sign-out .who").click()
    await page.get_by_role("button", name="Sign out everywhere").click()
    await expect(page.get_by_label("Token")).to_be_visible()
    for each in (desk, tab):
        await expect(each.page.get_by_label("Token")).to_be_visible()
        await expect(each.page.locator("#sealed")).to_be_visible()
        assert "zyxwvut" not in await each.page.content()

    async def nothing_readable() -> None:
        kept = await all_kept(desk.page)
        assert not [text for text in ("zyxwvut", "a file", feed) if text in kept]

    await nothing_readable()
    other = await enter(site, profile, feed)
    await other.holds("", "")
    await expect(other.page.locator("#outbox li")).to_have_count(0)
    assert "zyxwvut" not in await other.page.content()
    await sign_out(other)
    await expect(other.page.get_by_label("Token")).to_be_visible()
    await nothing_readable()
    again = await enter(site, profile, feed, mine)
    await again.holds("Second zyxwvut")
    await again.card("First zyxwvut").get_by_role("button", name="Open").click()
    await again.holds("First zyxwvut", "Only in the browser.")
    await again.publish()
    await again.is_out("First zyxwvut")
    (post,) = await site.posts(feed)
    assert (
        post["media"][0]["alt"] == "Quay zyxwvut"
        and "/media/" in post["media"][0]["url"]
    )
    assert desk.complaints == other.complaints == again.complaints == []
    await elsewhere.close()


async def test_a_key_of_another_server_opens_nothing(
    site: Site, profile: BrowserContext
) -> None:
    """Such texts stay sealed, and the desk says so."""
    feed = await site.feed("other-key")
    mine = await token(site, "publish")
    desk = await enter(site, profile, feed, mine)
    page = desk.page
    await page.evaluate(
        """async () => {
          const isKey = (name) => name.startsWith("stop-press-key:");
          const name = Object.keys(localStorage).find(isKey);
          const curve = {name: "ECDH", namedCurve: "P-256"};
          const pair = await crypto.subtle.generateKey(curve, true, ["deriveKey"]);
          const key = await crypto.subtle.exportKey("jwk", pair.publicKey);
          localStorage.setItem(name, JSON.stringify(key));
        }"""
    )
    await desk.write("Lost zyxwvut")
    await desk.publish_without_session(profile)
    await expect(page.locator("#sealed")).to_be_visible()
    again = await enter(site, profile, feed, mine)
    await again.holds("", "")
    note = again.page.locator("#list-status")
    await expect(note).to_contain_text("can't be opened")
    assert "zyxwvut" not in await all_kept(again.page)
    await again.page.reload()
    await expect(note).to_contain_text("can't be opened")
