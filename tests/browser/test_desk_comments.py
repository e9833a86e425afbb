"""Comments on a draft at the desk, and that readers never get them."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import BrowserContext, expect

from tests.browser.editor import Site, enter
from tests.browser.patience import PATIENCE_S
from tests.browser.test_desk import faults
from tests.plain_http import PLAIN

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_comments_are_added_to_a_draft(
    site: Site, profile: BrowserContext
) -> None:
    """By keyboard, beside the text; a comment never blocks saving it."""
    feed = await site.feed("said")
    drafts = f"/v1/feeds/{feed}/drafts"
    given = {"headline": "Lock 3", "body": "Opens at noon.", "state": "submitted"}
    given |= {"notes": "She may deny it."}
    made = (await site.api.post(drafts, json=given)).json()["draft"]
    comments = f"{drafts}/{made['id']}/comments"
    await site.api.post(comments, json={"text": "من قال هذا؟ " + "w" * 90})
    desk = await enter(site, profile, feed)
    page = desk.page
    row = page.locator("#drafts li")
    await expect(row).to_contain_text("1 comment")
    await row.get_by_role("button", name="Open").click()
    panel = page.get_by_role("region", name="Comments")
    said, box = panel.get_by_role("listitem"), panel.get_by_label("Your comment")
    await expect(said).to_contain_text("من قال هذا؟")
    await page.get_by_label("Text Markdown").fill("Opens at one.")
    # Somebody else's arrives by itself, beside what is being written.
    await box.focus()
    await page.keyboard.type("The harbour master.")
    await site.api.post(comments, json={"text": "And when?"})
    await expect(said).to_have_count(2)
    await expect(box).to_be_focused()
    # What is written and not added holds the draft back, and outlives a reload.
    await desk.publish()
    await desk.says("Your comment is not added yet")
    await expect(box).to_be_focused()
    await page.reload()
    await expect(box).to_have_value("The harbour master.")
    await expect(said).to_have_count(2)
    await box.press("Control+Enter")
    await expect(panel.get_by_role("status")).to_have_text("Added.")
    await expect(said).to_have_count(3)
    await expect(box).to_have_value("")
    for scheme, width, direction in (
        ("light", 1440, "ltr"),
        ("dark", 360, "rtl"),
        ("light", 360, "rtl"),
        ("dark", 1440, "ltr"),
    ):
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await page.set_viewport_size({"width": width, "height": 800})
        await page.evaluate("d => { document.documentElement.dir = d }", direction)
        assert await faults(page) == []
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width
    await said.filter(has_text="And when?").get_by_role("button").press("Enter")
    await expect(said).to_have_count(2)
    await expect(box).to_be_focused()
    assert await site.posts(feed) == []
    await desk.publish()
    await desk.says("Out.")
    await expect(panel).to_be_hidden()
    (post,) = await site.posts(feed)
    assert post["body"] == "Opens at one."
    async with httpx.AsyncClient(verify=PLAIN, base_url=site.base) as public:
        for path in (
            *(f"/v1/feeds/{feed}", f"/v1/feeds/{feed}/posts", f"/live/{feed}"),
            *(f"/live/{feed}/atom.xml", f"/live/{feed}/feed.json", f"/embed/{feed}"),
            *(f"/live/{feed}/{post['id']}", f"/v1/feeds/{feed}/posts/{post['id']}"),
        ):
            shown = (await public.get(path, timeout=PATIENCE_S)).text
            assert "Opens at one." in shown, path
            for private in ("من قال هذا؟", "harbour master", "deny it", "comments"):
                assert private not in shown, (path, private)
    assert desk.complaints == []
