"""An editor's actions over the public API: one method each, repeated safely.

- An answer that leaves the outcome unknown (503 and similar, a broken connection) is
  repeated with the same Idempotency-Key until it is settled, after a random wait below
  a growing bound (full jitter).
- The Idempotency-Key is a digest of the request, so the same action has the same key,
  also after a restart of the program.
- Edits name the revision they change. If another editor was faster, the post is read
  again and its new state is changed; a withdrawn post is left alone.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Awaitable, Callable, Mapping
from itertools import count

import msgspec
from msgspec import Struct

from stoppress.demo.system_clock import Clock
from stoppress.domain.feed import FeedInput
from stoppress.domain.post import Correction, PostInput

Call = Callable[
    [str, str, bytes | None, Mapping[str, str]], Awaitable[tuple[int, object]]
]
"""`call(method, path, body, headers)` answers `(status, decoded JSON or None)`.

It adds the Authorization and bounds its own time. A connection that can't be made
or breaks is an OSError (TimeoutError is one).
"""

UNSETTLED = frozenset({408, 429, 500, 502, 503, 504})
FIRST_RETRY_S = 0.5
MAX_RETRY_S = 20.0
PAGE_SIZE = 100
MOST_PAGES = 20  # 2,000 posts back; the demo's own are never further


class CallRefused(Exception):
    """The server refused, and repeating the request would not help."""

    def __init__(self, method: str, path: str, status: int, answer: object) -> None:
        self.status = status
        self.answer = answer
        super().__init__(f"{method} {path} was refused with {status}: {answer!r}")


class KnownPost(Struct, frozen=True):
    """The fields of a published post that the player needs."""

    id: str
    rev: int
    published_at: str
    external_id: str | None = None
    correction: Correction | None = None


class _Answer(Struct, frozen=True):
    post: KnownPost


class _Page(Struct, frozen=True):
    posts: tuple[KnownPost, ...]
    next: str | None = None


class _FeedHeld(Struct, frozen=True):
    rev: int


class _Snapshot(Struct, frozen=True):
    feed: _FeedHeld


class ApiEditor:
    """An editor of one server."""

    def __init__(
        self, call: Call, clock: Clock, chance: Callable[[], float] = random.random
    ) -> None:
        self._call = call
        self._clock = clock
        self._chance = chance

    async def open(self, slug: str, feed: FeedInput) -> None:
        """Create the feed, unless it exists."""
        body = {"slug": slug, **msgspec.to_builtins(feed)}
        await self._send("POST", "/v1/feeds", body, accept={201, 200, 409})

    async def posts(self, slug: str) -> dict[str, KnownPost]:
        """The posts that are shown, by external id."""
        shown: dict[str, KnownPost] = {}
        path: str | None = f"/v1/feeds/{slug}/posts?limit={PAGE_SIZE}"
        for _ in range(MOST_PAGES):
            if path is None:
                break
            _, answer = await self._send("GET", path, accept={200})
            page = msgspec.convert(answer, _Page)
            shown |= {post.external_id: post for post in page.posts if post.external_id}
            path = page.next
        return shown

    async def publish(self, slug: str, draft: PostInput) -> KnownPost | None:
        """Publish a post once. None if it was published before and then withdrawn."""
        status, answer = await self._send(
            "POST",
            f"/v1/feeds/{slug}/posts",
            msgspec.to_builtins(draft),
            accept={201, 200, 409, 410},
        )
        if status in (200, 201):
            return msgspec.convert(answer, _Answer).post
        # The external id is taken by a live post, or by a withdrawn one.
        return (await self.posts(slug)).get(draft.external_id or "")

    async def edit(self, slug: str, post: str, change: dict[str, object]) -> bool:
        """Change a post's current state. False if the post is gone."""
        path = f"/v1/feeds/{slug}/posts/{post}"
        while True:
            held = await self._post(path)
            if held is None:
                return False
            if _is_noted(held, change.get("correction")):
                return True
            status, _ = await self._send(
                "PATCH", path, change, held.rev, accept={200, 404, 410, 412}
            )
            if status != 412:
                return status == 200
            await self._give_way()

    async def withdraw(self, slug: str, post: str) -> None:
        """Withdraw a post, at any revision."""
        path = f"/v1/feeds/{slug}/posts/{post}"
        status = 412
        while status == 412:
            held = await self._post(path)
            if held is None:
                return
            status, _ = await self._send(
                "DELETE", path, None, held.rev, accept={200, 204, 404, 410, 412}
            )
            if status == 412:
                await self._give_way()

    async def change_feed(self, slug: str, change: dict[str, object]) -> None:
        """Change the feed's current state."""
        path = f"/v1/feeds/{slug}"
        status = 412
        while status == 412:
            _, answer = await self._send("GET", path, accept={200})
            rev = msgspec.convert(answer, _Snapshot).feed.rev
            status, _ = await self._send("PATCH", path, change, rev, accept={200, 412})
            if status == 412:
                await self._give_way()

    async def _give_way(self) -> None:
        """Wait until the other editor's write is finished and readable."""
        await self._clock.sleep(FIRST_RETRY_S * self._chance())

    async def _post(self, path: str) -> KnownPost | None:
        status, answer = await self._send("GET", path, accept={200, 404, 410})
        return msgspec.convert(answer, KnownPost) if status == 200 else None

    async def _send(
        self,
        method: str,
        path: str,
        content: object = None,
        rev: int | None = None,
        *,
        accept: set[int],
    ) -> tuple[int, object]:
        """Ask until the outcome is known.

        Raises CallRefused for a status that is not in `accept`.
        """
        body = None if content is None else msgspec.json.encode(content)
        headers = {} if body is None else {"Content-Type": "application/json"}
        if rev is not None:
            headers["If-Match"] = f'"{rev}"'
        if method != "GET":
            headers["Idempotency-Key"] = _digest(method, path, rev, body)
        for attempt in count():
            try:
                status, answer = await self._call(method, path, body, headers)
            except OSError:
                status, answer = 503, None
            if status not in UNSETTLED:
                break
            bound = min(MAX_RETRY_S, FIRST_RETRY_S * 2 ** min(attempt, 8))
            await self._clock.sleep(bound * self._chance())
        if status not in accept:
            raise CallRefused(method, path, status, answer)
        return status, answer


def _is_noted(held: KnownPost, correction: object) -> bool:
    """Whether this correction was made already: it must not be repeated."""
    return (
        held.correction is not None
        and isinstance(correction, dict)
        and correction.get("note") == held.correction.note
    )


def _digest(method: str, path: str, rev: int | None, body: bytes | None) -> str:
    parts = (method, path, "" if rev is None else str(rev))
    text = b"\n".join([*(part.encode() for part in parts), body or b""])
    return f"demo-{hashlib.sha256(text).hexdigest()[:40]}"
