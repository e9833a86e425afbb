"""How a page of the desk is looked at, and what is wrong with it there.

A look is a colour scheme, a width and a direction. In each nothing is wider than the
screen, axe finds nothing, and Publish is in view.
"""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

from playwright.async_api import Page

from tests.browser.test_desk import faults

AT_REST_S = 20.0
AGAIN_S = 0.5


class Look(NamedTuple):
    """How the page is looked at."""

    scheme: str
    width: int
    direction: str


LOOKS = [
    Look("light", 1440, "ltr"),
    Look("dark", 1440, "rtl"),
    Look("dark", 390, "ltr"),
    Look("light", 360, "rtl"),
]


async def look_at(page: Page, look: Look) -> None:
    """Turn the page to a look."""
    await page.emulate_media(color_scheme=look.scheme)  # type: ignore[arg-type]
    await page.set_viewport_size({"width": look.width, "height": 800})
    await page.evaluate("d => { document.documentElement.dir = d }", look.direction)


async def complaints_of(page: Page, look: Look) -> list[str]:
    """What axe finds in this look, and what is wider than the screen.

    Of a page at rest: what is gone a moment later was on its way there.
    """
    await look_at(page, look)
    deadline = time.monotonic() + AT_REST_S
    while found := await _complaints(page, look):
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(AGAIN_S)
    return found


async def _complaints(page: Page, look: Look) -> list[str]:
    found = await faults(page)
    if await page.evaluate("document.documentElement.scrollWidth") > look.width:
        found.append("the page is wider than the screen")
    found += await page.evaluate(
        """() => [...document.querySelectorAll("dialog[open], [popover]:popover-open")]
            .filter((each) => each.scrollWidth > each.clientWidth + 1)
            .map((each) => `#${each.id} is wider than it is shown`)"""
    )
    if await page.locator("[data-part=send]").count():
        is_reached = await page.evaluate(
            """() => {
              const {left, right, top, bottom} =
                document.querySelector("[data-part=send]").getBoundingClientRect();
              return left >= 0 && top >= 0 && right <= innerWidth
                && bottom <= innerHeight;
            }"""
        )
        found += [] if is_reached else ["Publish is out of view"]
    return found
