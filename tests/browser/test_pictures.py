"""Pictures at the desk: pasted, dropped, chosen; refused in words; kept offline."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from playwright.async_api import BrowserContext, expect

from tests.browser.editor import Desk, Site, enter
from tests.browser.editor import profile as profile
from tests.browser.editor import site as site
from tests.browser.patience import PATIENCE_MS, PATIENCE_S
from tests.made_pictures import encoded, gif_with_script, jpeg_with_metadata, photo
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

GIVE = """([kind, selector, name, type, text]) => {
  const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, { type }));
  const how = kind === "paste" ? { clipboardData: data } : { dataTransfer: data };
  const Event = kind === "paste" ? ClipboardEvent : DragEvent;
  const event = new Event(kind, { bubbles: true, cancelable: true, ...how });
  document.querySelector(selector).dispatchEvent(event);
}"""
"""Pastes or drops a file, as the browser tells the page of it."""
STATUS = "[data-picture-status]"


async def give(
    desk: Desk, kind: str, data: bytes, name: str = "quay.jpg", type: str = "image/jpeg"
) -> None:
    """Paste or drop a file on the text."""
    text = base64.b64encode(data).decode()
    await desk.page.evaluate(GIVE, [kind, "[name=body]", name, type, text])


async def picture_of(site: Site, feed: str) -> dict[str, Any]:
    """The picture of the newest post."""
    posts: list[dict[str, Any]] = []

    async def is_there() -> bool:
        posts[:] = await site.posts(feed)
        return bool(posts)

    await until(is_there, PATIENCE_S)
    found: dict[str, Any] = posts[0]["media"][0]
    return found


@pytest.mark.parametrize("kind", ["paste", "drop"])
async def test_a_picture_is_published_with_its_post(
    site: Site, profile: BrowserContext, kind: str
) -> None:
    """Its alternative text is asked for at once; readers get it without GPS data."""
    feed = await site.feed(f"pictures-{kind}")
    desk = await enter(site, profile, feed)
    await desk.write("The quay", "Water rises.")
    await give(desk, kind, jpeg_with_metadata())
    alt = desk.page.get_by_label("What it shows")
    await expect(alt).to_be_focused()
    await desk.page.keyboard.type("A quay under water")
    await expect(desk.page.locator(".upload")).to_have_text(
        "Uploaded.", timeout=PATIENCE_MS
    )
    await desk.publish()
    media = await picture_of(site, feed)
    assert media["alt"] == "A quay under water"
    assert (media["width"], media["height"]) == (900, 600)
    reader = await profile.new_page()
    await reader.goto(f"/live/{feed}")
    shown = reader.locator(".sp-image img")
    await until(lambda: shown.evaluate("one => one.complete && one.naturalWidth > 0"))
    assert "/480 480w" in str(await shown.get_attribute("srcset"))
    assert not desk.complaints


async def test_a_refused_picture_shows_the_reason_in_its_row(
    site: Site, profile: BrowserContext
) -> None:
    """Too large, no picture, a script, damaged. The text stays."""
    feed = await site.feed("pictures-refused")
    desk = await enter(site, profile, feed)
    await desk.write("Kept", "This stays.")
    status = desk.page.locator(STATUS)
    for data, name, kind, said in (
        (b"<svg onload='alert(1)'/>", "x.svg", "image/svg+xml", "SVG may hold scripts"),
        (b"%PDF-1.7", "plan.pdf", "application/pdf", "it is no picture"),
        (b"\xff" * (21 << 20), "large.jpg", "image/jpeg", "21.0 MB is the limit"),
    ):
        await give(desk, "drop", data, name, kind)
        await expect(status).to_contain_text(said)
        await expect(status).to_contain_text(name)
        await expect(desk.page.locator(".medium")).to_have_count(0)
    jpeg = encoded(photo(900, 600), "JPEG")
    await give(desk, "paste", jpeg[: len(jpeg) // 2])
    await expect(status).to_be_empty()
    row = desk.page.locator(".medium")
    await expect(row).to_contain_text("damaged or not complete", timeout=PATIENCE_MS)
    await row.get_by_role("button", name="Remove").click()
    # A GIF that is a script as well is a picture, and no script.
    await give(desk, "drop", gif_with_script(), "x.gif", "image/gif")
    await expect(desk.page.locator(".upload")).to_have_text(
        "Uploaded.", timeout=PATIENCE_MS
    )
    await desk.holds("Kept", "This stays.")
    assert not desk.complaints


async def test_a_picture_added_offline_is_sent_before_its_post(
    site: Site, profile: BrowserContext
) -> None:
    """Queued offline, kept over a reload, published once."""
    feed = await site.feed("pictures-offline")
    desk = await enter(site, profile, feed)
    await desk.page.route("**/v1/feeds/*/media", lambda route: route.abort())
    await desk.page.route("**/v1/feeds/*/posts", lambda route: route.abort())
    await desk.write("Offline", "Water rises.")
    await give(desk, "paste", encoded(photo(600, 400), "JPEG"))
    # At once: what a hand types on goes into the picture's text, not into the post's.
    await desk.page.keyboard.type("A quay")
    await expect(desk.page.locator(".upload")).to_contain_text("goes before its post")
    await desk.publish()
    await expect(desk.card("Offline")).to_contain_text("its picture are kept")
    await desk.page.reload()
    await expect(desk.card("Offline")).to_be_visible()
    await desk.page.unroute("**/v1/feeds/*/posts")
    await desk.page.unroute("**/v1/feeds/*/media")
    await desk.page.evaluate("dispatchEvent(new Event('online'))")
    media = await picture_of(site, feed)
    assert media["url"].startswith(f"/media/{feed}/a") and media["alt"] == "A quay"
    await desk.is_out("Offline")
    assert len(await site.posts(feed)) == 1
