"""The desk in a real browser, over a real server: what an editor can do."""

from __future__ import annotations

import importlib.resources
import re
from typing import Any

import httpx
import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.editor import Site, enter
from tests.browser.patience import close

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_post_is_published_by_keyboard(
    site: Site, profile: BrowserContext
) -> None:
    """Sign in, type, Ctrl+Enter: it is published, in the list, and on the page."""
    feed = await site.feed("keyboard")
    desk = await enter(site, profile, feed)
    await desk.page.get_by_label("Headline").focus()
    await desk.page.keyboard.type("The bridge is open")
    await desk.page.keyboard.press("Tab")
    await desk.page.keyboard.type("Both **ways**.")
    await desk.page.keyboard.press("Control+Enter")
    await desk.holds("", "")
    await desk.is_out("The bridge is open")
    await expect(desk.row("The bridge is open")).to_have_count(1)
    await expect(desk.page.get_by_label("Headline")).to_be_focused()
    (post,) = await site.posts(feed)
    assert post["headline"] == "The bridge is open"
    assert "<strong>ways</strong>" in post["html"]
    await desk.publish()
    await desk.says("Nothing is written yet.")
    assert len(await site.posts(feed)) == 1
    assert desk.complaints == []


LOOKS = """(selector) => [...document.querySelectorAll(selector)].map((element) => {
  const style = getComputedStyle(element);
  const names = ["fontFamily", "fontSize", "fontWeight", "color", "margin", "padding",
    "textDecoration", "boxSizing"];
  return [element.className || element.localName, names.map((name) => style[name])];
})"""
"""What decides how each element under a selector looks."""


async def test_the_preview_equals_the_readers_page(
    site: Site, profile: BrowserContext
) -> None:
    """The draft is shown as on the page, to its editor only."""
    feed = await site.feed("preview")
    desk = await enter(site, profile, feed)
    await desk.write("Fog", "Ships *wait* [there](/x) <script>alert(1)</script>")
    shown = desk.page.locator("#preview article .sp-what")
    await expect(shown).to_contain_text("Ships wait there")
    before = await shown.inner_html()
    looks = await desk.page.evaluate(LOOKS, "#preview .sp-what *")
    assert await site.posts(feed) == []
    await desk.publish()
    await desk.is_out("Fog")
    await expect(desk.page.locator("#preview article")).to_have_count(0)
    reader = await profile.new_page()
    # As wide as the preview: the page's sizes follow its width.
    await reader.set_viewport_size({"width": 600, "height": 800})
    await reader.goto(f"/live/{feed}")
    after = await reader.locator("article .sp-what").inner_html()
    assert re.sub(r'id="[^"]*"', "", after) == re.sub(r'id="[^"]*"', "", before)
    assert looks == await reader.evaluate(LOOKS, "article .sp-what *")
    assert len(looks) > 4
    assert desk.complaints == []


async def test_every_field_of_a_post_makes_the_round_trip(
    site: Site, profile: BrowserContext
) -> None:
    """Each field is saved, and loaded into the form unchanged."""
    feed = await site.feed("fields")
    desk = await enter(site, profile, feed)
    page = desk.page
    await desk.write("Ferry", "Runs.")
    for label in ("Key moment", "Breaking", "Pinned"):
        await page.locator("#write").get_by_label(label).check()
    await page.get_by_text("Authors, source, tags, language").click()
    await page.get_by_label("Authors").fill("Ada Voss https://a.example/ada\nIlse Om")
    await page.get_by_role("textbox", name="Source", exact=True).fill("Harbour master")
    await page.get_by_label("Address of the source").fill("https://h.example/")
    await page.get_by_label("Place").fill("Pier 3")
    await page.get_by_label("Tags").fill("ferry, harbour ,")
    form = page.locator("#write")
    await form.get_by_label("Language").fill("tr")
    await page.get_by_text("Pictures, quotes, links").click()
    await page.get_by_role("button", name="Add one").click()
    first = page.locator(".medium").nth(0)
    await first.get_by_label("Address").fill("/p/ferry.svg")
    await first.get_by_label("What it shows").fill("A ferry")
    await first.get_by_label("Width").fill("640")
    await page.get_by_role("button", name="Add one").click()
    second = page.locator(".medium").nth(1)
    await second.get_by_label("Kind").select_option("quote")
    await second.get_by_label("Quoted words").fill("We sail.")
    await page.get_by_role("button", name="Publish").click()
    await desk.is_out("Ferry")
    (post,) = await site.posts(feed)
    assert post["key"] and post["breaking"] and post["pinned"]
    assert post["tags"] == ["ferry", "harbour"]
    assert post["location"] == "Pier 3"
    assert [author["name"] for author in post["authors"]] == ["Ada Voss", "Ilse Om"]
    assert post["authors"][0]["url"] == "https://a.example/ada"
    assert post["source"] == {"name": "Harbour master", "url": "https://h.example/"}
    assert post["language"] == "tr"
    assert [medium["type"] for medium in post["media"]] == ["image", "quote"]
    assert post["media"][0] == post["media"][0] | {"alt": "A ferry", "width": 640}
    assert post["media"][1]["text"] == "We sail."
    await desk.edit("Ferry")
    await page.get_by_role("button", name="Save the change").click()
    await desk.says("Nothing was changed.")
    await page.get_by_label("Correction").check()
    await page.get_by_label("What was wrong").fill("It runs since nine.")
    await page.get_by_label("Tags").fill("ferry")
    await page.get_by_label("Address of the source").fill("")
    await page.get_by_role("button", name="Save the change").click()
    await expect(desk.card("Ferry").locator(".state")).to_have_text(["Out", "Out"])
    (after,) = await site.posts(feed)
    assert after["correction"]["note"] == "It runs since nine."
    assert after["tags"] == ["ferry"]
    assert after["source"]["name"] == "Harbour master"
    assert not after["source"].get("url")
    changed = {name for name in after if post.get(name) != after[name]}
    assert changed == {"correction", "tags", "source", "rev", "updated_at"}


async def test_a_refused_field_is_named(site: Site, profile: BrowserContext) -> None:
    """The server's refusal is shown at the field, and the text stays."""
    feed = await site.feed("refused")
    desk = await enter(site, profile, feed)
    await desk.write("Ferry", "Runs.")
    await desk.page.get_by_text("Pictures, quotes, links").click()
    await desk.page.get_by_role("button", name="Add one").click()
    address = desk.page.locator(".medium").get_by_label("Address")
    await address.fill("junk")
    await desk.publish()
    card = desk.card("Ferry")
    await expect(card).to_contain_text("Refused")
    await card.get_by_role("button", name="Open").click()
    await desk.says("Refused")
    await expect(address).to_have_attribute("aria-invalid", "true")
    await expect(address).to_be_focused()
    await desk.holds("Ferry", "Runs.")
    await address.fill("/p/a.svg")
    await desk.publish()
    await desk.is_out("Ferry")
    assert len(await site.posts(feed)) == 1


async def test_a_post_is_withdrawn_by_one_key_and_restored(
    site: Site, profile: BrowserContext
) -> None:
    """The message restores it, and so does its row."""
    feed = await site.feed("withdraw")
    post = await site.post(feed, headline="Wrong")
    await site.post(feed, headline="Right")
    desk = await enter(site, profile, feed)
    told = desk.page.locator("#list-status")
    row = desk.row("Wrong")
    await row.get_by_role("button", name="Withdraw").focus()
    await desk.page.keyboard.press("Enter")
    await expect(told).to_contain_text("Withdrawn: “Wrong”.")
    assert [each["headline"] for each in await site.posts(feed)] == ["Right"]
    await told.get_by_role("button", name="Put back").click()
    await expect(told).to_contain_text("Out again: “Wrong”.")
    assert [each["id"] for each in await site.posts(feed)][1] == post["id"]
    await row.get_by_role("button", name="Withdraw").click()
    gone = desk.page.locator("#posts .gone")
    await expect(gone).to_have_text("WithdrawnPut back")
    await gone.get_by_role("button", name="Put back").click()
    await expect(told).to_contain_text("Out again")
    await row.get_by_role("button", name="Withdraw").click()
    await expect(told).to_contain_text("Withdrawn")
    # Its place is free once the pointer and the focus have left the list.
    await desk.page.get_by_label("Headline").click()
    await expect(gone).to_have_count(0)


async def test_the_list_is_live(site: Site, profile: BrowserContext) -> None:
    """Others' posts are added, changed and removed; the current row keeps its focus."""
    feed = await site.feed("others")
    post = await site.post(feed, headline="Mine")
    desk = await enter(site, profile, feed)
    edit = desk.row("Mine").get_by_role("button", name="Edit")
    await edit.focus()
    other = await site.post(feed, body="Without a headline, *only* text.")
    news = desk.page.get_by_role("button", name="1 new")
    await news.click()
    await expect(news).to_be_hidden()
    await expect(desk.row("Without a headline, only text.")).to_have_count(1)
    await edit.focus()
    await site.patch(feed, other, breaking=True)
    await expect(desk.page.get_by_role("button", name="1 changed")).to_be_visible()
    await expect(edit).to_be_focused()
    await desk.page.get_by_label("Headline").focus()
    await expect(desk.row("Without a headline")).to_contain_text("breaking")
    rows = desk.page.locator("#posts > li")
    await expect(rows.first).to_contain_text("Without a headline")
    await site.api.delete(f"/v1/feeds/{feed}/posts/{other['id']}")
    await expect(rows).to_have_count(1)
    await site.patch(feed, post, pinned=True)
    await expect(desk.row("Mine")).to_contain_text("pinned")


async def test_times_are_in_the_feeds_zone(site: Site, profile: BrowserContext) -> None:
    """As in the preview and for readers, wherever the editor is."""
    feed = await site.feed("elsewhere", timezone="Asia/Kathmandu")
    await site.post(feed, headline="Old", published_at="2026-03-01T23:00:00Z")
    desk = await enter(site, profile, feed)
    time = desk.row("Old").locator("time")
    await expect(time).to_have_text("2026-03-02 04:45")
    await expect(time).to_have_attribute("title", "2026-03-02 04:45 UTC+5:45")
    await site.api.patch(f"/v1/feeds/{feed}", json={"timezone": "UTC"})
    await expect(time).to_have_text("2026-03-01 23:00")


async def test_older_posts_load_on_demand(site: Site, profile: BrowserContext) -> None:
    """If there is more than one page of posts."""
    feed = await site.feed("many")
    for number in range(23):
        await site.post(feed, headline=f"Number {number}.")
    desk = await enter(site, profile, feed)
    await expect(desk.page.locator("#posts > li")).to_have_count(20)
    await desk.page.get_by_role("button", name="Older posts").click()
    await expect(desk.page.locator("#posts > li")).to_have_count(23)
    await expect(desk.page.get_by_role("button", name="Older posts")).to_be_hidden()


async def test_feeds_are_created_and_changed(
    site: Site, profile: BrowserContext
) -> None:
    """An admin creates a feed and changes its head; a taken slug is reported."""
    await site.feed("taken")
    desk = await enter(site, profile, "taken")
    page = desk.page
    await page.get_by_text("Make a feed").click()
    make = page.locator("#make-form")
    await make.get_by_label("Title").fill("سوق السمك")
    await make.get_by_label("Slug").fill("taken")
    await make.get_by_label("Language").fill("ar")
    await make.get_by_label("Direction").select_option("rtl")
    await make.get_by_role("button", name="Make the feed").click()
    await expect(page.locator("#make-status")).to_contain_text("taken")
    await make.get_by_label("Slug").fill("fish-market")
    await make.get_by_role("button", name="Make the feed").click()
    await expect(page.get_by_role("combobox", name="Feed", exact=True)).to_have_value(
        "fish-market"
    )
    await desk.write("", "السوق مفتوح")
    await expect(page.locator("#preview")).to_have_attribute("dir", "rtl")
    await page.get_by_role("button", name="Feed settings").click()
    form = page.locator("#feed-form")
    await expect(form.get_by_label("Title")).to_have_value("سوق السمك")
    await form.get_by_label("Standfirst").fill("من الرصيف")
    await form.get_by_label("Status").select_option("paused")
    await form.get_by_role("button", name="Save the feed").click()
    await expect(page.locator("#feed-status")).to_have_text("Saved.")
    kept = (await site.api.get("/v1/feeds/fish-market")).json()["feed"]
    assert (kept["standfirst"], kept["status"]) == ("من الرصيف", "paused")
    await form.get_by_label("Title").fill("My title")
    await site.api.patch("/v1/feeds/fish-market", json={"title": "Their title"})
    await form.get_by_role("button", name="Save the feed").click()
    await expect(page.locator("#feed-status")).to_contain_text("Their title")
    await expect(form.get_by_label("Title")).to_have_value("My title")
    await form.get_by_role("button", name="Save the feed").click()
    await expect(page.locator("#feed-status")).to_have_text("Saved.")


async def test_a_token_shows_only_its_feeds(
    site: Site, profile: BrowserContext
) -> None:
    """Private or not; it creates none."""
    await site.feed("private", visibility="private")
    await site.feed("foreign")
    given = {"scopes": ["publish"], "feeds": ["private"]}
    answer = await site.api.post("/v1/tokens", json=given)
    desk = await enter(site, profile, "private", answer.json()["token"])
    options = desk.page.get_by_role("combobox", name="Feed", exact=True).locator(
        "option"
    )
    await expect(options).to_have_text(["Private"])
    await expect(desk.page.get_by_text("Make a feed")).to_be_hidden()
    await desk.write("Inside")
    await desk.publish()
    await desk.is_out("Inside")
    await expect(desk.row("Inside")).to_have_count(1)


async def test_signing_out_shows_the_sign_in_form(
    site: Site, profile: BrowserContext
) -> None:
    """A wrong token is refused with a message."""
    desk = await enter(site, profile, await site.feed("leaving"))
    await desk.page.get_by_role("button", name="Sign out").click()
    await expect(desk.page.get_by_label("Token")).to_be_focused()
    await desk.page.keyboard.type("sp_wrong")
    await desk.page.keyboard.press("Enter")
    await expect(desk.page.get_by_role("alert")).to_contain_text("unknown")


async def test_without_scripts_the_desk_explains_itself(site: Site) -> None:
    """Signing in works, and the page names the alternatives."""
    profile = await site.browser.new_context(
        base_url=site.base, java_script_enabled=False, service_workers="block"
    )
    page = await profile.new_page()
    await page.goto("/desk")
    await page.get_by_label("Token").fill(site.token)
    await page.get_by_role("button", name="Sign in").click()
    note = page.locator("noscript .note")
    await expect(note).to_be_visible()
    await expect(note).to_contain_text("needs JavaScript")
    await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    await close(profile)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
async def test_axe_finds_no_violation(site: Site, scheme: Any, width: int) -> None:
    """Light and dark, wide and narrow; nothing overflows."""
    feed = f"axe-{scheme}-{width}"
    await site.feed(feed)
    await site.post(feed, headline="H" * 200, breaking=True, key=True)
    await site.post(feed, headline="سوق السمك مفتوح", body="x", pinned=True)
    profile = await site.browser.new_context(
        base_url=site.base,
        color_scheme=scheme,
        viewport={"width": width, "height": 800},
    )
    page = await profile.new_page()
    await page.goto("/desk")
    assert await faults(page) == []
    await page.close()
    desk = await enter(site, profile, feed)
    every = "document.querySelectorAll('details')"
    await desk.page.evaluate(f"for (const part of {every}) part.open = true")
    await desk.page.get_by_role("button", name="Add one").click()
    await desk.write("Words", "# Title\n\n[link](https://a.example) " + "w" * 300)
    await expect(desk.page.locator("#preview article")).to_be_visible()
    assert await faults(desk.page) == []
    assert await desk.page.evaluate("document.documentElement.scrollWidth") <= width
    title = desk.row("سوق").locator(".title")
    assert await title.evaluate("e => getComputedStyle(e).direction") == "rtl"
    await close(profile)


async def faults(page: Page) -> list[str]:
    """What axe complains about, by the rules of WCAG 2.2 A and AA."""
    package = importlib.resources.files("axe_core_python")
    if not await page.evaluate("'axe' in window"):
        await page.evaluate((package / "axe.min.js").read_text())
    found = await page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{each['id']}: {node['html']} {node['failureSummary']}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


async def test_the_desk_loads_nothing_from_other_hosts(
    site: Site, profile: BrowserContext
) -> None:
    """And violates no rule of its policy."""
    feed = await site.feed("own-host")
    desk = await enter(site, profile, feed)
    await desk.write("Here", "Text.")
    await expect(desk.page.locator("#preview article")).to_be_visible()
    hosts = {httpx.URL(request.url).netloc for request in desk.requests}
    assert hosts == {httpx.URL(site.base).netloc}
    assert desk.complaints == []
