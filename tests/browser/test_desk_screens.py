"""The desk's screens: keys, search, several posts, history, settings, writing.

Most of it is one editor's page, used for one thing after the other.
"""

from __future__ import annotations

import json

import pytest
from playwright.async_api import BrowserContext, expect

from tests.browser.editor import Desk, Site, enter
from tests.browser.patience import close
from tests.browser.test_desk import faults

pytestmark = pytest.mark.asyncio(loop_scope="module")

HTML = "<p>The <b>pumps</b> work. <a href='https://h.example/'>More</a></p><ul><li>One</ul>"


async def test_the_desk_is_usable_by_keyboard(
    site: Site, profile: BrowserContext
) -> None:
    """Move, key, pin, select, withdraw, search, write; no shortcut in a field."""
    feed = await site.feed("keys")
    for name in ("Third", "Second", "First"):
        await site.post(feed, headline=name, tags=["a"])
    desk = await enter(site, profile, feed)
    page, told = desk.page, desk.page.locator("#list-status")
    await page.get_by_label("Headline").focus()
    await page.keyboard.type("nepkw/?")
    await desk.holds("nepkw/?")
    await page.keyboard.press("Escape")
    await page.locator("#posts > li").first.focus()
    await page.keyboard.press("ArrowDown")
    await expect(desk.row("Second")).to_be_focused()
    await page.keyboard.press("k")
    await expect(told).to_have_text("Key now: “Second”.")
    await expect(desk.row("Second")).to_contain_text("key")
    await expect(desk.row("Second")).to_be_focused()
    await page.keyboard.press("p")
    await expect(told).to_have_text("Pinned: “Second”.")
    await expect(desk.row("Second")).to_contain_text("pinned")
    await page.keyboard.press("w")
    await expect(told).to_contain_text("Withdrawn: “Second”.")
    await told.get_by_role("button", name="Put back").click()
    await expect(told).to_contain_text("Out again")
    await page.keyboard.press("n")
    await expect(page.get_by_label("Headline")).to_be_focused()
    await desk.holds("", "")
    await page.get_by_role("button", name="Keys").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("withdraw")
    assert await faults(page) == []
    await dialog.get_by_label("Single keys act").uncheck()
    await page.keyboard.press("Escape")
    await page.keyboard.press("/")
    await expect(page.locator("#search")).not_to_be_focused()


async def test_posts_are_searched_and_changed_together(
    site: Site, profile: BrowserContext
) -> None:
    """Posts not loaded are found too; selected posts change together."""
    feed = await site.feed("search")
    for number in range(30):
        tags = ["ferry"] if number % 10 == 0 else []
        await site.post(feed, headline=f"Köprü {number}.", tags=tags, key=number == 3)
    desk = await enter(site, profile, feed)
    page, rows = desk.page, desk.page.locator("#posts > li")
    await page.keyboard.press("/")
    await page.keyboard.type("kopru 3")
    await expect(rows).to_have_count(3)
    await expect(page.locator("#found")).to_have_text("3 found in all 30 posts.")
    await page.locator("#search").fill("")
    await page.get_by_role("button", name="Filter").click()
    await page.get_by_label("Tag", exact=True).select_option("ferry")
    await expect(rows).to_have_count(3)
    assert await faults(page) == []
    await desk.row("Köprü 20.").get_by_label("Select").check()
    await desk.row("Köprü 0.").get_by_label("Select").click(modifiers=["Shift"])
    bulk = page.get_by_role("group", name="Selected posts")
    await expect(bulk).to_contain_text("3 selected")
    await bulk.get_by_role("button", name="Tag").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Add").fill("boat, quay")
    await dialog.get_by_label("Remove").fill("ferry")
    await dialog.get_by_role("button", name="Change the tags").click()
    told = page.locator("#list-status")
    await expect(told).to_have_text("Tagged: 3 posts.")
    await page.get_by_role("button", name="Clear").click()
    await expect(rows).to_have_count(30)
    tagged = [post for post in await site.posts(feed) if post.get("tags")]
    assert [post["tags"] for post in tagged] == [["boat", "quay"]] * 2
    await desk.row("Köprü 20.").get_by_label("Select").check()
    await desk.row("Köprü 10.").get_by_label("Select").check()
    await bulk.get_by_role("button", name="Withdraw").click()
    await expect(told).to_contain_text("Withdrawn: 2 posts.")
    await told.get_by_role("button", name="Put back").click()
    await expect(told).to_have_text("Out again: 2 posts.")


async def test_an_earlier_version_is_shown_and_restored(
    site: Site, profile: BrowserContext
) -> None:
    """Each version shows its changes; restoring one publishes it as an edit."""
    feed = await site.feed("history")
    post = await site.post(feed, headline="Fire", body="Two people are hurt.")
    await site.patch(feed, post, body="Three people are hurt.")
    desk = await enter(site, profile, feed)
    page = desk.page
    await desk.row("Fire").get_by_role("button", name="More").click()
    await page.get_by_role("menuitem", name="History").click()
    version = page.locator("#revision-text")
    await expect(version.locator("del")).to_have_text("Two")
    await expect(version.locator("ins")).to_have_text("Three")
    assert await faults(page) == []
    await page.locator("#revision-list button").nth(1).click()
    await version.get_by_role("button", name="Put this version back").click()
    await desk.is_out("Fire")
    (after,) = await site.posts(feed)
    assert (after["body"], after["rev"]) == ("Two people are hurt.", 3)
    await desk.row("Fire").get_by_role("button", name="More").click()
    await page.get_by_role("menuitem", name="Take down").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Take it down").click()
    await expect(dialog).to_contain_text("Give the reason")
    await dialog.get_by_label("Reason").fill("Names a minor")
    await dialog.get_by_label("Reason").press("Enter")
    assert len(await site.posts(feed)) == 1
    await dialog.get_by_role("button", name="Take it down").click()
    await expect(dialog).to_contain_text("Store erased")
    assert await faults(page) == []
    assert await site.posts(feed) == []


async def test_the_composer_formats_and_fills_in(
    site: Site, profile: BrowserContext
) -> None:
    """Buttons, pasted HTML, a time in the feed's zone, names, notes, a template."""
    feed = await site.feed("writing", timezone="Asia/Kathmandu")
    await site.post(feed, headline="Old", tags=["harbour"], authors=[{"name": "Ada"}])
    desk = await enter(site, profile, feed)
    page, text = desk.page, desk.page.get_by_label("Text Markdown")
    await desk.write("Lock", "water falls")
    await text.press("Control+a")
    await page.get_by_role("button", name="B", exact=True).click()
    await desk.holds("Lock", "**water falls**")
    await text.press("Control+z")
    await desk.holds("Lock", "water falls")
    await text.press("End")
    await text.press("Enter")
    await text.evaluate(
        """(field, html) => {
          const data = new DataTransfer();
          data.setData("text/html", html);
          data.setData("text/plain", "The pumps work. More");
          const how = {clipboardData: data, bubbles: true, cancelable: true};
          field.dispatchEvent(new ClipboardEvent("paste", how));
        }""",
        HTML,
    )
    pasted = "The **pumps** work. [More](https://h.example/)\n\n- One"
    await desk.holds("Lock", f"water falls\n{pasted}")
    await text.press("Enter")
    await page.keyboard.type("Two")
    await page.get_by_text("Authors, source, tags, language").click()
    await page.get_by_label("Tags").focus()
    await page.get_by_role("button", name="harbour").click()
    await page.get_by_label("Authors").focus()
    await page.get_by_role("button", name="Ada").click()
    await page.get_by_label("Happened at").fill("2026-03-01T04:45")
    await page.get_by_text("Notes for the desk").click()
    await page.get_by_label("for the desk alone").fill("Ring the harbour master.")
    await page.get_by_role("button", name="Templates").click()
    await page.get_by_label("Keep the text in the composer as").fill("Lock news")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await desk.publish()
    await desk.is_out("Lock")
    post = next(each for each in await site.posts(feed) if each["headline"] == "Lock")
    assert post["body"] == f"water falls\n{pasted}\n- Two"
    assert post["published_at"] == "2026-02-28T23:00:00.000Z"
    assert (post["tags"], post["authors"]) == (["harbour"], [{"name": "Ada"}])
    assert "Ring" not in json.dumps(post)
    await page.get_by_role("button", name="Templates").click()
    assert await faults(page) == []
    await page.get_by_role("button", name="Lock news", exact=True).click()
    await expect(page.get_by_label("Headline")).to_have_value("Lock")
    assert desk.complaints == []


async def test_every_member_of_a_feed_is_editable(
    site: Site, profile: BrowserContext
) -> None:
    """The summary takes a line from a post."""
    feed = await site.feed("settings")
    await site.post(feed, headline="Lock 3 is open")
    desk = await enter(site, profile, feed)
    page = desk.page
    await desk.row("Lock").get_by_role("button", name="More").click()
    await page.get_by_role("menuitem", name="Add to what we know").click()
    await page.get_by_role("button", name="Save what we know").click()
    await expect(page.locator("#summary-status")).to_have_text("Saved.")
    await page.get_by_role("button", name="Feed settings").click()
    form = page.locator("#feed-form")
    await form.get_by_label("Time zone").fill("Europe/Berlin")
    await form.get_by_label("Language").fill("de")
    await form.get_by_label("Status").select_option("upcoming")
    await form.get_by_label("Visibility").select_option("unlisted")
    await form.get_by_label("Links").fill("The map https://m.example/")
    await form.get_by_label("Share at").fill("mail, x")
    await form.get_by_label("Address of the picture").fill("/a.jpg")
    await form.get_by_label("What the picture shows").fill("A lock")
    await form.get_by_label("Show readers how many").check()
    assert await faults(page) == []
    await form.get_by_role("button", name="Save the feed").click()
    await expect(page.locator("#feed-status")).to_have_text("Saved.")
    await form.get_by_role("textbox", name="Begins").fill("2026-12-01T09:00")
    async with page.expect_response(lambda got: got.request.method == "PATCH"):
        await form.get_by_role("button", name="Save the feed").click()
    await expect(page.locator("#feed-status")).to_have_text("Saved.")
    code = page.locator("#embed-code")
    assert f'<stop-press feed="{feed}">' in await code.input_value()
    kept = (await site.api.get(f"/v1/feeds/{feed}")).json()["feed"]
    assert kept["coverage_start"] == "2026-12-01T08:00:00.000Z"
    assert kept["summary"] == "- Lock 3 is open"
    assert kept["links"] == [{"title": "The map", "url": "https://m.example/"}]
    assert (kept["share"], kept["show_readers"]) == (["mail", "x"], True)
    assert kept["image"] == {"url": "/a.jpg", "alt": "A lock"}
    assert (kept["language"], kept["status"]) == ("de", "upcoming")
    await form.get_by_label("Time zone").fill("Nowhere/City")
    await form.get_by_role("button", name="Save the feed").click()
    await expect(form.get_by_label("Time zone")).to_have_attribute(
        "aria-invalid", "true"
    )
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Export the feed").click()
    path = await (await download.value).path()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0]["export"] == 1
    assert lines[-1]["end"]["lines"] == len(lines) - 1


async def test_publish_is_in_view_at_360_px(site: Site) -> None:
    """On a phone every view has the button and the outcome of the text."""
    feed = await site.feed("phone")
    profile = await site.browser.new_context(
        base_url=site.base,
        viewport={"width": 360, "height": 640},
        service_workers="block",
    )
    desk: Desk = await enter(site, profile, feed)
    page = desk.page
    await desk.write("From the quay", "w" * 3000)
    button = page.get_by_role("button", name="Publish")
    await expect(button).to_be_in_viewport()
    await button.click()
    for view in ("Posts", "Queue", "Write"):
        await page.get_by_role("button", name=view).first.click()
        await expect(page.locator("#sent")).to_contain_text("Out")
        await expect(page.locator("#sent")).to_be_in_viewport()
        await expect(button).to_be_in_viewport()
        assert await faults(page) == []
    await page.evaluate("document.documentElement.dir = 'rtl'")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    await close(profile)


async def test_drafts_are_submitted_scheduled_and_published(
    site: Site, profile: BrowserContext
) -> None:
    """Submitted, opened, changed and published; scheduled, stopped, deleted."""
    feed = await site.feed("shared")
    desk = await enter(site, profile, feed)
    page = desk.page
    drafts = page.locator("#drafts li")

    async def hand(how: str) -> None:
        await page.get_by_role("button", name="To the desk").click()
        await page.get_by_role("menuitem", name=how).click()

    await desk.write("Lock 3", "Opens at noon.")
    await hand("Hand in")
    await desk.says("handed in")
    await desk.holds("", "")
    assert await site.posts(feed) == []
    answer = await site.api.get(f"/v1/feeds/{feed}/drafts")
    (kept,) = answer.json()["drafts"]
    await site.api.put(
        f"/v1/feeds/{feed}/drafts/{kept['id']}",
        json={"headline": "Lock 4", "body": "Opens at one.", "state": "submitted"},
        headers={"if-match": f'"{kept["rev"]}"'},
    )
    # The desk's line says so: the list is read again, and opens what it shows.
    await expect(drafts).to_contain_text("Lock 4")
    await expect(drafts).to_contain_text("handed in")
    await drafts.get_by_role("button", name="Open").click()
    await desk.holds("Lock 4", "Opens at one.")
    assert await faults(page) == []
    await page.get_by_label("Text Markdown").fill("Opens at two.")
    await desk.publish()
    await desk.says("Out.")
    await desk.holds("", "")
    (post,) = await site.posts(feed)
    assert (post["id"], post["body"]) == (kept["id"], "Opens at two.")
    await expect(drafts).to_have_count(0)
    await desk.write("Later", "Tomorrow.")
    await hand("Schedule")
    await page.get_by_role("dialog").get_by_label("Time").fill("2036-01-02T03:04")
    await page.get_by_role("dialog").get_by_role("button", name="Schedule").click()
    await expect(drafts).to_contain_text("goes out 2036-01-02 03:04")
    await drafts.get_by_role("button", name="Stop").click()
    await expect(drafts).to_contain_text("approved")
    await drafts.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(drafts).to_have_count(0)
    assert len(await site.posts(feed)) == 1


async def test_two_editors_of_one_post_see_each_other(
    site: Site, profile: BrowserContext
) -> None:
    """One asks for the post, the other hands it over."""
    feed = await site.feed("leases")
    await site.post(feed, headline="Fire", body="Two hurt.")
    answer = await site.api.post(
        "/v1/tokens", json={"scopes": ["publish"], "name": "Ilse"}
    )
    one = await enter(site, profile, feed)
    await one.edit("Fire")
    elsewhere = await site.browser.new_context(
        base_url=site.base, service_workers="block"
    )
    two = await enter(site, elsewhere, feed, answer.json()["token"])
    await expect(one.page.locator("#people")).to_contain_text("Ilse here")
    await two.edit("Fire")
    lease = two.page.locator("#lease")
    await expect(lease).to_contain_text("is changing this too")
    await lease.get_by_role("button", name="Ask for it").click()
    await expect(one.page.locator("#lease")).to_contain_text("Ilse asks for this")
    await one.page.get_by_role("button", name="Hand it over").click()
    await one.says("Handed over")
    await expect(lease).to_be_hidden()
    await expect(one.page.locator("#lease")).to_contain_text("Ilse is changing")
    await elsewhere.close()
