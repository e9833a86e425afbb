"""The desk for posts: publish, edit, withdraw.

Every command takes the bytes an editor sent, decides, and hands the store one
atomic write. Rules:
- Nothing is read before a plain publish: it is one call of the store.
- What has to be read first (an edit, a pin) is written on condition that it is
  still so; else the desk reads again, WRITE_ATTEMPTS times at most.
- A command repeated with its Idempotency-Key changes nothing: it answers with
  the post as it is now and the cursor of the first time. It is never refused
  for what happened since, a withdrawal included: a 4xx would say that the write
  was never shown.
- What is found done already, without an Idempotency-Key, is waited for like a write
  before it is answered: whoever did it may have been told that its outcome is unknown.
- Long Markdown is rendered in a thread: readers don't wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from stoppress.desk.idempotency import PostIds, Requester, idempotency_of
from stoppress.desk.json_input import convert, read, read_object
from stoppress.desk.markdown import TooMuchMarkup, to_html
from stoppress.desk.merge_patch import merge
from stoppress.desk.post_input import (
    check_draft,
    editable_post,
    edited,
    new_post,
    order,
    unpinned,
)
from stoppress.desk.store_protocol import Store
from stoppress.desk.write_outcome import (
    WRITE_ATTEMPTS,
    Expected,
    WriteOutcome,
    check_names,
    check_revision,
    encode,
    names_of,
    now_ms,
    recall,
)
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Gone, Invalid, PinMoved, StaleRevision
from stoppress.domain.event import EventType, Subject
from stoppress.domain.post import CorrectionNote, Post, PostInput, Source
from stoppress.domain.store_records import Change, Idempotency, Write, Written
from stoppress.domain.stored_json import STORED_POSTS

LONG_MARKUP = 4096
"""Characters of Markdown that are rendered in a thread: more than about 1 ms."""

_CHANGED_MEANWHILE = (PinMoved, StaleRevision, Gone)
"""What the store says if the post, or the one pinned before it, is another now."""

_draft = msgspec.json.Decoder(PostInput)
_POST_NAMES = names_of(PostInput, source=Source, correction=CorrectionNote)


class PostDesk:
    """What an editor may do to posts. Whether this editor may is asked before."""

    def __init__(self, store: Store, clock: Callable[[], int] = now_ms) -> None:
        self._store = store
        self._clock = clock
        self._ids = PostIds()

    async def publish(self, feed: str, raw: bytes, asked: Requester) -> WriteOutcome:
        """Make a post of the JSON in `raw`."""
        given = read(raw, _draft)
        idempotency = idempotency_of(
            asked, "POST", f"/v1/feeds/{feed}/posts", encode(given)
        )
        draft = check_draft(given)
        html = await render(draft.body)
        for _ in range(WRITE_ATTEMPTS):
            now = self._clock()
            post = new_post(draft, self._ids.next(now), html, now)
            body = encode(post)
            change = Change(
                EventType.PUBLISHED,
                Subject.post(post.id),
                *(0, 1, body),
                order(post),
                post.external_id,
            )
            try:
                written = await self.write(feed, False, post, change, now, idempotency)
            except _CHANGED_MEANWHILE:
                continue
            if written.repeated:
                return await self.again(feed, written)
            return WriteOutcome(post.id, body, 1, written.cursor)
        raise PinMoved

    async def edit(
        self, feed: str, name: str, raw: bytes, expected: Expected, asked: Requester
    ) -> WriteOutcome:
        """Merge the patch in `raw` into a post.

        Raises StaleRevision if the post is at none of the `expected` revisions.
        """
        patch = read_object(raw)
        check_names(patch, _POST_NAMES)
        canonical = encode(patch, order="sorted")
        idempotency = idempotency_of(
            asked, "PATCH", f"/v1/feeds/{feed}/posts/{name}", canonical
        )
        if done := await recall(self._store, feed, idempotency):
            return await self.again(feed, done)
        for _ in range(WRITE_ATTEMPTS):
            body = await self._store.post(feed, name)
            post = STORED_POSTS.read(body)
            check_revision(expected, post.rev, body)
            held = editable_post(post)
            merged = merge(msgspec.to_builtins(held), patch)
            draft = check_draft(convert(merged, PostInput))
            if draft == held:
                return WriteOutcome(
                    name, body, post.rev, await self._store.confirm(feed)
                )
            html = post.html if draft.body == post.body else await render(draft.body)
            now = self._clock()
            after = edited(post, draft, html, now)
            change = _updated(post, body, after)
            try:
                written = await self.write(
                    feed, post.pinned, after, change, now, idempotency
                )
            except _CHANGED_MEANWHILE:
                continue
            if written.repeated:
                return await self.again(feed, written)
            return WriteOutcome(name, change.body, after.rev, written.cursor)
        raise PinMoved

    async def withdraw(
        self, feed: str, name: str, expected: Expected, asked: Requester
    ) -> Cursor | None:
        """Take a post back; its cursor, or None if it was gone already."""
        idempotency = idempotency_of(
            asked, "DELETE", f"/v1/feeds/{feed}/posts/{name}", b""
        )
        if done := await recall(self._store, feed, idempotency):
            return done.cursor
        for _ in range(WRITE_ATTEMPTS):
            try:
                body = await self._store.post(feed, name)
            except Gone:
                await self._store.confirm(feed)
                return None
            post = STORED_POSTS.read(body)
            check_revision(expected, post.rev, body)
            subject, rev = Subject.post(name), post.rev
            change = Change(EventType.WITHDRAWN, subject, rev, rev + 1, b"")
            before = name if post.pinned else ""
            write = Write(feed, (change,), self._clock(), before, "", idempotency)
            try:
                return (await self._store.write(write)).cursor
            except _CHANGED_MEANWHILE:
                continue
        raise PinMoved

    async def write(
        self,
        feed: str,
        was_pinned: bool,
        post: Post,
        change: Change,
        now: int,
        idempotency: Idempotency | None,
    ) -> Written:
        """Write one change to a post, and what it means for the pin."""
        if post.pinned == was_pinned:
            return await self._store.write(
                Write(feed, (change,), now, "", "", idempotency)
            )
        if was_pinned:
            return await self._store.write(
                Write(feed, (change,), now, post.id, "", idempotency)
            )
        former = (await self._store.feed(feed)).pinned
        changes: tuple[Change, ...] = (change,)
        if former not in ("", post.id):
            kept = await self._store.post(feed, former)
            pinned = STORED_POSTS.read(kept)
            changes = (_updated(pinned, kept, unpinned(pinned)), change)
        return await self._store.write(
            Write(feed, changes, now, former, post.id, idempotency)
        )

    async def again(self, feed: str, written: Written) -> WriteOutcome:
        """What a repeated command answers."""
        try:
            body = await self._store.post(feed, written.post)
        except Gone:
            return WriteOutcome(written.post, b"", 0, written.cursor, repeated=True)
        rev = STORED_POSTS.read(body).rev
        return WriteOutcome(written.post, body, rev, written.cursor, repeated=True)


def _updated(before: Post, kept: bytes, after: Post) -> Change:
    return Change(
        EventType.UPDATED,
        Subject.post(after.id),
        before.rev,
        after.rev,
        STORED_POSTS.written(after, kept),
        order(after),
        after.external_id,
    )


async def render(body: str) -> str:
    """The safe HTML of Markdown. Raises Invalid if it gets too long."""
    try:
        if len(body) <= LONG_MARKUP:
            return to_html(body)
        return await asyncio.to_thread(to_html, body)
    except TooMuchMarkup as wrong:
        raise Invalid("body", str(wrong)) from None
