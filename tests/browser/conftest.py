"""A real Chromium for the tests of what readers see."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.editor import profile, site
from tests.browser.host import Host
from tests.browser.patience import PATIENCE_MS, be_patient
from tests.conftest import Server

be_patient()

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


PREFERS_THE_LINK = """try {
    localStorage.setItem("stoppress:on-scroll", "no");
} catch {
    // A document without storage.
}"""


@dataclass
class Reader:
    """One reader's tab, and what its console said."""

    page: Page
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)

    def open(self, url: str) -> None:
        """Open a page, and wait until its line is live."""
        self.page.goto(url)
        self.is_live()

    def is_live(self) -> None:
        """Wait until the page says that it is updating live."""
        self.page.wait_for_selector('.sp-line[data-line="live"]', state="attached")

    def headlines(self) -> list[str]:
        """The headlines, from the top."""
        return self.page.locator(".sp-posts .sp-headline").all_inner_texts()

    def shows(self, *headlines: str) -> None:
        """Wait until exactly these headlines stand there, from the top."""
        self.page.wait_for_function(
            """expected => JSON.stringify([...(
                document.querySelector("stop-press").shadowRoot ?? document
            ).querySelectorAll(".sp-posts .sp-headline")]
                .map((one) => one.textContent)) === expected""",
            arg=_json(headlines),
        )


def _json(headlines: tuple[str, ...]) -> str:
    import json

    return json.dumps(list(headlines), ensure_ascii=False, separators=(",", ":"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for the tests of a module."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-background-networking"],
        )
        yield browser
        browser.close()


class Readers:
    """Makes readers, and ends them with the test."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    def __call__(self, *, scrolls: bool = False, **options: Any) -> Reader:
        """A new reader, with a browser profile of their own.

        `scrolls`: older posts load as this one scrolls; else by their link alone.
        """
        context = self._browser.new_context(**options)
        if not scrolls:
            context.add_init_script(PREFERS_THE_LINK)
        context.set_default_timeout(PATIENCE_MS)
        self._contexts.append(context)
        reader = Reader(context.new_page(), context)
        reader.page.on(
            "console",
            lambda message: (
                reader.complaints.append(message.text)
                if message.type in ("error", "warning")
                else None
            ),
        )
        reader.page.on(
            "pageerror", lambda error: reader.complaints.append(f"thrown: {error}")
        )
        return reader

    def close(self) -> None:
        """End them all."""
        for context in self._contexts:
            context.close()


@pytest.fixture
def readers(chromium: Browser) -> Iterator[Readers]:
    """Makes readers."""
    made = Readers(chromium)
    yield made
    made.close()


@pytest.fixture
def reader(readers: Readers) -> Reader:
    """One reader."""
    return readers()


@pytest.fixture
def host(server: Server) -> Iterator[Host]:
    """Another site, whose policy allows the server."""
    made = Host(server.url)
    yield made
    made.close()


__all__ = ["Reader", "Readers", "Server", "profile", "site"]
