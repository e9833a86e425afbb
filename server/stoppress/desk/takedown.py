"""Takes posts down: a withdrawal that erases the post for good, with a receipt.

Rules:
- First the post is withdrawn, by the ordinary event: open pages and caches follow.
- Then drafts that would change it are deleted, before anything looks for what uses its
  pictures; and once more after all, as one may have come meanwhile.
- Then its pictures are removed, except those that are used elsewhere. If their storage
  does not answer, the takedown must be repeated, and nothing else is erased yet.
- Then everything of it is deleted from the store: refused entries of the inbox that
  contain its texts (`find_texts_in_refused_entries.py`), and earlier states. Only the
  record of the takedown stays: when, by whom and why.
- The refused entries go first, as only the earlier states tell the texts: whatever
  fails then, a repeat leaves nothing. They are searched again for entries that were
  refused meanwhile.
- Then, in parallel: the store's file is rewritten, every process drops its caches, and
  purge requests go to the caches in front. The receipt says when each was done, and
  what was not done.
- A repeated takedown erases again, and has a receipt of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from stoppress.desk.drafts import DraftDesk
from stoppress.desk.find_texts_in_refused_entries import texts_of
from stoppress.desk.idempotency_key_without_kept_answer import under_key
from stoppress.desk.json_input import read
from stoppress.desk.post_ids_and_idempotency_keys import Requester, idempotency_of
from stoppress.desk.posts import PostDesk
from stoppress.desk.store_protocol import Store
from stoppress.desk.upload_and_take_down_pictures import PictureDesk, RemovedPicture
from stoppress.desk.write_outcome_and_checks import WRITE_ATTEMPTS, about
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Conflict, Gone, Unavailable
from stoppress.domain.post import Text
from stoppress.domain.store_requests_and_results import PostHistory, PostState
from stoppress.domain.timestamps import instant


class Confirmation(msgspec.Struct, frozen=True):
    """The answer of one process: when it dropped a post, and how many readers it told.

    `at` is in milliseconds since 1970, None if the process did not answer.
    """

    worker: str
    at: int | None
    readers: int


class PurgeResult(msgspec.Struct, frozen=True):
    """The result of one purge address; `status` is None if it did not answer."""

    url: str
    at: int
    status: int | None


class Eraser(Protocol):
    """Erases posts from the store, its disk and the memory of every process."""

    async def erase(self, feed: str, post: str, about: bytes) -> int | None:
        """Erase a withdrawn post from the store; None if it is live again."""

    async def erase_refused(self, feed: str, texts: Sequence[str]) -> int:
        """Delete the refused entries of the inbox that contain one of the texts of a
        post of the feed, or can't be read.
        """

    async def rewrite_disk(self, feed: str) -> bool:
        """Rewrite the file with the feed's data; returns whether that is done."""

    async def confirmations(self, feed: str) -> tuple[Confirmation, ...]:
        """Make every process drop the feed's cached posts."""


Purge = Callable[[str, str, Sequence[str]], Awaitable[tuple[PurgeResult, ...]]]
"""Purges a feed's addresses, and the other given ones, from the caches in front."""


async def no_purge(
    feed: str, post: str, addresses: Sequence[str]
) -> tuple[PurgeResult, ...]:
    """Do nothing: there is no cache in front."""
    return ()


class Takedown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The reason for a takedown. It is kept: it must not quote the post."""

    reason: Text | None = None


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was erased, and when."""

    post: str
    at: str
    store: str
    disk: str
    """The time, or "pending": the file may still contain the post."""
    workers: tuple[dict[str, object], ...]
    readers: int
    purge: tuple[dict[str, object], ...]
    media: tuple[RemovedPicture, ...] = ()
    """The pictures of the post, each removed, or kept with the reason."""


class TakenDownPost(msgspec.Struct, frozen=True):
    """The outcome: the receipt, and the cursor of the withdrawal if there was one."""

    receipt: Receipt
    cursor: Cursor | None


_takedown = msgspec.json.Decoder(Takedown)


class TakedownDesk:
    """Takes posts down. The caller checks authorization before."""

    def __init__(
        self,
        store: Store,
        posts: PostDesk,
        drafts: DraftDesk,
        pictures: PictureDesk,
        clock: Callable[[], int],
        eraser: Eraser | None,
        purge: Purge,
    ) -> None:
        self._store = store
        self._posts = posts
        self._drafts = drafts
        self._pictures = pictures
        self._clock = clock
        self._eraser = eraser
        self._purge = purge

    async def take_down(
        self, feed: str, name: str, raw: bytes, requester: Requester
    ) -> TakenDownPost:
        """Erase a post for good. Raises NotFound, IdempotencyKeyReused."""
        given = read(raw or b"{}", _takedown)
        path = f"/v1/feeds/{feed}/posts/{name}/takedown"
        content = msgspec.json.encode(given)
        idempotency = idempotency_of(requester, "POST", path, content)
        async with under_key(self._store, feed, idempotency):
            return await self._take_down(feed, name, given, requester)

    async def _take_down(
        self, feed: str, name: str, given: Takedown, requester: Requester
    ) -> TakenDownPost:
        eraser = self._able_eraser()
        began = self._clock()
        made = about(began, requester, given.reason)
        unkeyed = requester._replace(idempotency_key=None)
        cursor: Cursor | None = None
        texts: set[str] = set()
        media: dict[str, RemovedPicture] = {}
        for _ in range(WRITE_ATTEMPTS):
            history = await self._store.revisions(feed, name)
            bodies = await self._bodies(feed, name, history)
            texts |= texts_of(bodies)
            if history.state is PostState.LIVE:
                cursor = await self._posts.withdraw(feed, name, None, unkeyed)
            await self._drafts.delete_changes_of(feed, name, unkeyed)
            at = instant(self._clock())
            for one in await self._pictures.remove_from(feed, name, bodies, at):
                media[one.id] = one
            await eraser.erase_refused(feed, sorted(texts))
            if await eraser.erase(feed, name, made) is not None:
                break
        else:
            raise Conflict(f"the post {name!r} changes too often now: try again")
        await self._drafts.delete_changes_of(feed, name, unkeyed)
        await eraser.erase_refused(feed, sorted(texts))
        erased = self._clock()
        addresses = [path for one in media.values() for path in one.addresses]
        disk, workers, purge = await asyncio.gather(
            self._disk(eraser, feed),
            eraser.confirmations(feed),
            self._purge(feed, name, addresses),
        )
        receipt = Receipt(
            name,
            instant(began),
            instant(erased),
            disk,
            tuple(
                {
                    "worker": one.worker,
                    "at": None if one.at is None else instant(one.at),
                    "readers": one.readers,
                }
                for one in workers
            ),
            sum(one.readers for one in workers),
            tuple(
                {"url": one.url, "at": instant(one.at), "status": one.status}
                for one in purge
            ),
            tuple(media.values()),
        )
        return TakenDownPost(receipt, cursor)

    async def record(self, feed: str, name: str, requester: Requester) -> None:
        """Record the takedown of a withdrawn post without any text here."""
        made = about(self._clock(), requester)
        await self._able_eraser().erase(feed, name, made)

    def _able_eraser(self) -> Eraser:
        if self._eraser is None:
            raise Unavailable("this server can't erase posts")
        return self._eraser

    async def _disk(self, eraser: Eraser, feed: str) -> str:
        done = await eraser.rewrite_disk(feed)
        return instant(self._clock()) if done else "pending"

    async def _bodies(self, feed: str, name: str, history: PostHistory) -> list[bytes]:
        """The stored states of the post, current and earlier."""
        bodies = [one.body for one in history.revisions]
        if history.state is PostState.LIVE:
            try:
                bodies.append(await self._store.post(feed, name))
            except Gone:
                pass
        return bodies
