"""An editor's tasks at the desk: how many clicks, and how long from news to readers.

    python -m tests.bench.desk_tasks [--offline-s 300] [--key-ms 120]

In a real Chromium, with a reader's page of the same feed. Clicks are counted in the
page: what no key does as shortly is clicked, the rest is typed. `news to out`: from the
first key of a text of 60 characters, a key each KEY_MS (a practised hand: 100 words per
minute), until readers see it; with a picture from the clipboard, and what it shows in
30 characters more. `return to out`: a text is sent without a connection, which returns
after OFFLINE_S, the desk loaded again meanwhile. Fails above the limits.
"""

from __future__ import annotations

import argparse
import base64
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.conftest import CHROMIUM
from tests.browser.test_pictures import GIVE
from tests.conftest import Server, started
from tests.made_pictures import jpeg_with_metadata

LIMITS = {
    "clicks: a new text": 0,
    "clicks: a pinned text": 1,
    "clicks: a correction": 2,
    "clicks: a picture that is pasted": 0,
    "seconds from news to out": 10,
    "seconds from news to out, with a picture": 20,
    "seconds from the return to out": 2,
}
FEED = "tasks"
TEXT = "Lock 3 opens at noon, says the harbour master; the ferry runs."[:60]
ALT = "The lock, its gates half open"
COUNT_CLICKS = """window.clicks = 0;
addEventListener("click", ({pointerType}) => { if (pointerType) clicks++; }, true);"""


class Tasks:
    """The tasks, and what each took."""

    def __init__(self, server: Server, browser: Browser, key_ms: float) -> None:
        self.figures: dict[str, float] = {}
        self._key_ms = key_ms
        self._profile = browser.new_context(base_url=server.url)
        self._profile.add_init_script(COUNT_CLICKS)
        self._desk = self._profile.new_page()
        self._desk.goto(f"/desk?feed={FEED}")
        self._desk.get_by_label("Token").fill(server.token)
        self._desk.get_by_label("Token").press("Enter")
        expect(self._desk.locator("#line")).to_have_text("Live")
        self._desk.evaluate("navigator.serviceWorker.ready.then(() => true)")
        # In a window of its own: a tab behind another one draws nothing.
        elsewhere = browser.new_context(base_url=server.url)
        self._reader = elsewhere.new_page()
        self._reader.goto(f"/live/{FEED}")
        self._reader.wait_for_selector('.sp-line[data-line="live"]')
        self._desk.bring_to_front()

    def _type(self, text: str) -> None:
        self._desk.keyboard.type(text, delay=self._key_ms)

    def _send(self) -> None:
        self._desk.keyboard.press("Control+Enter")

    def _is_seen(self, text: str) -> None:
        expect(self._reader.locator(".sp-posts")).to_contain_text(text)

    def _clicks(self, name: str, task: Callable[[Page], None]) -> None:
        before = self._desk.evaluate("clicks")
        task(self._desk)
        self.figures[f"clicks: {name}"] = self._desk.evaluate("clicks") - before

    def new_text(self) -> None:
        """From anywhere on the desk, to readers."""

        def task(desk: Page) -> None:
            desk.locator("#posts > li").first.focus()
            began = time.monotonic()
            desk.keyboard.press("n")
            expect(desk.get_by_label("Headline")).to_be_focused()
            self._type(TEXT)
            self._send()
            self._is_seen(TEXT)
            self.figures["seconds from news to out"] = time.monotonic() - began

        self._clicks("a new text", task)

    def pinned_text(self) -> None:
        """The text is typed; its weight is one click."""

        def task(desk: Page) -> None:
            self._type("Pinned")
            desk.get_by_label("Pinned", exact=True).click()
            self._send()
            expect(
                self._reader.locator(".sp-pinned, [data-pinned]").first
            ).to_be_visible()

        self._clicks("a pinned text", task)

    def correction(self) -> None:
        """Edit, and Correction: what was wrong, and the text, are typed."""

        def task(desk: Page) -> None:
            row = desk.locator("#posts > li", has_text=TEXT[:20])
            row.hover()
            row.get_by_role("button", name="Edit").click()
            title = desk.locator('#write [data-part="title"]')
            expect(title).to_contain_text("Change a post")
            desk.keyboard.press("End")
            self._type(" Late.")
            desk.get_by_label("Correction").click()
            expect(desk.locator("[name=correction]")).to_be_focused()
            self._type("The hour was wrong.")
            self._send()
            self._is_seen("The hour was wrong.")

        self._clicks("a correction", task)

    def pasted_picture(self) -> None:
        """Its alternative text is asked for at once, and typed."""
        data = base64.b64encode(jpeg_with_metadata()).decode()

        def task(desk: Page) -> None:
            began = time.monotonic()
            desk.keyboard.press("Escape")
            desk.locator("#posts > li").first.focus()
            desk.keyboard.press("n")
            self._type(f"Picture. {TEXT}")
            picture = ["paste", "[name=body]", "quay.jpg", "image/jpeg", data]
            desk.evaluate(GIVE, picture)
            self._type(ALT)
            self._send()
            self._is_seen(f"Picture. {TEXT}")
            shown = self._reader.locator(f'.sp-image img[alt="{ALT}"]').first
            expect(shown).to_be_visible()
            took = time.monotonic() - began
            self.figures["seconds from news to out, with a picture"] = took

        self._clicks("a picture that is pasted", task)

    def offline(self, seconds: float) -> None:
        """Sent without a connection; the desk is loaded again meanwhile."""
        desk = self._desk
        self._profile.set_offline(True)
        desk.get_by_label("Headline").fill("From the ferry")
        desk.get_by_label("Headline").press("Control+Enter")
        card = desk.locator("#outbox li", has_text="From the ferry")
        expect(card).to_contain_text("No connection")
        desk.wait_for_timeout(seconds * 1000)
        desk.reload()
        expect(card).to_contain_text("No connection")
        began = time.monotonic()
        self._profile.set_offline(False)
        self._is_seen("From the ferry")
        self.figures["seconds from the return to out"] = time.monotonic() - began


def main() -> None:
    """Measure, print, and fail above a limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--offline-s", type=float, default=300)
    parser.add_argument("--key-ms", type=float, default=120)
    given = parser.parse_args()
    expect.set_options(timeout=60_000)
    with (
        tempfile.TemporaryDirectory(prefix="stop-press-") as folder,
        started(Path(folder) / "data") as server,
        sync_playwright() as playwright,
    ):
        server.new_feed(slug=FEED)
        server.publish(FEED, "It rains.", headline="First")
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-background-networking"],
        )
        tasks = Tasks(server, browser, given.key_ms)
        tasks.new_text()
        tasks.pinned_text()
        tasks.correction()
        tasks.pasted_picture()
        tasks.offline(given.offline_s)
        browser.close()
    for name, figure in tasks.figures.items():
        print(f"{name:42} {figure:5.1f} (limit {LIMITS[name]})")  # noqa: T201
    raise SystemExit(any(tasks.figures[name] > most for name, most in LIMITS.items()))


if __name__ == "__main__":
    main()
