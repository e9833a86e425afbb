"""The editors' commands for posts: publish, edit, withdraw.

Every command validates the bytes an editor sent and makes one atomic write. Rules:
- A plain publish reads nothing first: it is one call of the store.
- A command that reads first (an edit, a pin) writes on condition that the state is
  unchanged; else it reads again, WRITE_ATTEMPTS times at most.
- A command repeated with its Idempotency-Key changes nothing: it returns the post as
  it is now and the cursor of the first write. It is never refused for later events,
  a withdrawal included: a 4xx would mean that the write was never published.
- A command without an Idempotency-Key that finds its change already made confirms it
  in the store before it returns: the outcome of the earlier write may be unknown.
- Long Markdown is rendered in a thread, so that readers do not wait for it.
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
"""Characters of Markdown above which a thread renders it: more than about 1 ms."""

_CHANGED_MEANWHILE = (PinMoved, StaleRevision, Gone)
"""Raised by the store if the post, or the pinned one, changed since it was read."""

_draft = msgspec.json.Decoder(PostInput)
_POST_NAMES = names_of(PostInput, source=Source, correction=CorrectionNote)


class PostDesk:
    """Publishes, edits and withdraws posts. The caller checks authorization before."""

    def __init__(self, store: Store, clock: Callable[[], int] = now_ms) -> None:
        self._store = store
        self._clock = clock
        self._ids = PostIds()

    async def publish(
        self, feed: str, raw: bytes, requester: Requester
    ) -> WriteOutcome:
        """Publish a post from the JSON in `raw`."""
        given = read(raw, _draft)
        idempotency = idempotency_of(
            requester, "POST", f"/v1/feeds/{feed}/posts", encode(given)
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
        self, feed: str, name: str, raw: bytes, expected: Expected, requester: Requester
    ) -> WriteOutcome:
        """Merge the patch in `raw` into a post.

        Raises StaleRevision if the post's revision is not in `expected`.
        """
        patch = read_object(raw)
        check_names(patch, _POST_NAMES)
        canonical = encode(patch, order="sorted")
        idempotency = idempotency_of(
            requester, "PATCH", f"/v1/feeds/{feed}/posts/{name}", canonical
        )
        if done := await recall(self._store, feed, idempotency):
            return await self.again(feed, done)
        for _ in range(WRITE_ATTEMPTS):
            body = await self._store.post(feed, name)
            post = STORED_POSTS.read(body)
            check_revision(expected, post.rev, body)
            current = editable_post(post)
            merged = merge(msgspec.to_builtins(current), patch)
            draft = check_draft(convert(merged, PostInput))
            if draft == current:
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
        self, feed: str, name: str, expected: Expected, requester: Requester
    ) -> Cursor | None:
        """Withdraw a post; its event's cursor, or None if it was withdrawn before."""
        idempotency = idempotency_of(
            requester, "DELETE", f"/v1/feeds/{feed}/posts/{name}", b""
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
        """Write one change to a post, and unpin the former pinned post if needed."""
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
        """The outcome of a repeated command: the post as it is now."""
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
    """Render Markdown to safe HTML. Raises Invalid if it has too much markup."""
    try:
        if len(body) <= LONG_MARKUP:
            return to_html(body)
        return await asyncio.to_thread(to_html, body)
    except TooMuchMarkup as wrong:
        raise Invalid("body", str(wrong)) from None
