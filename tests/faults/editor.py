"""An editor over HTTP who settles every write, whatever happens to the server.

A write of which the outcome is unknown (503, a broken connection) is repeated with
its Idempotency-Key until it is answered. `book` is what was acknowledged: the
event at each cursor. At the end the readers and the pages are held against it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, cast

import httpx

from stoppress.domain.cursor import Cursor
from stoppress.domain.fold import Json
from tests.faults.judge import Fault, Judge
from tests.faults.server import ADMIN
from tests.plain_http import PLAIN

SETTLE_S = 60.0
"""How long one write may take to be settled, with a restart in between."""
_KEPT = [(how, code) for how in ("POST", "PATCH", "DELETE") for code in (200, 201, 204)]


class Editor:
    """Publishes, edits and withdraws, in feeds of which it is the only editor."""

    def __init__(
        self, url: str, seed: int, feeds: Sequence[str], name: str = "No."
    ) -> None:
        self.book: dict[str, dict[Cursor, tuple[str, str]]] = {f: {} for f in feeds}
        self.published: dict[str, dict[str, str]] = {f: {} for f in feeds}
        """Of each feed: the post's id for each headline that was acknowledged."""
        self.withdrawn: dict[str, set[str]] = {f: set() for f in feeds}
        self.faults: list[Fault] = []
        self.counts: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._posts: dict[str, dict[str, Json]] = {f: {} for f in feeds}
        self._in_hand: set[str] = set()
        """Posts that are being edited or withdrawn: by one hand at a time."""
        self._url = url
        self._name = name
        self._number = 0

    async def open(self) -> None:
        """Make the feeds."""
        for feed in self.book:
            await self._write(
                "POST", "/v1/feeds", {"slug": feed, "title": f"The feed {feed}"}
            )

    @property
    def acknowledged(self) -> int:
        """How many writes were answered that they are kept."""
        return sum(self.counts[f"{how} {code}"] for how, code in _KEPT)

    async def act(self) -> None:
        """One write, of whatever kind, settled."""
        feed = self._random.choice(list(self.book))
        kinds = (self.publish, self.edit, self.withdraw, self.retitle)
        (action,) = self._random.choices(kinds, (60, 25, 12, 3))
        if not self._free(feed) and action in (self.edit, self.withdraw):
            action = self.publish
        await action(feed)

    async def publish(self, feed: str, text: str = "") -> None:
        """One post, with a headline of its own."""
        self._number += 1
        headline = f"{self._name} {self._number}"
        body = text or "gale " * self._random.choice((1, 10, 100))
        draft = {
            "headline": headline,
            "body": body,
            "pinned": not text and self._random.random() < 0.03,
        }
        answer = await self._write("POST", f"/v1/feeds/{feed}/posts", draft)
        if answer is None:
            return
        post = answer["post"]
        if headline in self.published[feed]:
            self._fault("editor", f"{headline} was acknowledged twice")
        self.published[feed][headline] = post["id"]
        self._posts[feed][post["id"]] = post
        self._enter(feed, answer, "post.published", post["id"])

    async def edit(self, feed: str) -> None:
        """One post gets another text, or is moved in time."""
        name = self._random.choice(self._free(feed))
        post = self._posts[feed][name]
        patch: dict[str, object] = {"body": f"edited {self._random.random()}"}
        if self._random.random() < 0.2:
            hour = self._random.randrange(24)
            patch["published_at"] = f"2026-10-2{hour % 10}T{hour:02}:00:00Z"
        if self._random.random() < 0.05:
            patch["pinned"] = not post.get("pinned")
        path = f"/v1/feeds/{feed}/posts/{name}"
        with self._holding(name):
            # A pin may have moved, which makes a revision that we have not seen.
            answer = await self._write("PATCH", path, patch, {"If-Match": "*"})
        if answer is not None:
            self._posts[feed][answer["post"]["id"]] = answer["post"]
            self._enter(feed, answer, "post.updated", answer["post"]["id"])

    async def withdraw(self, feed: str) -> None:
        """One post is taken back."""
        name = self._random.choice(self._free(feed))
        with self._holding(name):
            answer = await self._write("DELETE", f"/v1/feeds/{feed}/posts/{name}")
        if answer is not None:
            del self._posts[feed][name]
            self.withdrawn[feed].add(name)

    async def retitle(self, feed: str) -> None:
        """The feed itself changes."""
        title = {"title": f"The feed {feed}, {self._random.random()}"}
        await self._write("PATCH", f"/v1/feeds/{feed}", title)

    def _free(self, feed: str) -> list[str]:
        """The posts that nobody edits or withdraws just now."""
        return [name for name in self._posts[feed] if name not in self._in_hand]

    @contextmanager
    def _holding(self, name: str) -> Iterator[None]:
        self._in_hand.add(name)
        try:
            yield
        finally:
            self._in_hand.discard(name)

    async def _write(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any] | None:
        """One write, repeated under one key until its outcome is known."""
        key = f"key-{self._random.getrandbits(64):x}"
        headers = {
            "Authorization": f"Bearer {ADMIN}",
            "Idempotency-Key": key,
            **(headers or {}),
        }
        async with (
            asyncio.timeout(SETTLE_S),
            # Plain HTTP: the certificates would take 40 ms to read, each time.
            httpx.AsyncClient(verify=PLAIN, trust_env=False) as client,
        ):
            while True:
                try:
                    answer = await client.request(
                        method, self._url + path, json=body, headers=headers, timeout=10
                    )
                except httpx.HTTPError:
                    self.counts["unknown"] += 1
                    await asyncio.sleep(0.05)
                    continue
                if answer.status_code == 503:
                    self.counts["503"] += 1
                    await asyncio.sleep(0.05)
                    continue
                break
        self.counts[f"{method} {answer.status_code}"] += 1
        if answer.status_code == 204:
            return {}
        if answer.status_code not in (200, 201):
            text = f"{method} {path}: {answer.status_code} {answer.text[:300]}"
            self._fault("editor", text)
            return None
        return cast("dict[str, Any]", answer.json())

    def _enter(
        self, feed: str, answer: Mapping[str, Any], kind: str, name: str
    ) -> None:
        cursor = Cursor.parse(answer["cursor"])
        entry = kind, name
        if self.book[feed].setdefault(cursor, entry) != entry:
            known = self.book[feed][cursor]
            self._fault("editor", f"{cursor} is {known} and {entry}")

    # What is checked at the end

    def check_feed(self, feed: str, posts: Sequence[Json]) -> None:
        """Every acknowledged post is there once; no withdrawn one is."""
        shown = Counter(str(post["headline"]) for post in posts)
        ids = {cast(str, post["id"]) for post in posts}
        for headline, times in shown.items():
            if times > 1:
                self._fault("twice", f"{feed}: {headline} stands there {times} times")
        for headline, name in self.published[feed].items():
            if name in self.withdrawn[feed]:
                if name in ids:
                    self._fault("shown", f"{feed}: {headline} was withdrawn")
            elif name not in ids:
                self._fault("missing", f"{feed}: {headline} was acknowledged")

    def check_reader(self, judge: Judge) -> None:
        """Every event was heard once and in order, and is what was acknowledged."""
        received = judge.received
        book = self.book[judge.feed]
        for event in received:
            kind, name = book.get(event.cursor, (event.kind, event.post))
            if name != event.post or event.kind not in (kind, "post.withdrawn"):
                judge.fault("other", f"{event} should be {kind} of {name}")
        if judge.resets:
            return  # what a snapshot held instead was compared as such
        for before, event in pairwise(received):
            follows = before.cursor._replace(seq=before.cursor.seq + 1)
            leapt = event.cursor._replace(seq=event.cursor.seq - 1)
            if event.cursor != follows and not (
                event.cursor > follows and leapt in judge.snapshots
            ):
                judge.fault("once", f"{event.cursor} was heard after {before.cursor}")

    def _fault(self, kind: str, text: str) -> None:
        self.faults.append(Fault(kind, text))
