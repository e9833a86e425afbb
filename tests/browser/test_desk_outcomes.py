"""Nothing written is lost or said twice, whatever happens on the way."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import BrowserContext, Route, expect

from tests.browser.editor import PATIENCE_S, Site, enter

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_two_editors_meet(site: Site, profile: BrowserContext) -> None:
    """A change to what changed meanwhile shows theirs beside mine; nothing is lost."""
    feed = await site.feed("meeting")
    post = await site.post(feed, headline="Fire", body="Two hurt.", tags=["fire"])
    desk = await enter(site, profile, feed)
    await desk.edit("Fire")
    await desk.page.get_by_label("Text Markdown").fill("Mine: three hurt.")
    await site.patch(feed, post, body="Theirs: nobody hurt.", headline="Fire is out")
    await desk.publish()
    await desk.says("Someone else changed this post meanwhile.")
    await desk.holds("Fire is out", "Mine: three hurt.")
    beside = desk.page.get_by_role("group", name="Someone else changed this too")
    await expect(beside).to_contain_text("Theirs: nobody hurt.")
    await beside.get_by_role("button", name="Use theirs").click()
    await desk.holds("Fire is out", "Theirs: nobody hurt.")
    await expect(beside).to_contain_text("Mine: three hurt.")
    await beside.get_by_role("button", name="Use yours").click()
    await desk.publish()
    await desk.says("Saved.")
    await expect(beside).to_be_hidden()
    (after,) = await site.posts(feed)
    assert (after["headline"], after["body"]) == ("Fire is out", "Mine: three hurt.")
    assert after["rev"] == 3


async def test_a_change_to_a_withdrawn_post_is_kept(
    site: Site, profile: BrowserContext
) -> None:
    """If the post was withdrawn meanwhile, the text becomes a new one."""
    feed = await site.feed("gone")
    post = await site.post(feed, headline="Rumour")
    desk = await enter(site, profile, feed)
    await desk.edit("Rumour")
    await desk.page.get_by_label("Text Markdown").fill("It is true.")
    await site.api.delete(f"/v1/feeds/{feed}/posts/{post['id']}")
    await desk.publish()
    await desk.says("withdrawn meanwhile")
    await desk.holds("Rumour", "It is true.")
    await desk.publish()
    await desk.says("Published.")
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


async def test_an_unknown_outcome_is_settled(
    site: Site, profile: BrowserContext
) -> None:
    """A 503 keeps the text, says so, and is repeated under its key: one post."""
    feed = await site.feed("unknown")
    desk = await enter(site, profile, feed)
    flaky = Flaky()
    await desk.page.route("**/v1/feeds/*/posts", flaky)
    await desk.write("Once", "Only.")
    await desk.publish()
    await desk.says("can't confirm it now. Your text is safe here")
    await desk.holds("Once", "Only.")
    flaky.lost = False
    await desk.publish()
    await desk.says("Published.")
    await desk.holds("", "")
    assert len(flaky.keys) == 2
    assert len(set(flaky.keys)) == 1
    assert len(await site.posts(feed)) == 1


async def test_an_unknown_outcome_outlives_a_reload(
    site: Site, profile: BrowserContext
) -> None:
    """The key is kept with the draft: sent again after a reload, it is one post."""
    feed = await site.feed("reloaded")
    desk = await enter(site, profile, feed)
    flaky = Flaky()
    await desk.page.route("**/v1/feeds/*/posts", flaky)
    await desk.write("Once", "Only.")
    await desk.publish()
    await desk.says("can't confirm")
    flaky.lost = False
    await desk.page.reload()
    await desk.says("The last try was not confirmed.")
    await desk.holds("Once", "Only.")
    await desk.publish()
    await desk.says("Published.")
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
    await desk.says("can't confirm")
    await desk.page.get_by_role("button", name="Stop trying").click()
    await desk.says("Stopped.")
    flaky.lost = False
    await desk.write("Once", "Better words.")
    await desk.publish()
    await desk.says("An earlier try had arrived.")
    await desk.holds("Once", "Better words.")
    await desk.publish()
    await desk.says("Saved.")
    (post,) = await site.posts(feed)
    assert (post["body"], post["rev"]) == ("Better words.", 2)


async def test_typing_goes_on_while_it_is_sent(
    site: Site, profile: BrowserContext
) -> None:
    """What is typed between sending and the answer becomes a change to the post."""
    feed = await site.feed("typing")
    desk = await enter(site, profile, feed)
    held, go = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        held.set()
        await go.wait()
        await route.continue_()

    await desk.page.route("**/v1/feeds/*/posts", hold)
    await desk.write("Fast", "One.")
    await desk.publish()
    await asyncio.wait_for(held.wait(), PATIENCE_S)
    await desk.page.get_by_label("Text Markdown").fill("One. Two.")
    go.set()
    await desk.says("What you typed since is a change to it.")
    await desk.holds("Fast", "One. Two.")
    await desk.publish()
    await desk.says("Saved.")
    (post,) = await site.posts(feed)
    assert post["body"] == "One. Two."


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
    await desk.page.get_by_label("Text Markdown").fill("Is.")
    await desk.page.reload()
    await expect(choice).to_have_value(two)
    await desk.holds("Old", "Is.")
    await expect(
        desk.page.get_by_role("button", name="Save the change")
    ).to_be_visible()
    await choice.select_option(one)
    await desk.holds("First", "In one.")
    await desk.page.get_by_role("button", name="Discard").click()
    await desk.page.get_by_role("button", name="Throw away").click()
    await desk.holds("", "")
    await desk.page.reload()
    await expect(choice).to_have_value(one)
    await desk.holds("", "")


async def test_a_browser_that_keeps_nothing(
    site: Site, profile: BrowserContext
) -> None:
    """Storage refused: the desk says so, and works."""
    feed = await site.feed("unkept")
    refuse = "Object.defineProperty(window, 'localStorage', {get() { throw Error() }})"
    await profile.add_init_script(refuse)
    desk = await enter(site, profile, feed)
    await desk.write("Kept nowhere")
    await desk.says("This browser keeps no drafts")
    await desk.publish()
    await desk.says("Published.")
    assert desk.complaints == []


async def test_signed_out_elsewhere(site: Site, profile: BrowserContext) -> None:
    """A lost cookie loses no text: sign in in another tab, and send again."""
    feed = await site.feed("cookie")
    desk = await enter(site, profile, feed)
    await desk.write("Still here")
    await profile.clear_cookies()
    await desk.publish()
    await desk.says("You are signed out.")
    await desk.holds("Still here")
    await enter(site, profile, feed)
    await desk.publish()
    await desk.says("Published.")
