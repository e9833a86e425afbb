"""Nothing written is lost, said twice or published unasked, whatever happens."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from tests.browser.editor import Desk, Site, enter
from tests.browser.patience import PATIENCE_S
from tests.browser.test_desk import faults

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def another_tab(profile: BrowserContext, feed: str) -> Desk:
    """A second tab of the same editor."""
    page = await profile.new_page()
    desk = Desk(page)
    await page.goto(f"/desk?feed={feed}")
    await expect(page.locator("#line")).to_have_text("Live")
    return desk


async def test_enter_publishes_nothing(site: Site, profile: BrowserContext) -> None:
    """Enter in a field is no more than Enter, in every form of the desk."""
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


async def test_typing_goes_on_while_posts_are_sent(
    site: Site, profile: BrowserContext
) -> None:
    """Five texts over a slow line: five posts, in order; the composer is free."""
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


async def test_two_editors_meet(site: Site, profile: BrowserContext) -> None:
    """Where both changed the same lines the editor decides; the chord sends nothing."""
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


async def test_changes_of_other_lines_go_together(
    site: Site, profile: BrowserContext
) -> None:
    """Two editors who change different paragraphs are asked nothing."""
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


async def test_an_edit_that_loads_slowly_moves_nothing(
    site: Site, profile: BrowserContext
) -> None:
    """Who goes on writing while a post is loaded keeps text, entry and focus."""
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
    """Withdrawn meanwhile: the text is kept, and no chord publishes it again."""
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


async def test_an_unknown_outcome_outlives_a_reload(
    site: Site, profile: BrowserContext
) -> None:
    """A 503 keeps the text and its key: sent again after a reload, it is one post."""
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


async def test_a_text_changed_meanwhile_becomes_a_change(
    site: Site, profile: BrowserContext
) -> None:
    """What arrived unseen is not published twice: the new text changes it."""
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
    """Each tab has its draft; neither removes the other's, and none goes out twice."""
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


async def test_a_killed_tab_leaves_its_outbox(
    site: Site, profile: BrowserContext
) -> None:
    """The tab that sends is closed in mid-request: another sends on, once."""
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


async def test_drafts_belong_to_a_person(site: Site, profile: BrowserContext) -> None:
    """Who signs in next at this browser sees none of them, and sends none."""
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


async def test_nothing_goes_out_in_anothers_name(
    site: Site, profile: BrowserContext
) -> None:
    """Somebody else signs in in another tab: these texts wait, and are not seen."""
    feed = await site.feed("names")
    answer = await site.api.post(
        "/v1/tokens", json={"scopes": ["publish"], "name": "B"}
    )
    desk = await enter(site, profile, feed)
    await profile.clear_cookies()
    await desk.write("Mine")
    await desk.publish()
    await expect(desk.card("Mine")).to_contain_text("You are signed out")
    other = await enter(site, profile, feed, answer.json()["token"])
    await expect(other.page.locator("#sign-out .who")).to_have_text("B")
    # The tab of the one before is the other one's now.
    await expect(desk.page.locator("#sign-out .who")).to_have_text("B")
    await expect(desk.page.locator("#line")).to_have_text("Live")
    assert "Mine" not in await desk.page.content()
    assert await site.posts(feed) == []
    await profile.clear_cookies()
    await enter(site, profile, feed)
    await desk.is_out("Mine")


async def test_drafts_outlive_a_reload(site: Site, profile: BrowserContext) -> None:
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


FORMER = """localStorage.setItem("stop-press-desk:former", JSON.stringify({
  active: "", entries: {"": {draft: DRAFT, base: null, attempt: null}}}))"""


async def test_drafts_of_the_last_release_are_taken_over(
    site: Site, profile: BrowserContext
) -> None:
    """What the desk before kept in localStorage is in the composer."""
    feed = await site.feed("former")
    draft = """{headline: "Kept", body: "Before.", key: false, breaking: false,
      pinned: false, tags: [], authors: [], source: null, location: null, media: [],
      language: null, direction: null, correction: null}"""
    await profile.add_init_script(FORMER.replace("DRAFT", draft))
    desk = await enter(site, profile, feed)
    await desk.holds("Kept", "Before.")
    await desk.publish()
    await desk.is_out("Kept")


async def test_a_browser_that_keeps_nothing(
    site: Site, profile: BrowserContext
) -> None:
    """Storage refused: the desk says so, and works."""
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


async def test_signed_out_elsewhere(site: Site, profile: BrowserContext) -> None:
    """A lost cookie loses no text: after a sign-in in another tab it is sent."""
    feed = await site.feed("cookie")
    desk = await enter(site, profile, feed)
    await desk.write("Still here")
    await profile.clear_cookies()
    await desk.publish()
    await expect(desk.card("Still here")).to_contain_text("You are signed out")
    # Covered meanwhile: whoever stands before it sees nothing of it.
    cover = desk.page.get_by_role("dialog")
    await expect(cover).to_contain_text("Your session has ended")
    await expect(desk.card("Still here")).to_be_hidden()
    await expect(desk.page.get_by_label("Headline")).to_be_hidden()
    assert await faults(desk.page) == []
    await enter(site, profile, feed)
    await desk.is_out("Still here")
    await expect(cover).to_be_hidden()


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
    """Too long, too much, or a file: it is said at the place, and the text stays."""
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


async def test_withdraw_what_was_seen(site: Site, profile: BrowserContext) -> None:
    """A post that changed unseen stays out, and the desk says so."""
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


async def test_no_row_moves_under_the_pointer(
    site: Site, profile: BrowserContext
) -> None:
    """What arrives while the pointer is over the list waits until it leaves."""
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


async def test_offline(site: Site) -> None:
    """Without a connection the desk opens with its drafts, and sends on return."""
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
    assert await desk.page.evaluate(kept)
    await profile.close()
