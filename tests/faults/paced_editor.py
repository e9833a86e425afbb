"""An editor who writes at a given rate; some writes have to be refused.

Beside what an `Editor` settles and checks, it tries invalid writes (their text must
never be shown), pauses between two actions on request, and can go back to a mark, if a
store that promised less has lost later writes.

Actions begin when they are due, however long earlier ones take: `concurrency` tasks
perform them, of which one waits until an action is due while others wait for the
server. With one task, an action waits for the one before it.
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
"""One action in so many is an invalid write."""
CONCURRENT_ACTIONS = 64
"""Enough to keep the rate while the server does not answer for some seconds."""
LATE_S = 0.5
"""How much delay an editor makes up for."""


class PacedEditor(Editor):
    """The only editor of one feed."""

    def __init__(
        self, url: str, seed: int, feed: str, per_second: float, concurrency: int = 1
    ) -> None:
        super().__init__(url, seed, (feed,))
        self.feed = feed
        self.actions = 0
        """Writes that were acknowledged or refused, of those made by `work`."""
        self._a_second = per_second
        self._concurrency = concurrency
        self._due = 0.0
        self._turn = asyncio.Lock()
        self._busy = 0
        self._still = asyncio.Event()
        """Set while no action is in progress."""
        self._still.set()
        self._pauses = asyncio.Lock()
        self._goes_on = asyncio.Event()
        self._goes_on.set()
        self._marked: Kept = {}, set(), {}
        self._done = False

    async def work(self) -> None:
        """Perform actions, each when it is due, until `finish`."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._work())

    async def _work(self) -> None:
        """One of the concurrent tasks."""
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
                    await self.act()
                else:
                    await self._try_invalid_write()
                self.actions += 1
            finally:
                self._busy -= 1
                if not self._busy:
                    self._still.set()

    async def _until_due(self) -> None:
        now = asyncio.get_running_loop().time()
        # Actions that were due while all tasks were busy are skipped.
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
        """Begin no further action."""
        self._done = True

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Wait for actions in progress, and begin none until the end of the block."""
        async with self._pauses:
            self._goes_on.clear()
            try:
                await self._still.wait()
                yield
            finally:
                self._goes_on.set()

    def mark(self) -> None:
        """Remember the current state."""
        feed = self.feed
        kept = self.published[feed], self.withdrawn[feed], self._posts[feed]
        self._marked = copy.deepcopy(kept)

    def roll_back(self) -> None:
        """Expect the state at the mark again; an empty one without a mark."""
        published, withdrawn, posts = copy.deepcopy(self._marked)
        self.published[self.feed] = published
        self.withdrawn[self.feed] = withdrawn
        self._posts[self.feed] = posts

    async def _try_invalid_write(self) -> None:
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
        """Find refused posts that are shown."""
        for post in posts:
            if post.get("headline") == REFUSED:
                self.faults.append(Fault("shown", f"{post['id']} was refused"))
