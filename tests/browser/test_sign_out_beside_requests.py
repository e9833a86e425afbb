"""Signing out beside other requests, or before the script has started."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress

import pytest
from playwright.async_api import BrowserContext, Error, Route, expect

from tests.browser.editor import Site, enter
from tests.browser.editor import profile as profile
from tests.browser.editor import site as site
from tests.browser.test_sign_out_with_drafts import (
    all_kept,
    drafts_of,
    keeps_nothing_of,
    sign_out,
)
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_answer_that_comes_while_signing_out_is_not_kept(
    site: Site, profile: BrowserContext
) -> None:
    """The list of feeds, which the desk keeps for times without a connection."""
    feed = await site.feed("late-answer")
    desk = await enter(site, profile, feed)
    is_signing_out = asyncio.Event()

    async def late(route: Route) -> None:
        await is_signing_out.wait()
        await route.continue_()

    async def is_kept() -> bool:
        return feed in await all_kept(desk.page)

    async def after_the_list(route: Route) -> None:
        assert not await is_kept()
        is_signing_out.set()
        await until(is_kept)
        await route.continue_()

    await profile.route("**/v1/desk/feeds", late)
    await profile.route("**/desk/sign-out", after_the_list)
    async with desk.page.expect_request("**/v1/desk/feeds"):
        await desk.page.reload(wait_until="commit")
    await sign_out(desk)
    await expect(desk.page.get_by_label("Token")).to_be_visible()
    await keeps_nothing_of(desk.page, feed)
    assert desk.complaints == []


REFUSED_MEANWHILE = """() => {
  const { fetch } = window;
  window.fetch = (...given) => {
    if (String(given[0]).endsWith("/desk/sign-out")) {
      document.dispatchEvent(new Event("signed-out"));
      const isCovered = document.body.classList.contains("covered");
      sessionStorage.setItem("covered", String(isCovered));
    }
    return fetch(...given);
  };
}"""
"""The answer to another request says that the session has ended, while the tab ends it.

In the page itself, and kept there: an interceptor of requests works in two other
processes.
"""


async def test_a_refused_request_does_not_disturb_the_sign_out(
    site: Site, profile: BrowserContext
) -> None:
    """The tab removes the texts; it neither covers itself nor seals them meanwhile."""
    feed = await site.feed("refused-meanwhile")
    desk = await enter(site, profile, feed)
    await desk.write("Meanwhile ponmlkj")
    await desk.page.evaluate(REFUSED_MEANWHILE)
    await sign_out(desk)
    await expect(desk.page.get_by_label("Token")).to_be_visible()
    await keeps_nothing_of(desk.page, "ponmlkj")
    told: list[str] = []

    async def is_told() -> bool:
        with suppress(Error):  # what is evaluated while a page is loaded may be lost
            told.append(await desk.page.evaluate("sessionStorage.getItem('covered')"))
        return bool(told)

    await until(is_told)
    assert told == ["false"]
    (draft,) = await drafts_of(site, feed)
    assert draft["headline"] == "Meanwhile ponmlkj"


async def test_signing_out_waits_for_the_script(
    site: Site, profile: BrowserContext
) -> None:
    """Texts become drafts however early the button is pressed."""
    feed = await site.feed("early")
    desk = await enter(site, profile, feed)
    await desk.write("Early ponmlkj")

    async def is_written() -> bool:
        return "Early ponmlkj" in await all_kept(desk.page)

    await until(is_written)
    html = await desk.page.evaluate("fetch('/desk').then((answer) => answer.text())")
    assert re.search("<button[^>]* disabled>Sign out</button>", html)
    await desk.page.reload(wait_until="commit")
    await sign_out(desk)
    await expect(desk.page.get_by_label("Token")).to_be_visible()
    (draft,) = await drafts_of(site, feed)
    assert draft["headline"] == "Early ponmlkj"
    await keeps_nothing_of(desk.page, "ponmlkj")
