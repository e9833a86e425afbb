"""A real Chromium for the tests of what readers see."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from bundle_widget import MODULES
from tests.browser.editor import HISTORY, profile, site
from tests.browser.host import Host
from tests.browser.network import Network
from tests.browser.patience import PATIENCE_MS, be_patient
from tests.conftest import Server
from tests.waiting import wait_until

be_patient()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the desks asked for, and were answered, to the report of a failure."""
    report = yield
    if report.failed and HISTORY:
        report.sections.append(("what the desks did", "\n".join(HISTORY)))
    if report.when == "teardown":
        HISTORY.clear()
    return report


CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


PREFERS_THE_LINK = """try {
    localStorage.setItem("stoppress:on-scroll", "no");
} catch {
    // A document without storage.
}"""


def patient_line() -> str:
    """A script by which a page waits for its first socket as long as a test does.

    Where the first takes two seconds, as on a busy machine, a page tries a stream.
    """
    first = re.search(
        r"FIRST_TIMEOUT_MS = (\d+);", (MODULES / "connection.js").read_text()
    )
    assert first is not None
    return f"""{{
        const own = window.setTimeout;
        window.setTimeout = (call, ms, ...rest) =>
            own.call(window, call, ms === {first[1]} ? {PATIENCE_MS} : ms, ...rest);
    }}"""


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

    def until(self, is_so: Callable[[], object]) -> None:
        """Wait until it is so, by what the browser has reported: a test's own lists of
        its requests, lines and messages may be behind what the page shows."""

        def is_reported() -> object:
            # Only while Playwright waits, it passes on what was reported.
            self.page.wait_for_timeout(20)
            return is_so()

        wait_until(is_reported)

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
        context.add_init_script(patient_line())
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
def network(server: Server) -> Iterator[Network]:
    """The reader's network."""
    made = Network(server.url)
    yield made
    made.close()


@pytest.fixture
def host(server: Server) -> Iterator[Host]:
    """Another site, whose policy allows the server."""
    made = Host(server.url)
    yield made
    made.close()


__all__ = ["Reader", "Readers", "Server", "profile", "site"]
