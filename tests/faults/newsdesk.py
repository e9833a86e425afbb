"""An editor at work: deeds at a given rate, some of them to be refused.

Beside what an `Editor` settles and checks, it tries what must be refused (its text
must never be seen), stops between two deeds when asked to, and can go back to a
mark, where a store that promised less has lost what followed on it.

Deeds begin when they are due, however long those before them take: each is done by
one of the editor's hands, of which one waits for its turn while others wait for the
server. With one hand a deed waits for the one before it.
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
from tests.plain_http import PLAIN

Kept = tuple[dict[str, str], set[str], dict[str, Json]]

REFUSED = "never to be seen"
REFUSED_EVERY = 12
"""Every so many deeds one is tried that has to be refused."""
HANDS = 64
"""Of an editor that keeps its rate while nothing is answered for some seconds."""
LATE_S = 0.5
"""How far an editor that was kept busy makes up for it."""


class Newsdesk(Editor):
    """The only editor of one feed."""

    def __init__(
        self, url: str, seed: int, feed: str, a_second: float, hands: int = 1
    ) -> None:
        super().__init__(url, seed, (feed,))
        self.feed = feed
        self.deeds = 0
        """Writes that were acknowledged or refused, of those made by `work`."""
        self._a_second = a_second
        self._hands = hands
        self._due = 0.0
        self._turn = asyncio.Lock()
        self._busy = 0
        self._still = asyncio.Event()
        """No hand is busy."""
        self._still.set()
        self._pauses = asyncio.Lock()
        self._goes_on = asyncio.Event()
        self._goes_on.set()
        self._marked: Kept = {}, set(), {}
        self._done = False

    async def work(self) -> None:
        """Do deeds, each when it is due, until `finish`."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._hands):
                group.create_task(self._work())

    async def _work(self) -> None:
        """What one hand does."""
        while True:
            async with self._turn:
                if not self._done:
                    await self._until_due()
                if self._done:
                    return
                self._busy += 1
                self._still.clear()
            try:
                if self._random.randrange(REFUSED_EVERY):
                    await self.deed()
                else:
                    await self._try_what_is_wrong()
                self.deeds += 1
            finally:
                self._busy -= 1
                if not self._busy:
                    self._still.set()

    async def _until_due(self) -> None:
        now = asyncio.get_running_loop().time()
        # What was due while no hand was free is not made up for.
        self._due = max(self._due, now - LATE_S)
        self._due += self._random.expovariate(self._a_second)
        await asyncio.sleep(self._due - now)
        await self._goes_on.wait()

    def write_to(self, url: str) -> None:
        """Send what is written from now on to another server of the same store."""
        self._url = url

    def writes_to(self, url: str) -> bool:
        """Whether that is where it writes."""
        return self._url == url

    def finish(self) -> None:
        """Do no further deed."""
        self._done = True

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Between two deeds: what was written is settled, and no more is."""
        async with self._pauses:
            self._goes_on.clear()
            try:
                await self._still.wait()
                yield
            finally:
                self._goes_on.set()

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
        async with httpx.AsyncClient(verify=PLAIN, trust_env=False) as client:
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
