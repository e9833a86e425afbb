"""Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from playwright.async_api import async_playwright

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


class Chromium:
    """A browser with one page."""

    async def open(self, url: str, heard: Callable[[str], None]) -> None:
        """Start, open the address, and pass on what its console says."""
        self._playwright = await async_playwright().start()
        self._browser = await self._playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-background-networking"],
        )
        self._page = await self._browser.new_page()
        self._page.on("console", lambda message: heard(message.text))
        await self._page.goto(url)

    async def run(self, script: str) -> None:
        """Run statements in the page."""
        await self._page.evaluate(f"() => {{ {script} }}")

    async def ask(self, expression: str) -> str:
        """What a promise in the page comes to, a string."""
        answer: str = await self._page.evaluate(f"() => {expression}")
        return answer

    async def close(self) -> None:
        """End."""
        await self._browser.close()
        await self._playwright.stop()
