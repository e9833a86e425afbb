"""What an editor or the machine gets wrong: said at the place, and the text stays."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, Route, expect

from tests.browser.editor import Site, enter
from tests.browser.test_pictures import give
from tests.made_pictures import jpeg_with_metadata

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASTE = """([html, plain]) => {
  const field = document.querySelector("#write [name=body]");
  const data = new DataTransfer();
  data.setData("text/html", html);
  data.setData("text/plain", plain);
  // As spreadsheets do.
  data.items.add(new File(["x"], "image.png", {type: "image/png"}));
  field.focus();
  const how = {clipboardData: data, bubbles: true, cancelable: true};
  field.dispatchEvent(new ClipboardEvent("paste", how));
}"""


async def test_a_time_that_is_none_is_refused_beside_it(
    site: Site, profile: BrowserContext
) -> None:
    """Half a year, half a time, one that the zone skips: nothing is out, all kept."""
    feed = await site.feed("times", timezone="Europe/Berlin")
    desk = await enter(site, profile, feed)
    page, text = desk.page, desk.page.get_by_label("Text Markdown")
    await desk.write("Lock 3", "Opens.")
    await page.get_by_text("Authors, source, tags").click()
    time = page.get_by_label("Happened at")
    await time.fill("0020-01-01T00:00")
    await text.fill("Opens at noon.")
    await page.reload()
    await desk.holds("Lock 3", "Opens at noon.")
    await expect(time).to_have_value("0020-01-01T00:00")
    await desk.publish()
    await expect(desk.card("Lock 3")).to_contain_text("published_at")
    await desk.card("Lock 3").get_by_role("button", name="Open").click()
    beside = page.locator("label", has=time).locator(".complaint")
    await expect(beside).to_contain_text("years 1970 to 9999")
    await desk.holds("Lock 3", "Opens at noon.")

    await time.fill("")
    await time.press("1")
    await desk.publish()
    await expect(beside).to_contain_text("is not complete")
    await desk.says("nothing was sent")
    await expect(time).to_be_focused()
    await page.locator("#open-hand").click()
    await page.get_by_role("menuitem", name="Hand in").click()
    await desk.says("nothing was sent")
    await time.fill("2026-03-29T02:30")
    await time.press("Tab")
    await expect(beside).to_contain_text("skip this time: it would be 2026-03-29 03:30")
    await time.fill("")
    await time.press("Tab")
    await expect(beside).to_have_count(0)

    await page.locator("#open-hand").click()
    await page.get_by_role("menuitem", name="Schedule").click()
    dialog = page.locator("#scheduling")
    for at, said in (
        ("2036-03-30T02:30", "skip this time"),
        ("2006-01-02T03:04", "in the past"),
    ):
        await dialog.get_by_label("Time").fill(at)
        await dialog.get_by_role("button", name="Schedule").click()
        await expect(dialog.locator(".complaint")).to_contain_text(said)
        await expect(dialog.get_by_label("Time")).to_have_value(at)
    await dialog.get_by_role("button", name="Cancel").click()
    await desk.holds("Lock 3", "Opens at noon.")
    assert await site.posts(feed) == []
    assert (await site.api.get(f"/v1/feeds/{feed}/drafts")).json()["drafts"] == []
    assert desk.complaints == []


async def test_the_time_offered_is_the_server_s(
    site: Site, profile: BrowserContext
) -> None:
    """Also on a machine whose clock is three hours behind: it would be in the past."""
    feed = await site.feed("slow-clock")
    await profile.add_init_script(
        "const own = Date.now; Date.now = () => own() - 3 * 3600000;"
    )
    desk = await enter(site, profile, feed)
    await desk.write("Later", "Text.")
    await desk.page.locator("#open-hand").click()
    await desk.page.get_by_role("menuitem", name="Schedule").click()
    dialog = desk.page.locator("#scheduling")
    await dialog.get_by_role("button", name="Schedule").click()
    await expect(desk.page.locator("#drafts li")).to_contain_text("goes out")
    await desk.holds("", "")
    await desk.write("Now", "Text.")
    await desk.publish()
    await desk.is_out("Now")
    assert desk.complaints == []


async def test_answers_of_a_broken_proxy_are_no_outcome(
    site: Site, profile: BrowserContext
) -> None:
    """Pages of HTML with the status 502, for every call: all is kept, then out once."""
    feed = await site.feed("bad-gateway")
    desk = await enter(site, profile, feed)
    page = desk.page

    async def bad_gateway(route: Route) -> None:
        page_of_html = "<html><h1>502 Bad Gateway</h1>"
        await route.fulfill(status=502, content_type="text/html", body=page_of_html)

    await profile.route("**/v1/**", bad_gateway)
    await page.locator("#open-templates").click()
    await page.get_by_label("Keep the text in the composer as").fill("Daily")
    await page.get_by_role("button", name="Keep it").click()
    await desk.write("Once", "Text.")
    await give(desk, "paste", jpeg_with_metadata())
    await page.get_by_label("What it shows").fill("A quay")
    await page.locator("#open-hand").click()
    await page.get_by_role("menuitem", name="Hand in").click()
    await desk.says("your text stays here")
    await desk.holds("Once", "Text.")
    await desk.publish()
    await expect(desk.card("Once")).to_contain_text("kept")
    await page.locator("#open-settings").click()
    await page.locator("#feed-form [name=standfirst]").fill("New")
    await page.locator("#feed-form button.main").click()
    await expect(page.locator("#feed-status")).to_contain_text("Not confirmed yet")
    await page.keyboard.press("Escape")
    assert "Bad Gateway" not in await page.locator("body").inner_text()
    await profile.unroute("**/v1/**")
    await desk.is_out("Once")
    await expect(page.locator("#feed-status")).to_have_text("Saved.")
    (post,) = await site.posts(feed)
    assert (post["headline"], post["media"][0]["alt"]) == ("Once", "A quay")
    assert desk.complaints == []


async def test_a_picture_no_browser_shows_is_named(
    site: Site, profile: BrowserContext
) -> None:
    """As a phone takes it; the complaint is of this text and no other."""
    feed = await site.feed("heic")
    desk = await enter(site, profile, feed)
    await desk.write("Kept", "This stays.")
    status = desk.page.locator("[data-picture-status]")
    for name, kind in (
        ("1.heic", "image/heic"),
        ("2.HEIC", ""),
        ("3.tif", "image/tiff"),
    ):
        await give(desk, "drop", b"\0\0\0 ftypheic", name, kind)
        await expect(status).to_contain_text(f"“{name}” was not added: browsers don")
    await desk.holds("Kept", "This stays.")
    await desk.publish()
    await desk.is_out("Kept")
    await expect(status).to_be_empty()
    assert desk.complaints == []


async def test_a_picture_is_taken_where_the_browser_keeps_nothing(
    site: Site, profile: BrowserContext
) -> None:
    """Neither IndexedDB nor a word in its storage: full, or a private window."""
    feed = await site.feed("full")
    await profile.add_init_script(
        """const put = IDBObjectStore.prototype.put;
        IDBObjectStore.prototype.put = function (...given) {
          const request = put.apply(this, given);
          this.transaction.abort();
          return request;
        };
        Storage.prototype.setItem = () => {
          throw new DOMException("full", "QuotaExceededError");
        };"""
    )
    desk = await enter(site, profile, feed)
    await desk.write("Full", "Text.")
    await desk.says("This browser keeps no drafts")
    await give(desk, "paste", jpeg_with_metadata())
    await desk.page.get_by_label("What it shows").fill("A quay")
    await expect(desk.page.locator(".upload")).to_have_text("Uploaded.")
    await desk.publish()
    await desk.is_out("Full")
    (post,) = await site.posts(feed)
    assert post["media"][0]["alt"] == "A quay"
    assert desk.complaints == []


async def test_a_spreadsheet_is_pasted_as_its_table(
    site: Site, profile: BrowserContext
) -> None:
    """Not its picture, not its styles; nothing in it runs."""
    feed = await site.feed("sheet")
    desk = await enter(site, profile, feed)
    html = (
        "<html><head><style>.x{color:red}</style></head><body>"
        "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'>"
        "<!--StartFragment--><table><col><tr><td><p>Lock</p><p>3</p></td>"
        "<td dir=rtl>مفتوح</td></tr></table><!--EndFragment--></body></html>"
    )
    await desk.page.evaluate(PASTE, [html, "Lock 3\tمفتوح"])
    await desk.holds("", "| Lock 3 | مفتوح |\n| --- | --- |")
    await expect(desk.page.locator(".medium")).to_have_count(0)
    assert await desk.page.evaluate("window.ran") is None
