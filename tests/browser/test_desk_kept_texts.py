"""Unsent texts survive reloads, sign-outs and other people at the same browser."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import BrowserContext, expect

from tests.browser.editor import Site, another_tab, enter
from tests.browser.test_desk import faults
from tests.browser.test_sign_out_with_drafts import all_kept, keeps_nothing_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_drafts_belong_to_a_person(site: Site, profile: BrowserContext) -> None:
    """The next person to sign in sees none of them, and sends none."""
    feed = await site.feed("persons")
    answer = await site.api.post(
        "/v1/tokens", json={"scopes": ["publish"], "name": "B"}
    )
    desk = await enter(site, profile, feed)
    await desk.write("A's draft", "Not for B.")
    waiting = await another_tab(profile, feed)
    await profile.route("**/v1/feeds/*/posts", lambda route: route.abort())
    await waiting.write("A's queued post")
    await waiting.publish()
    await expect(waiting.card("A's queued post")).to_contain_text("No connection")
    await waiting.page.close()
    await desk.page.close()
    # The session ends without a sign-out: the texts stay in this browser, unseen.
    await profile.clear_cookies()
    await profile.unroute("**/v1/feeds/*/posts")
    other = await enter(site, profile, feed, answer.json()["token"])
    await other.holds("", "")
    await expect(other.page.locator("#outbox li")).to_have_count(0)
    await other.write("B's post")
    await other.publish()
    await other.is_out("B's post")
    await other.page.get_by_role("button", name="Sign out").click()
    await expect(other.page.get_by_label("Token")).to_be_visible()
    assert [post["headline"] for post in await site.posts(feed)] == ["B's post"]
    again = await enter(site, profile, feed)
    await again.is_out("A's queued post")
    await again.holds("A's draft", "Not for B.")


async def test_a_text_is_not_sent_under_another_sign_in(
    site: Site, profile: BrowserContext
) -> None:
    """Another person signs in in a second tab: texts wait and are hidden."""
    feed = await site.feed("names")
    answer = await site.api.post(
        "/v1/tokens", json={"scopes": ["publish"], "name": "B"}
    )
    desk = await enter(site, profile, feed)
    await desk.write("Mine")
    await desk.publish_without_session(profile)
    await expect(desk.page.get_by_label("Token")).to_be_visible()
    other = await enter(site, profile, feed, answer.json()["token"])
    await expect(other.page.locator("#sign-out .who")).to_have_text("B")
    await expect(other.page.locator("#outbox li")).to_have_count(0)
    await profile.clear_cookies()
    # A third one, while the tab of the second is open: that is the third one's then.
    again = await enter(site, profile, feed)
    name = await again.page.locator("#sign-out .who").inner_text()
    await expect(other.page.locator("#sign-out .who")).to_have_text(name)
    assert name != "B"
    await again.is_out("Mine")
    assert len(await site.posts(feed)) == 1


async def test_drafts_survive_a_reload(site: Site, profile: BrowserContext) -> None:
    """Each feed has its own draft; a reload and a change of feed lose nothing."""
    one, two = await site.feed("draft-one"), await site.feed("draft-two")
    await site.post(two, headline="Old", body="Was.")
    desk = await enter(site, profile, one)
    choice = desk.page.get_by_role("combobox", name="Feed", exact=True)
    await desk.write("First", "In one.")
    await choice.select_option(two)
    await desk.holds("", "")
    await desk.edit("Old")
    await desk.holds("Old", "Was.")
    await desk.page.get_by_label("Text Markdown").fill("Is.")
    await desk.page.reload()
    await expect(choice).to_have_value(two)
    await desk.holds("Old", "Is.")
    await expect(
        desk.page.get_by_role("button", name="Save the change")
    ).to_be_visible()
    await choice.select_option(one)
    await desk.holds("First", "In one.")
    form = desk.page.locator("#write")
    await form.get_by_role("button", name="Discard").click()
    await desk.page.get_by_role("button", name="Throw away").click()
    await desk.holds("", "")
    await desk.page.reload()
    await expect(choice).to_have_value(one)
    await desk.holds("", "")


async def test_a_text_for_a_feed_that_is_deleted_stays_in_reach(
    site: Site, profile: BrowserContext
) -> None:
    """To be read, copied and thrown away."""
    gone, other = await site.feed("soon-gone"), await site.feed("stays")
    desk = await enter(site, profile, gone)
    await desk.write("Kept text qponmlk", "In a feed that goes.")
    await site.api.delete(f"/v1/feeds/{gone}")
    await desk.page.reload()
    choice = desk.page.get_by_role("combobox", name="Feed", exact=True)
    await expect(choice).to_have_value(gone)
    await desk.holds("Kept text qponmlk", "In a feed that goes.")
    await choice.select_option(other)
    await desk.holds("", "")
    await choice.select_option(gone)
    await desk.holds("Kept text qponmlk", "In a feed that goes.")
    await desk.page.locator("#write").get_by_role("button", name="Discard").click()
    await desk.page.get_by_role("button", name="Throw away").click()
    await desk.holds("", "")
    await desk.page.reload()
    await expect(choice).to_have_value(re.compile("^(?!soon-gone)"))


FORMER = """localStorage.setItem("stop-press-desk:former", JSON.stringify({
  active: "", entries: {"": {draft: DRAFT, base: null, attempt: null}}}))"""


async def test_drafts_of_the_former_release_are_imported(
    site: Site, profile: BrowserContext
) -> None:
    """Its localStorage entries are in the composer."""
    feed = await site.feed("former")
    draft = """{headline: "Kept", body: "Before.", key: false, breaking: false,
      pinned: false, tags: [], authors: [], source: null, location: null, media: [],
      language: null, direction: null, correction: null}"""
    await profile.add_init_script(FORMER.replace("DRAFT", draft))
    desk = await enter(site, profile, feed)
    await desk.holds("Kept", "Before.")
    await desk.publish()
    await desk.is_out("Kept")


async def test_the_desk_works_without_storage(
    site: Site, profile: BrowserContext
) -> None:
    """It says that the browser keeps nothing."""
    feed = await site.feed("unkept")
    await profile.add_init_script(
        "for (const name of ['localStorage', 'indexedDB'])"
        " Object.defineProperty(window, name, {get() { throw Error() }})"
    )
    desk = await enter(site, profile, feed)
    await desk.write("Kept nowhere")
    await desk.says("This browser keeps no drafts")
    await desk.publish()
    await desk.is_out("Kept nowhere")
    assert desk.complaints == []


async def test_a_text_is_kept_if_the_session_is_lost(
    site: Site, profile: BrowserContext
) -> None:
    """After the next sign-in it is sent."""
    feed = await site.feed("cookie")
    desk = await enter(site, profile, feed)
    await desk.write("Still here")
    await desk.publish_without_session(profile)
    await expect(desk.page.get_by_label("Token")).to_be_visible()
    await expect(desk.page.locator("#sealed")).to_be_visible()
    assert await faults(desk.page) == []
    again = await enter(site, profile, feed)
    await again.is_out("Still here")


WITHOUT_SEALING = "Object.defineProperty(crypto, 'subtle', {value: undefined})"
"""As on a page over plain HTTP."""


async def test_the_desk_is_covered_if_texts_cannot_be_sealed(
    site: Site, profile: BrowserContext
) -> None:
    """Until the same person is back; then it sends."""
    feed = await site.feed("unsealed")
    await profile.add_init_script(WITHOUT_SEALING)
    desk = await enter(site, profile, feed)
    await desk.write("Still here")
    await desk.publish_without_session(profile)
    await expect(desk.card("Still here")).to_contain_text("You are signed out")
    # The desk is covered: the next person at the screen sees no text of it.
    cover = desk.page.get_by_role("dialog")
    await expect(cover).to_contain_text("Your session has ended")
    await expect(desk.card("Still here")).to_be_hidden()
    await expect(desk.page.get_by_label("Headline")).to_be_hidden()
    assert await faults(desk.page) == []
    await enter(site, profile, feed)
    await desk.is_out("Still here")
    await expect(cover).to_be_hidden()


async def test_unsaved_settings_outlive_a_reload(
    site: Site, profile: BrowserContext
) -> None:
    """Shown again, saved over nobody's change unseen, and named at sign-out."""
    feed = await site.feed("half-filled")
    desk = await enter(site, profile, feed)
    page = desk.page
    await page.locator("#open-settings").click()
    form = page.locator("#feed-form")
    await form.get_by_label("Standfirst").fill("Half wvutsrq")
    await form.get_by_label("Language").fill("not a langu")
    await page.keyboard.press("Escape")
    await page.locator("#summary summary").click()
    summary = page.locator("#summary-text")
    await summary.fill("- Two locks wvutsrq")
    await page.locator("#open-make").click()
    await page.locator("#make-form").get_by_label("Title").fill("Next wvutsrq")
    await page.keyboard.press("Escape")
    await site.api.patch(f"/v1/feeds/{feed}", json={"standfirst": "Theirs"})
    await page.reload()
    form, summary = page.locator("#feed-form"), page.locator("#summary-text")
    await expect(summary).to_have_value("- Two locks wvutsrq")
    await expect(page.locator("#summary-status")).to_have_text("Not saved yet.")
    await page.get_by_role("button", name="Feed settings (not saved)").click()
    await expect(form.get_by_label("Standfirst")).to_have_value("Half wvutsrq")
    await expect(form.get_by_label("Language")).to_have_value("not a langu")
    await form.get_by_label("Language").fill("en")
    await form.get_by_role("button", name="Save the feed").click()
    told = page.locator("#feed-status")
    await expect(told).to_contain_text("Someone else changed the feed")
    kept = (await site.api.get(f"/v1/feeds/{feed}")).json()["feed"]
    assert kept["standfirst"] == "Theirs" and "summary" not in kept
    await form.get_by_role("button", name="Save the feed").click()
    await expect(told).to_have_text("Saved.")
    await page.keyboard.press("Escape")
    settings = page.get_by_role("button", name="Feed settings", exact=True)
    await expect(settings).to_be_visible()
    await page.locator("#open-make").click()
    title = page.locator("#make-form").get_by_label("Title")
    await expect(title).to_have_value("Next wvutsrq")
    await title.fill("")
    await page.keyboard.press("Escape")
    # What is not saved holds a sign-out up, and is named.
    await page.get_by_role("button", name="Sign out", exact=True).click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Settings of feeds")
    await dialog.get_by_role("button", name="Delete and sign out").click()
    await expect(page.get_by_label("Token")).to_be_visible()
    await keeps_nothing_of(page, "wvutsrq")
    assert desk.complaints == []


async def test_unsaved_settings_outlive_a_session_whose_key_comes_late(
    site: Site, profile: BrowserContext
) -> None:
    """Forms that are shown already take the values; what is written since stays."""
    feed = await site.feed("late-key")
    desk = await enter(site, profile, feed)
    await desk.page.locator("#open-settings").click()
    await (
        desk.page.locator("#feed-form").get_by_label("Standfirst").fill("Half wvutsrq")
    )
    await desk.page.keyboard.press("Escape")
    await desk.page.locator("#open-make").click()
    await desk.page.locator("#make-form").get_by_label("Title").fill("Next wvutsrq")
    await desk.page.keyboard.press("Escape")
    await desk.write("Mine wvutsrq")
    await desk.publish_without_session(profile)
    await expect(desk.page.locator("#sealed")).to_be_visible()
    await keeps_nothing_of(desk.page, "wvutsrq")
    await profile.route("**/desk/text-key", lambda route: route.abort())
    again = await enter(site, profile, feed)
    page = again.page
    form, made = page.locator("#feed-form"), page.locator("#make-form")
    assert await form.get_by_label("Standfirst").input_value() == ""
    await page.locator("#summary summary").click()
    await page.locator("#summary-text").fill("- Since wvutsrq")
    assert "Since wvutsrq" in await all_kept(page)
    await profile.unroute("**/desk/text-key")
    await expect(form.get_by_label("Standfirst")).to_have_value("Half wvutsrq")
    await expect(page.locator("#feed-status")).to_have_text("Not saved yet.")
    await expect(made.get_by_label("Title")).to_have_value("Next wvutsrq")
    await expect(page.locator("#summary-text")).to_have_value("- Since wvutsrq")
    await again.is_out("Mine wvutsrq")
    kept = await all_kept(page)
    assert all(
        text in kept for text in ("Half wvutsrq", "Next wvutsrq", "Since wvutsrq")
    )
    assert desk.complaints == again.complaints == []
