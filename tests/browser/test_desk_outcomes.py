"""Nothing written is lost, said twice or published unasked, whatever happens."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from tests.browser.editor import Site, another_tab, enter
from tests.browser.patience import PATIENCE_S, close
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_enter_does_not_publish(site: Site, profile: BrowserContext) -> None:
    """Enter in a field never submits, in every form of the desk."""
    feed = await site.feed("enter")
    desk = await enter(site, profile, feed)
    page = desk.page
    await desk.write("Half a post")
    everything = "document.querySelectorAll('details')"
    await page.evaluate(f"for (const part of {everything}) part.open = true")
    await page.get_by_role("button", name="Add one").click()
    writes: list[str] = []
    page.on(
        "request",
        lambda sent: (
            writes.append(sent.url)
            if sent.method != "GET" and "preview" not in sent.url
            else None
        ),
    )
    fields = page.locator("form input:visible:not([type=checkbox])")
    assert await fields.count() > 10
    for field in await fields.all():
        await field.press("Enter")
    await desk.holds("Half a post")
    await expect(page.locator("#outbox li")).to_have_count(0)
    assert writes == []
    assert await site.posts(feed) == []


async def test_typing_continues_while_posts_are_sent(
    site: Site, profile: BrowserContext
) -> None:
    """Five texts over a slow connection: five posts, in order."""
    feed = await site.feed("typing")
    desk = await enter(site, profile, feed)
    go = asyncio.Event()

    async def hold(route: Route) -> None:
        await asyncio.wait_for(go.wait(), PATIENCE_S)
        await route.continue_()

    await desk.page.route("**/v1/feeds/*/posts", hold)
    for number in range(5):
        await desk.write(f"Number {number}")
        await desk.publish()
        await desk.holds("", "")
    await desk.write("The next one")
    await expect(desk.page.locator('#outbox li[data-state="queued"]')).to_have_count(5)
    go.set()
    await expect(desk.page.locator('#outbox li[data-state="out"]')).to_have_count(5)
    await desk.holds("The next one", "")
    posts = await site.posts(feed)
    assert [post["headline"] for post in posts] == [
        f"Number {n}" for n in (4, 3, 2, 1, 0)
    ]


async def test_edits_of_the_same_lines_need_a_decision(
    site: Site, profile: BrowserContext
) -> None:
    """The editor decides; the chord sends nothing before."""
    feed = await site.feed("meeting")
    post = await site.post(feed, headline="Fire", body="Two hurt.", tags=["fire"])
    desk = await enter(site, profile, feed)
    await desk.edit("Fire")
    await desk.page.get_by_label("Text Markdown").fill("Mine: three hurt.")
    await site.patch(feed, post, body="Theirs: nobody hurt.", headline="Fire is out")
    await desk.publish()
    card = desk.card("Fire")
    await expect(card).to_contain_text("decide")
    await card.get_by_role("button", name="Decide").click()
    await desk.holds("Fire is out", "Mine: three hurt.")
    for _ in range(3):
        await desk.publish()
    await desk.says("Decide first")
    (kept,) = await site.posts(feed)
    assert kept["rev"] == 2
    beside = desk.page.get_by_role("group", name="Text", exact=True)
    await expect(beside).to_contain_text("Theirs: nobody hurt.")
    await expect(beside).to_contain_text("Two hurt.")
    await beside.get_by_role("button", name="Use theirs").click()
    await desk.holds("Fire is out", "Theirs: nobody hurt.")
    await expect(beside).to_contain_text("Mine: three hurt.")
    await beside.get_by_role("button", name="Use yours").click()
    await desk.publish()
    await desk.is_out("Fire is out")
    (after,) = await site.posts(feed)
    assert (after["headline"], after["body"]) == ("Fire is out", "Mine: three hurt.")
    assert after["rev"] == 3


async def test_edits_of_different_paragraphs_are_merged(
    site: Site, profile: BrowserContext
) -> None:
    """Without a question to either editor."""
    feed = await site.feed("together")
    post = await site.post(feed, headline="Fire", body="One.\n\nTwo.\n\nThree.")
    desk = await enter(site, profile, feed)
    await desk.edit("Fire")
    await desk.page.get_by_label("Text Markdown").fill("One!\n\nTwo.\n\nThree.")
    await site.patch(feed, post, body="One.\n\nTwo.\n\nThree!", key=True)
    await desk.publish()
    await desk.is_out("Fire")
    (after,) = await site.posts(feed)
    assert (after["body"], after["key"]) == ("One!\n\nTwo.\n\nThree!", True)


async def test_a_slowly_loading_edit_keeps_text_and_focus(
    site: Site, profile: BrowserContext
) -> None:
    """An editor who goes on writing keeps text, entry and focus."""
    feed = await site.feed("slow")
    await site.post(feed, headline="Fire", body="Two hurt.")
    desk = await enter(site, profile, feed)
    go = asyncio.Event()

    async def hold(route: Route) -> None:
        await asyncio.wait_for(go.wait(), PATIENCE_S)
        await route.continue_()

    await desk.page.route("**/v1/feeds/slow/posts/*", hold)
    await desk.row("Fire").get_by_role("button", name="Edit").click()
    await desk.write("Another matter", "Just in.")
    go.set()
    await desk.says("choose Edit again")
    await desk.holds("Another matter", "Just in.")
    await expect(desk.page.get_by_label("Text Markdown")).to_be_focused()
    await desk.edit("Fire")
    await desk.holds("Fire", "Two hurt.")
    await expect(desk.card("Another matter")).to_be_visible()


async def test_a_change_to_a_withdrawn_post_is_kept(
    site: Site, profile: BrowserContext
) -> None:
    """If it was withdrawn meanwhile, the text stays, and no chord republishes it."""
    feed = await site.feed("gone")
    post = await site.post(feed, headline="Rumour")
    desk = await enter(site, profile, feed)
    await desk.edit("Rumour")
    await desk.page.get_by_label("Text Markdown").fill("It is true.")
    await site.api.delete(f"/v1/feeds/{feed}/posts/{post['id']}")
    await desk.says("withdrawn meanwhile")
    await desk.holds("Rumour", "It is true.")
    for _ in range(3):
        await desk.publish()
    await desk.says("Decide first")
    assert await site.posts(feed) == []
    await desk.page.get_by_role("button", name="Make it a new post").click()
    await desk.says("not published yet")
    assert await site.posts(feed) == []
    await desk.publish()
    await desk.is_out("Rumour")
    assert [each["body"] for each in await site.posts(feed)] == ["It is true."]


class Flaky:
    """Lets writes through to the server, and loses its answers while `lost`."""

    def __init__(self) -> None:
        self.lost = True
        self.keys: list[str | None] = []

    async def __call__(self, route: Route) -> None:
        if route.request.method == "GET":
            return await route.continue_()
        self.keys.append(route.request.headers.get("idempotency-key"))
        if self.lost:
            await route.fetch()
            return await route.fulfill(status=503, headers={"retry-after": "600"})
        await route.continue_()


async def test_an_unknown_outcome_survives_a_reload(
    site: Site, profile: BrowserContext
) -> None:
    """A 503 keeps text and key: sent again after a reload, it is one post."""
    feed = await site.feed("reloaded")
    desk = await enter(site, profile, feed)
    flaky = Flaky()
    await desk.page.route("**/v1/feeds/*/posts", flaky)
    await desk.write("Once", "Only.")
    await desk.publish()
    await expect(desk.card("Once")).to_contain_text("The text is kept")
    flaky.lost = False
    await desk.page.reload()
    await desk.is_out("Once")
    assert len(flaky.keys) == 2
    assert len(set(flaky.keys)) == 1
    assert len(await site.posts(feed)) == 1


async def test_a_text_edited_after_an_unknown_outcome_becomes_an_edit(
    site: Site, profile: BrowserContext
) -> None:
    """The first attempt arrived: the new text edits that post."""
    feed = await site.feed("rewritten")
    desk = await enter(site, profile, feed)
    flaky = Flaky()
    await desk.page.route("**/v1/feeds/*/posts", flaky)
    await desk.write("Once", "First words.")
    await desk.publish()
    card = desk.card("Once")
    await expect(card).to_contain_text("can't confirm")
    flaky.lost = False
    await card.get_by_role("button", name="Take back").click()
    await desk.says("can't appear twice")
    await desk.write("Once", "Better words.")
    await desk.publish()
    await desk.is_out("Once")
    (post,) = await site.posts(feed)
    assert (post["body"], post["rev"]) == ("Better words.", 2)


async def test_two_tabs_share_the_outbox(site: Site, profile: BrowserContext) -> None:
    """Each tab has its draft; neither removes the other's, and each is sent once."""
    feed = await site.feed("tabs")
    one = await enter(site, profile, feed)
    await one.write("From one")
    two = await another_tab(profile, feed)
    await two.holds("", "")
    await two.write("From two")
    await expect(one.card("From two")).to_contain_text("Draft")
    await expect(two.card("From one")).to_contain_text("Draft")
    await two.card("From one").get_by_role("button", name="Open").click()
    await expect(two.page.get_by_role("dialog")).to_contain_text("another tab")
    await two.page.get_by_role("button", name="Take it over").click()
    await two.holds("From one")
    await one.says("Another tab has taken that text over")
    await one.holds("", "")
    await two.publish()
    await two.is_out("From one")
    await one.is_out("From one")
    await one.card("From two").get_by_role("button", name="Open").click()
    await one.holds("From two")
    await one.publish()
    await two.is_out("From two")
    posts = await site.posts(feed)
    assert [post["headline"] for post in posts] == ["From two", "From one"]


async def test_the_outbox_of_a_killed_tab_is_sent_by_another(
    site: Site, profile: BrowserContext
) -> None:
    """The sending tab is closed during a request: another tab sends on, once."""
    feed = await site.feed("killed")
    one = await enter(site, profile, feed)
    two = await another_tab(profile, feed)
    flaky = Flaky()
    await one.page.route("**/v1/feeds/*/posts", flaky)
    await two.page.route("**/v1/feeds/*/posts", flaky)
    await one.write("Once")
    await one.publish()
    await expect(two.card("Once")).to_contain_text("The text is kept")
    flaky.lost = False
    await one.page.close()
    await two.is_out("Once")
    assert len(await site.posts(feed)) == 1


async def paste(page: Page, label: str, script: str) -> None:
    """Paste into a field what a script puts into a DataTransfer `data`."""
    await page.get_by_label(label).evaluate(
        f"""(field) => {{
          const data = new DataTransfer();
          {script};
          const how = {{clipboardData: data, bubbles: true, cancelable: true}};
          const paste = new ClipboardEvent("paste", how);
          if (!field.dispatchEvent(paste)) return;
          field.value = data.getData("text/plain");
          field.dispatchEvent(new Event("input", {{bubbles: true}}));
        }}"""
    )


async def test_input_is_kept_whole_or_refused(
    site: Site, profile: BrowserContext
) -> None:
    """Too long, too much, or a file: the field says so, and the text stays."""
    feed = await site.feed("whole")
    desk = await enter(site, profile, feed)
    page = desk.page
    await paste(page, "Headline", "data.setData('text/plain', 'x'.repeat(400))")
    await desk.holds("x" * 400)
    complaint = page.locator(".complaint[id]")
    await expect(complaint).to_have_text("has 400 characters; 300 is the limit")
    await desk.publish()
    await desk.says("too long: nothing was sent")
    await desk.holds("x" * 400)
    await desk.write("Short", "Kept.")
    await paste(page, "Text Markdown", "data.setData('text/plain', 'x'.repeat(5e6))")
    await expect(complaint).to_contain_text("5,000,000 characters")
    await desk.holds("Short", "Kept.")
    await paste(page, "Text Markdown", "data.items.add(new File(['x'], 'a.png'))")
    status = page.locator("[data-picture-status]")
    await expect(status).to_contain_text("“a.png” was not added")
    await desk.holds("Short", "Kept.")
    prevented = await page.evaluate(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(["x"], "a.png"));
          const how = {dataTransfer: data, bubbles: true, cancelable: true};
          const over = document.body.dispatchEvent(new DragEvent("dragover", how));
          return [over, document.body.dispatchEvent(new DragEvent("drop", how))];
        }"""
    )
    assert prevented == [False, False]
    await desk.says("can't be dropped here")
    title = desk.page.locator("#posts .title")
    await site.post(feed, headline="Row")
    await expect(title).to_have_attribute("target", "_blank")


async def test_a_post_changed_unseen_is_not_withdrawn(
    site: Site, profile: BrowserContext
) -> None:
    """It stays published, and the desk says so."""
    feed = await site.feed("seen")
    post = await site.post(feed, headline="Rumour")
    desk = await enter(site, profile, feed)
    button = desk.row("Rumour").get_by_role("button", name="Withdraw")
    await button.hover()
    await site.patch(feed, post, headline="Confirmed")
    await expect(desk.page.get_by_role("button", name="1 changed")).to_be_visible()
    await button.click()
    await expect(desk.page.locator("#list-status")).to_contain_text("changed meanwhile")
    (kept,) = await site.posts(feed)
    assert kept["headline"] == "Confirmed"


async def test_no_row_moves_while_the_pointer_is_over_the_list(
    site: Site, profile: BrowserContext
) -> None:
    """Arrivals wait until it leaves."""
    feed = await site.feed("aimed")
    await site.post(feed, headline="Aimed at")
    desk = await enter(site, profile, feed)
    button = desk.row("Aimed at").get_by_role("button", name="Withdraw")
    await button.hover()
    before = await button.bounding_box()
    await site.post(feed, headline="Newcomer")
    await expect(desk.page.locator("#posts")).to_have_attribute("data-waiting", "")
    assert await button.bounding_box() == before
    await desk.page.mouse.move(0, 0)
    await expect(desk.row("Newcomer")).to_have_count(1)


WORKER_SOURCES = """() => Object.fromEntries(
  performance.getEntriesByType("resource").map(({ name, workerFinalSourceType }) =>
    [name.split("/").at(-1), workerFinalSourceType])
)"""
"""What answered each request for the worker, "" if the worker was asked."""


async def test_the_desk_works_offline(site: Site) -> None:
    """It opens with its drafts, and sends on reconnection."""
    profile = await site.browser.new_context(base_url=site.base)
    feed = await site.feed("offline")
    desk = await enter(site, profile, feed)
    await desk.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await profile.set_offline(True)
    await desk.write("From the ferry")
    await desk.publish()
    await expect(desk.card("From the ferry")).to_contain_text("No connection")
    await desk.write("The next one")
    await desk.page.reload()
    await desk.holds("The next one")
    await expect(desk.card("From the ferry")).to_contain_text("No connection")
    await profile.set_offline(False)
    await desk.is_out("From the ferry")
    await desk.holds("The next one")
    assert len(await site.posts(feed)) == 1
    # The desk is the worker's, and what it sends does not wait for the worker.
    sources = await desk.page.evaluate(WORKER_SOURCES)
    assert (sources["desk.js"], sources["posts"]) == ("", "network")
    await desk.page.get_by_role("button", name="Sign out").click()
    await expect(desk.page.get_by_label("Token")).to_be_visible()
    kept = "caches.match('/desk').then((page) => page === undefined)"
    # The worker forgets it beside the sign-out.
    await until(lambda: desk.page.evaluate(kept))
    await close(profile)
