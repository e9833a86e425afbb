"""Every view of the desk, one after the other, filled as on a long day.

`views` opens each view and yields its name and page. `make desk-views` checks every
view in every look (`desk_looks.py`), and keeps the pictures in FOLDER.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, Page, Route, expect

from tests.browser.desk_looks import LOOKS, Look, complaints_of, look_at
from tests.browser.editor import Desk, Site, enter, open_site
from tests.browser.patience import PATIENCE_MS, close
from tests.browser.test_pictures import give
from tests.conftest import started
from tests.made_pictures import jpeg_with_metadata

LONG = "Überschwemmungsgebietsverordnungsentwurf " * 3


async def fill(site: Site, feed: str) -> dict[str, Any]:
    """A feed with posts and drafts of all kinds; one of the posts."""
    await site.feed(feed, summary="- Two locks are closed\n- The ferry runs")
    answer = await site.api.post(
        f"/v1/feeds/{feed}/media",
        content=jpeg_with_metadata(),
        headers={"content-type": "image/jpeg"},
    )
    assert answer.status_code == 201, answer.text
    picture = {"type": "image", "url": answer.json()["url"], "alt": "The harbour"}
    await site.post(feed, headline=LONG, body=LONG * 4, breaking=True, key=True)
    await site.post(feed, headline="سوق السمك مفتوح", body="نص", pinned=True)
    for number in range(4):
        await site.post(
            feed,
            headline=f"Lock {number} opens at noon",
            body="The harbour master says so. " * 3,
            tags=["harbour", "locks"],
            authors=[{"name": "Ada Lovelace"}],
            verification=("single", "confirmed", "disputed", None)[number],
            media=[picture] if number == 1 else [],
        )
    post = await site.post(feed, headline="Fire", body="Two people are hurt.")
    await site.patch(
        feed,
        post,
        body="Three people are hurt.",
        correction={"note": "We first said two."},
    )
    for state, name in (("submitted", "Handed in"), ("approved", LONG)):
        given = {"headline": name, "body": "Text. " * 20, "state": state}
        answer = await site.api.post(f"/v1/feeds/{feed}/drafts", json=given)
        assert answer.status_code == 201, answer.text
    given = {"headline": "Later", "body": "T", "state": "scheduled"}
    given["publish_at"] = "2036-01-02T03:04:00Z"
    answer = await site.api.post(f"/v1/feeds/{feed}/drafts", json=given)
    assert answer.status_code == 201, answer.text
    path = f"/v1/feeds/{feed}/drafts/{answer.json()['draft']['id']}/comments"
    await site.api.post(path, json={"text": "من قال هذا؟ " + "w" * 90})
    return (await site.posts(feed))[0]


async def views(site: Site, feed: str) -> AsyncIterator[tuple[str, Page]]:
    """Each view's name, and the page that shows it."""
    profile = await site.browser.new_context(
        base_url=site.base, service_workers="block"
    )
    profile.set_default_timeout(PATIENCE_MS)
    await fill(site, feed)
    async for each in _sign_in(profile):
        yield each
    desk = await enter(site, profile, feed)
    await expect(desk.page.locator("#posts > li")).to_have_count(7)
    for part in (_writing, _list, _menus_and_dialogs, _changing, _leaving):
        async for name in part(site, profile, desk, feed):
            yield name, desk.page
    async for each in _other_pages(site, profile, feed):
        yield each
    await close(profile)


async def _sign_in(profile: BrowserContext) -> AsyncIterator[tuple[str, Page]]:
    page = await profile.new_page()
    await page.goto("/desk")
    yield "sign-in", page
    await page.get_by_label("Token").fill("sp_wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("unknown")
    await page.locator("#sealed").evaluate("each => { each.hidden = false }")
    yield "sign-in-refused", page
    await page.close()


Part = AsyncIterator[str]


async def _writing(site: Site, profile: BrowserContext, desk: Desk, feed: str) -> Part:
    page = desk.page
    yield "empty"
    await desk.write(
        "Lock 3 opens", "# Title\n\n[link](https://a.example) " + "w" * 300
    )
    every = "document.querySelectorAll('#write details')"
    await page.evaluate(f"for (const part of {every}) part.open = true")
    await page.get_by_role("button", name="Add one").click()
    await give(desk, "paste", jpeg_with_metadata())
    await expect(page.locator(".upload")).to_have_text("Uploaded.")
    await page.get_by_label("Tags").fill("a, b")
    await page.get_by_label("for the desk alone").fill("Ring the harbour master.")
    await page.locator("#write [name=source-url]").fill("https://10.1.1.1/")
    await expect(page.locator("#preview article")).to_be_visible()
    yield "writing"
    await page.evaluate(f"for (const part of {every}) part.open = false")
    await desk.write("x" * 400, "Text.")
    await desk.publish()
    await desk.says("nothing was sent")
    await give(desk, "drop", b"<svg/>", "x.svg", "image/svg+xml")
    yield "refused-field"
    await page.locator("#write [data-part=discard]").click()
    await expect(page.locator("#confirm")).to_be_visible()
    yield "discard"
    await page.locator("#confirm-act").click()
    await profile.route("**/v1/feeds/*/posts", lambda route: route.abort())
    await desk.write("No connection", "Text.")
    await desk.publish()
    await expect(desk.card("No connection")).to_contain_text("The text is kept")
    yield "no-connection"
    await profile.unroute("**/v1/feeds/*/posts")
    await desk.is_out("No connection")

    async def refuse(route: Route) -> None:
        await route.fulfill(
            status=422,
            json={"type": "x", "detail": "body: is not for this feed " + "w" * 80},
        )

    await profile.route("**/v1/feeds/*/posts", refuse)
    await desk.write(LONG, "Text.")
    await desk.publish()
    await expect(desk.card("Über")).to_contain_text("is not for this feed")
    await profile.unroute("**/v1/feeds/*/posts")
    await page.locator("#summary summary").click()
    await page.locator(".switch [data-view=queue]").evaluate("each => each.click()")
    yield "queue"


async def _list(site: Site, profile: BrowserContext, desk: Desk, feed: str) -> Part:
    page = desk.page
    await page.locator(".switch [data-view=list]").evaluate("each => each.click()")
    yield "list"
    await page.locator("#open-filters").click()
    await desk.row("Lock 1").get_by_label("Select").check()
    await desk.row("Lock 2").get_by_label("Select").check()
    yield "filters-and-selection"
    await page.locator("[data-bulk=tag]").click()
    yield "tags"
    await page.keyboard.press("Escape")
    await page.locator("[data-bulk=none]").click()
    await page.locator("#search").fill("nothing of the kind")
    await expect(page.locator("#found")).to_contain_text("0 found")
    yield "nothing-found"
    await page.locator("#search").fill("")
    await page.locator("#open-filters").click()
    await desk.row("No connection").get_by_role("button", name="Withdraw").click()
    await expect(page.locator("#list-status")).to_contain_text("Withdrawn")
    yield "withdrawn"


async def _menus_and_dialogs(
    site: Site, profile: BrowserContext, desk: Desk, feed: str
) -> Part:
    page = desk.page
    await desk.row("Fire").get_by_role("button", name="More").click()
    yield "post-menu"
    await page.get_by_role("menuitem", name="History").click()
    await expect(page.locator("#revision-text ins").first).to_be_visible()
    yield "history"
    await page.keyboard.press("Escape")
    await desk.row("Lock 0").get_by_role("button", name="More").click()
    await page.get_by_role("menuitem", name="Take down").click()
    await page.get_by_role("button", name="Take it down").click()
    await expect(page.locator("#takedown-status")).to_contain_text("Give the reason")
    yield "takedown"
    await page.get_by_label("Reason").fill("Names a minor")
    await page.get_by_role("button", name="Take it down").click()
    await expect(page.locator("#takedown")).to_contain_text("Store erased")
    yield "takedown-receipt"
    await page.keyboard.press("Escape")
    await page.locator("#open-tools").evaluate("each => each.click()")
    yield "tools"
    await page.locator("#open-settings").click()
    await page.locator("#feed-form [name=title]").fill("y" * 400)
    await page.locator("#feed-form button.main").click()
    yield "settings"
    await page.keyboard.press("Escape")
    await page.locator("#open-make").click()
    await page.locator("#make-form [name=title]").fill("A title")
    await page.locator("#make-form [name=slug]").fill("Not A Slug")
    await page.locator("#make-form button.main").click()
    await expect(page.locator("#make-status")).not_to_be_empty()
    yield "new-feed"
    await page.keyboard.press("Escape")
    await page.locator("#open-keys").click()
    yield "keys"
    await page.keyboard.press("Escape")
    await page.locator(".switch [data-view=write]").evaluate("each => each.click()")
    await desk.write("Lock 4", "Opens at noon.")
    await page.locator("#open-templates").click()
    yield "no-templates"
    for name in ("A goal", LONG[:100], "هدف في الدقيقة"):
        await page.get_by_label("Keep the text in the composer as").fill(name)
        await page.get_by_role("button", name="Keep it").click()
        await expect(page.locator("#templates")).to_be_hidden()
        await page.locator("#open-templates").click()
        await expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()
    await profile.route("**/v1/templates/*", lambda route: route.abort())
    await page.get_by_label("Keep the text in the composer as").fill("Only here")
    await page.get_by_role("button", name="Keep it").click()
    await expect(page.locator("#templates")).to_be_hidden()
    await page.locator("#open-templates").click()
    await expect(page.locator("#templates")).to_contain_text("In this browser")
    yield "templates"
    await profile.unroute("**/v1/templates/*")
    await page.keyboard.press("Escape")
    await page.locator("#open-hand").click()
    yield "to-the-desk"
    await page.get_by_role("menuitem", name="Schedule").click()
    await page.get_by_role("dialog").get_by_label("Time").fill("2006-01-02T03:04")
    await page.get_by_role("dialog").get_by_role("button", name="Schedule").click()
    await expect(page.locator("#scheduling .complaint")).to_contain_text("in the past")
    yield "schedule-in-the-past"
    await page.keyboard.press("Escape")
    await page.locator("#write [data-part=new]").click()


async def _changing(site: Site, profile: BrowserContext, desk: Desk, feed: str) -> Part:
    page = desk.page
    answer = await site.api.post(
        "/v1/tokens", json={"scopes": ["publish"], "name": "Ilse " + "w" * 40}
    )
    elsewhere = await site.browser.new_context(
        base_url=site.base, service_workers="block"
    )
    two = await enter(site, elsewhere, feed, answer.json()["token"])
    await two.edit("Fire")
    await desk.edit("Fire")
    await expect(page.locator("#lease")).to_contain_text("is changing this too")
    await page.locator("[name=told][value=correction]").check()
    yield "correction-and-lease"
    await page.locator("[name=told][value=quiet]").check()
    await page.get_by_label("Text Markdown").fill("Mine: four people are hurt.")
    post = next(one for one in await site.posts(feed) if one["headline"] == "Fire")
    await site.patch(feed, post, body="Theirs: nobody is hurt.", tags=["fire"])
    await page.locator("#write [name=tags]").evaluate(
        """each => {
          each.value = "flood";
          each.dispatchEvent(new Event("input", {bubbles: true}));
        }"""
    )
    await desk.publish()
    await (
        desk.card("Fire")
        .get_by_role("button", name="Decide")
        .evaluate("each => each.click()")
    )
    await expect(page.get_by_role("group", name="Text", exact=True)).to_be_visible()
    yield "conflict"
    await elsewhere.close()
    await page.locator("#write [data-part=new]").click()
    row = page.locator("#drafts li", has_text="Later")
    await row.get_by_role("button", name="Open").evaluate("each => each.click()")
    await expect(page.locator("#comment-list li")).to_be_visible()
    yield "comments"
    await page.locator("#write [data-part=new]").click()


async def _leaving(site: Site, profile: BrowserContext, desk: Desk, feed: str) -> Part:
    page = desk.page
    person = await page.locator("#desk").get_attribute("data-person")
    # When the page begins: leaving it says that the feed was seen just now.
    seen = json.dumps({feed: {"cursor": "gone-1", "at": 1e12}})
    await page.add_init_script(
        f"localStorage.setItem('stop-press-seen:{person}', {json.dumps(seen)});"
    )
    await page.reload()
    await expect(page.locator("#since")).to_be_visible()
    await page.locator(".switch [data-view=queue]").evaluate("each => each.click()")
    yield "since-you-left"
    await page.locator(".switch [data-view=write]").evaluate("each => each.click()")
    await desk.write("Draft " + LONG, "Text.")
    await profile.route("**/drafts", lambda route: route.abort())
    await page.get_by_role("button", name="Sign out", exact=True).evaluate(
        "each => each.click()"
    )
    await expect(page.locator("#leaving-acts")).to_be_visible()
    yield "signing-out"
    await page.get_by_role("button", name="Stay signed in").click()
    await profile.unroute("**/drafts")
    await page.evaluate(
        """() => {
          document.body.classList.add("covered");
          document.getElementById("signed-out").showModal();
        }"""
    )
    yield "session-lost"
    await page.evaluate("document.body.classList.remove('covered')")


async def _other_pages(
    site: Site, profile: BrowserContext, feed: str
) -> AsyncIterator[tuple[str, Page]]:
    page = await profile.new_page()
    for path in ("tokens", "webhooks", "sessions"):
        await page.goto(f"/desk/{path}")
        await page.evaluate(
            "for (const one of document.querySelectorAll('details')) one.open = true"
        )
        yield path, page
    answer = await site.api.post(
        "/v1/tokens", json={"scopes": ["draft"], "name": "Contributor"}
    )
    other = await site.browser.new_context(base_url=site.base, service_workers="block")
    contributor = await enter(site, other, feed, answer.json()["token"])
    yield "contributor", contributor.page
    await contributor.page.goto("/desk/tokens")
    yield "tokens-refused", contributor.page
    await other.close()
    await page.close()


async def walk(
    site: Site, feed: str, looks: list[Look], folder: Path | None
) -> list[str]:
    """What is wrong with any view in any of these looks."""
    wrong: list[str] = []
    async for name, page in views(site, feed):
        for look in looks:
            found = await complaints_of(page, look)
            wrong += [f"{name}, {'-'.join(map(str, look))}: {one}" for one in found]
            if folder:
                picture = (
                    folder / f"{name}-{look.width}-{look.scheme}-{look.direction}.png"
                )
                await page.screenshot(path=picture)
        await look_at(page, Look("light", 1440, "ltr"))
    return wrong


async def _main(folder: Path) -> int:
    with tempfile.TemporaryDirectory() as data, started(Path(data) / "data") as server:
        async with open_site(server) as site:
            wrong = await walk(site, "views", LOOKS, folder)
    sys.stdout.write("\n".join(wrong or ["no complaint"]) + "\n")
    return bool(wrong)


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    raise SystemExit(asyncio.run(_main(Path(sys.argv[1]))))
