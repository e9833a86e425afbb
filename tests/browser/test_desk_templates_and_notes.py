"""Templates and notes are on any machine, and taken over from browsers."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import BrowserContext, Route, expect

from tests.browser.editor import Desk, Site, enter
from tests.browser.editor import profile as profile
from tests.browser.editor import site as site
from tests.browser.test_desk import faults
from tests.browser.test_sign_out_with_drafts import token
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def names(site: Site) -> list[str]:
    found = (await site.api.get("/v1/templates")).json()["templates"]
    return [each["name"] for each in found]


async def keep_as(desk: Desk, name: str) -> None:
    """Keep the text in the composer as a template."""
    await desk.page.locator("#open-templates").click()
    await desk.page.get_by_label("Keep the text in the composer as").fill(name)
    await desk.page.get_by_role("button", name="Keep it").click()


async def test_templates_are_on_every_machine(
    site: Site, profile: BrowserContext
) -> None:
    """Kept by one editor, used and removed by another; who drafts can't change them."""
    feed = await site.feed("templates")
    desk = await enter(site, profile, feed)
    await desk.write("Goal", "Minute:")
    await keep_as(desk, "A goal")

    async def is_there() -> bool:
        return "A goal" in await names(site)

    await until(is_there)
    elsewhere = await site.browser.new_context(base_url=site.base)
    other = await enter(site, elsewhere, feed, await token(site, "publish"))
    await other.page.locator("#open-templates").click()
    dialog = other.page.get_by_role("dialog")
    await expect(
        dialog.get_by_role("button", name="A goal", exact=True)
    ).to_be_visible()
    assert await faults(other.page) == []
    await dialog.get_by_role("button", name="A goal", exact=True).click()
    await other.holds("Goal", "Minute:")
    await other.page.locator("#open-templates").click()
    await dialog.get_by_role("button", name="Remove A goal").click()
    await expect(dialog.get_by_role("button", name="A goal", exact=True)).to_have_count(
        0
    )
    assert "A goal" not in await names(site)
    await elsewhere.close()

    third = await site.browser.new_context(base_url=site.base)
    drafter = await enter(site, third, feed, await token(site, "draft"))
    await drafter.write("Mine")
    await keep_as(drafter, "My own")
    await drafter.page.locator("#open-templates").click()
    row = drafter.page.get_by_role("listitem").filter(has_text="My own")
    await expect(row).to_contain_text("In this browser alone. It is yours")
    assert await faults(drafter.page) == []
    assert desk.complaints == other.complaints == drafter.complaints == []
    await third.close()


async def test_notes_are_on_every_machine(site: Site, profile: BrowserContext) -> None:
    """Without a change of the post, and never in an answer to readers."""
    feed = await site.feed("notes")
    post = await site.post(feed, headline="Fire", body="One.")
    path = f"/v1/feeds/{feed}/posts/{post['id']}"
    desk = await enter(site, profile, feed)
    await desk.edit("Fire")
    await desk.page.get_by_text("Notes for the desk").click()
    notes = desk.page.get_by_label("for the desk alone")
    await notes.fill("Ring qponmlk.")
    await desk.publish()
    await desk.says("The notes are kept")

    async def kept() -> bool:
        text = (await site.api.get(f"{path}/notes")).json().get("notes")
        return bool(text == "Ring qponmlk.")

    await until(kept)
    assert (await site.api.get(path)).json()["rev"] == 1
    given = {"notes": "Ring qponmlk.\n\n\nShe called."}
    assert (await site.api.put(f"{path}/notes", json=given)).status_code == 200
    await desk.edit("Fire")
    await expect(notes).to_have_value(given["notes"])
    assert desk.complaints == []


async def test_notes_of_two_editors_who_save_at_once_both_stay(
    site: Site, profile: BrowserContext
) -> None:
    """The second comes between the desk's look and its save."""
    feed = await site.feed("notes-at-once")
    post = await site.post(feed, headline="Fire", body="One.")
    path = f"/v1/feeds/{feed}/posts/{post['id']}/notes"
    desk = await enter(site, profile, feed)
    await desk.edit("Fire")
    await desk.page.get_by_text("Notes for the desk").click()
    await desk.page.get_by_label("for the desk alone").fill("Mine qponmlk.")
    saves: list[str] = []

    async def after_theirs(route: Route) -> None:
        if route.request.method == "PUT":
            saves.append(route.request.headers["if-match"])
            if len(saves) == 1:
                await site.api.put(path, json={"notes": "Theirs."})
        await route.continue_()

    await profile.route("**/notes", after_theirs)
    await desk.publish()

    async def both() -> bool:
        text = (await site.api.get(path)).json().get("notes", "")
        return "Theirs." in text and "Mine qponmlk." in text

    await until(both)
    assert len(saves) == 2
    assert desk.complaints == []


async def test_what_a_browser_kept_is_taken_over(
    site: Site, profile: BrowserContext
) -> None:
    """Templates at once, the notes on a post when it is opened."""
    feed = await site.feed("taken-over")
    post = await site.post(feed, headline="Fire", body="One.")
    desk = await enter(site, profile, feed)
    person = await desk.page.locator("#desk").get_attribute("data-person")
    kept = {
        "templates": [{"name": "Of old", "draft": {"headline": "Old", "body": ""}}],
        "notes": [[post["id"], "Of old qponmlk."]],
    }
    for kind, texts in kept.items():
        await desk.page.evaluate(
            "([name, text]) => localStorage.setItem(name, text)",
            [f"stop-press-{kind}:{person}", json.dumps(texts)],
        )
    await desk.page.reload()

    async def is_there() -> bool:
        return "Of old" in await names(site)

    await until(is_there)
    await desk.edit("Fire")
    await desk.page.get_by_text("Notes for the desk").click()
    notes = desk.page.get_by_label("for the desk alone")
    await expect(notes).to_have_value("Of old qponmlk.")
    answer = await site.api.get(f"/v1/feeds/{feed}/posts/{post['id']}/notes")
    assert answer.json()["notes"] == "Of old qponmlk."
    assert desk.complaints == []
