"""The desk's page of tokens in a browser: for everyone, and under its policy."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from playwright.async_api import expect

from tests.browser.editor import Site, enter
from tests.browser.patience import close
from tests.browser.test_desk import faults

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
async def test_tokens_are_managed_accessibly(
    site: Site, scheme: Any, width: int, direction: str
) -> None:
    """Created, copied and revoked; axe finds no violation, nothing overflows."""
    name = f"موقع {scheme} {width} {direction} " + "n" * 60
    feed = await site.feed(f"tokens-{scheme}-{width}-{direction}")
    profile = await site.browser.new_context(
        base_url=site.base,
        color_scheme=scheme,
        viewport={"width": width, "height": 800},
    )
    desk = await enter(site, profile, feed)
    page = desk.page
    if width == 360:
        await page.get_by_role("button", name="More").click()
    await page.get_by_role("link", name="Tokens").click()

    await expect(page.get_by_role("heading", name="Make a token")).to_be_visible()

    async def is_fine() -> None:
        await page.evaluate("d => { document.documentElement.dir = d }", direction)
        assert await faults(page) == []
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width

    await is_fine()
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("May").select_option("draft")
    await page.get_by_label("On the feeds").fill("no slug!")
    await page.get_by_role("button", name="Make it").click()
    await expect(page.get_by_role("alert")).to_contain_text("It is not made: feeds[1]")
    await expect(page.get_by_label("Name")).to_have_value(name)
    await is_fine()
    await page.get_by_label("On the feeds").fill(feed)
    await page.get_by_role("button", name="Make it").click()
    secret = await page.get_by_label("Copy it now").input_value()
    await is_fine()
    assert await may_draft(site, secret, feed)
    await page.get_by_role("link", name="It is copied").click()
    assert secret not in await page.content()
    row = page.get_by_role("listitem").filter(has_text=name)
    await expect(row).to_contain_text(f"Write drafts, on {feed}")
    await row.get_by_text("Revoke").first.click()
    await is_fine()
    await row.get_by_role("button", name="Revoke").click()
    await expect(row).to_have_count(0)
    hosts = {httpx.URL(request.url).netloc for request in desk.requests}
    assert hosts == {httpx.URL(site.base).netloc} and desk.complaints == []
    await close(profile)


async def may_draft(site: Site, secret: str, feed: str) -> bool:
    """Whether the token opens the feed's drafts."""
    headers = {"authorization": f"Bearer {secret}"}
    answer = await site.api.get(f"/v1/feeds/{feed}/drafts", headers=headers)
    return answer.status_code == 200
