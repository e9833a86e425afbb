"""Drawn interleavings of editors, in Chromium.

Two or three editors, each with a profile and up to two tabs, write, send, change and
take back, while answers are lost, connections end, tabs die and posts are withdrawn, in
an order that a seed draws. At the end, on a healed line: no word that a browser had on
its disk is lost, none is public that nobody sent, none is in two posts. The thousand
(`tests/javascript/interleavings.mjs`) play the same against modules in memory.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

from playwright.async_api import BrowserContext, Page, Route, expect

from tests.browser.editor import Site, enter
from tests.browser.patience import PATIENCE_MS, PATIENCE_S, close
from tests.waiting import until

STEPS = 26
WORDS = re.compile(r"\bw\d+\b")
KEPT = """() => new Promise((resolve) => {
  const opened = indexedDB.open("stop-press-desk");
  opened.onsuccess = () => {
    const all = opened.result.transaction("entries").objectStore("entries").getAll();
    all.onsuccess = () => {
      opened.result.close();
      resolve(JSON.stringify(all.result));
    };
  };
})"""
"""The texts that this browser has on its disk."""
BODY = "Text Markdown"
SENT = """window.sentTexts = [];
addEventListener("keydown", ({ctrlKey, key}) => {
  if (ctrlKey && key === "Enter") window.sentTexts.push(document.activeElement.value);
}, true);"""
"""Keeps what stood in the field when the chord came: a text that was asked for may open
between a look at the field and the key."""


@dataclass
class Editor:
    """A person, with a profile of their own and its tabs."""

    profile: BrowserContext
    tabs: list[Page] = field(default_factory=list)
    is_offline: bool = False


@dataclass
class Play:
    """One drawn interleaving."""

    site: Site
    feed: str
    draw: random.Random
    editors: list[Editor] = field(default_factory=list)
    words: int = 0
    sent: set[str] = field(default_factory=set)
    safe: set[str] = field(default_factory=set)
    withdrawn: set[str] = field(default_factory=set)
    """The ids of posts that were withdrawn."""
    faults: bool = True

    async def open(self, name: str) -> None:
        """An editor signs in."""
        asked = {"scopes": ["publish"], "name": name}
        made = (await self.site.api.post("/v1/tokens", json=asked)).json()
        profile = await self.site.browser.new_context(
            base_url=self.site.base, service_workers="block"
        )
        profile.set_default_timeout(PATIENCE_MS)
        await profile.add_init_script(SENT)
        await profile.route("**/v1/feeds/*/posts*", self._passes)
        await profile.route("**/v1/feeds/*/posts/*", self._passes)
        desk = await enter(self.site, profile, self.feed, made["token"])
        self.editors.append(Editor(profile, [desk.page]))

    async def _passes(self, route: Route) -> None:
        """Lose a write on its way there, or its answer on the way back."""
        is_write = route.request.method != "GET"
        fate = self.draw.random() if self.faults and is_write else 1.0
        if fate < 0.1:
            await route.abort()
        elif fate < 0.25:
            await route.fetch()
            await route.abort()
        else:
            await route.continue_()

    async def step(self) -> None:
        """One thing happens."""
        editor = self.draw.choice(self.editors)
        page = self.draw.choice(editor.tabs)
        body = page.get_by_label(BODY)
        drawn = self.draw.random()
        if drawn < 0.35:
            self.words += 1
            await body.press(self.draw.choice(["Control+Home", "Control+End"]))
            await page.keyboard.insert_text(f"\n\nw{self.words}\n\n")
        elif drawn < 0.58:
            await body.press("Control+Enter")
            texts = await page.evaluate("window.sentTexts.join(' ')")
            self.sent |= set(WORDS.findall(texts))
        elif drawn < 0.68:
            await self._click(page, "#posts > li button:text-is('Edit')")
        elif drawn < 0.76:
            await self._click(page, "#outbox button:text-is('Open')")
        elif drawn < 0.82:
            name = self.draw.choice(["Keep yours, in the form", "Make it a new post"])
            await self._click(page, f"[data-conflicts] button:text-is('{name}')")
        elif drawn < 0.87:
            posts = await self.site.posts(self.feed)
            if posts:
                name = self.draw.choice(posts)["id"]
                self.withdrawn.add(name)
                await self.site.api.delete(f"/v1/feeds/{self.feed}/posts/{name}")
        elif drawn < 0.93:
            editor.is_offline = not editor.is_offline
            await editor.profile.set_offline(editor.is_offline)
        elif not editor.is_offline:
            await self._another_tab(editor, page)

    async def _click(self, page: Page, selector: str) -> None:
        """Click one of what is there; nothing, if nothing is or it goes."""
        found = page.locator(selector).locator("visible=true")
        # Taken at once: a locator would wait for one that has gone meanwhile.
        if there := await found.element_handles():
            await page.evaluate("one => one.click()", self.draw.choice(there))
        over = page.get_by_role("button", name="Take it over")
        if await over.is_visible():
            await over.click()

    async def _another_tab(self, editor: Editor, page: Page) -> None:
        """A tab dies, with what it had not written; another is opened."""
        if len(editor.tabs) > 1 or self.draw.random() < 0.5:
            self.safe |= set(WORDS.findall(await page.evaluate(KEPT)))
            await page.close()
            editor.tabs.remove(page)
        made = await editor.profile.new_page()
        await made.goto(f"/desk?feed={self.feed}")
        await expect(made.locator("#line")).to_have_text("Live")
        editor.tabs.append(made)

    async def end(self) -> None:
        """Heal everything, wait for what is queued, and check."""
        self.faults = False
        kept = ""
        for editor in self.editors:
            await editor.profile.set_offline(False)
            page = editor.tabs[0]

            async def is_sent(page: Page = page) -> bool:
                await page.evaluate("dispatchEvent(new Event('online'))")
                return '"state":"queued"' not in await page.evaluate(KEPT)

            try:
                await until(is_sent, PATIENCE_S)
            except TimeoutError:
                shown = [
                    await one.locator("#outbox").inner_text() for one in editor.tabs
                ]
                disk = await page.evaluate(KEPT)
                raise AssertionError(f"queued for good: {disk}; {shown}") from None
            kept += await page.evaluate(KEPT)
        path = f"/v1/feeds/{self.feed}/posts"
        posts = (await self.site.api.get(f"{path}?limit=100")).json()["posts"]
        out = [set(WORDS.findall(post.get("body", ""))) for post in posts]
        public = set().union(*out)
        for name in {post["id"] for post in posts} | self.withdrawn:
            answer = await self.site.api.get(f"{path}/{name}/revisions")
            public |= set(WORDS.findall(answer.text))
        lost = self.safe - public - set(WORDS.findall(kept))
        assert not lost, f"lost: {lost}"
        assert public <= self.sent, f"unasked: {public - self.sent}"
        for index, one in enumerate(out):
            for other in out[index + 1 :]:
                assert not one & other, f"out twice: {one & other}"


async def play(site: Site, seed: int, steps: int = STEPS) -> int:
    """Play one; the number of words that were written."""
    drawn = Play(site, await site.feed(f"drawn-{seed}"), random.Random(seed))
    try:
        for name in ["a", "b", "c"][: drawn.draw.randint(2, 3)]:
            await drawn.open(name)
        for _ in range(steps):
            await drawn.step()
        await drawn.end()
    finally:
        for editor in drawn.editors:
            await close(editor.profile)
    return drawn.words
