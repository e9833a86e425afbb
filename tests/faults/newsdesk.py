"""An editor at work: one deed after the other, some of them to be refused.

Beside what an `Editor` settles and checks, it tries what must be refused (its text
must never be seen), stops between two deeds when asked to, and can go back to a
mark, where a store that promised less has lost what followed on it.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx

from stoppress.domain.fold import Json
from tests.faults.editor import Editor
from tests.faults.judge import Fault
from tests.faults.server import ADMIN

Kept = tuple[dict[str, str], set[str], dict[str, Json]]

REFUSED = "never to be seen"
REFUSED_EVERY = 12
"""Every so many deeds one is tried that has to be refused."""


class Newsdesk(Editor):
    """The only editor of one feed."""

    def __init__(self, url: str, seed: int, feed: str, a_second: float) -> None:
        super().__init__(url, seed, (feed,))
        self.feed = feed
        self.deeds = 0
        """Writes that were acknowledged or refused, of those made by `work`."""
        self._a_second = a_second
        self._pen = asyncio.Lock()
        self._marked: Kept = {}, set(), {}
        self._done = False

    async def work(self) -> None:
        """Do one deed after the other, until `finish`."""
        while not self._done:
            async with self._pen:
                if self._random.randrange(REFUSED_EVERY):
                    await self.deed()
                else:
                    await self._try_what_is_wrong()
                self.deeds += 1
            await asyncio.sleep(self._random.expovariate(self._a_second))

    def finish(self) -> None:
        """Do no further deed."""
        self._done = True

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Between two deeds: what was written is settled, and no more is."""
        async with self._pen:
            yield

    def mark(self) -> None:
        """Remember what stands there now."""
        feed = self.feed
        kept = self.published[feed], self.withdrawn[feed], self._posts[feed]
        self._marked = copy.deepcopy(kept)

    def roll_back(self) -> None:
        """Only what stood at the mark is there; nothing, where none was made."""
        published, withdrawn, posts = copy.deepcopy(self._marked)
        self.published[self.feed] = published
        self.withdrawn[self.feed] = withdrawn
        self._posts[self.feed] = posts

    async def _try_what_is_wrong(self) -> None:
        drafts: list[tuple[dict[str, object], str]] = [
            ({"headline": REFUSED, "no such field": 1}, ADMIN),
            ({"headline": REFUSED, "published_at": "yesterday"}, ADMIN),
            ({"headline": REFUSED}, "sp_nobody"),
        ]
        draft, secret = self._random.choice(drafts)
        async with httpx.AsyncClient(trust_env=False) as client:
            try:
                answer = await client.post(
                    f"{self._url}/v1/feeds/{self.feed}/posts",
                    json=draft,
                    headers={"Authorization": f"Bearer {secret}"},
                    timeout=10,
                )
            except httpx.HTTPError:
                return
        self.counts[f"refused {answer.status_code}"] += 1
        if answer.status_code < 400:
            text = f"{draft} was answered {answer.status_code}"
            self.faults.append(Fault("editor", text))

    def check_refused(self, posts: Sequence[Json]) -> None:
        """Nothing is shown that was refused."""
        for post in posts:
            if post.get("headline") == REFUSED:
                self.faults.append(Fault("shown", f"{post['id']} was refused"))
