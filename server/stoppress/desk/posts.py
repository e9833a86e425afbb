"""The editors' commands for posts: publish, edit, withdraw.

Every command validates the bytes an editor sent and makes one atomic write. Rules:
- A plain publish reads nothing first: it is one call of the store.
- A command that reads first (an edit, a pin) writes on condition that the state is
  unchanged; else it reads again, WRITE_ATTEMPTS times at most.
- A command repeated with its Idempotency-Key changes nothing: it returns the current
  post and the cursor of the first write. It is never refused for later events, a
  withdrawal included: a 4xx would mean that the write was never published.
- A command without an Idempotency-Key that finds its change already made confirms it
  in the store before it returns: the outcome of the earlier write may be unknown.
- Long Markdown is rendered in a thread, so that readers do not wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from stoppress.desk.json_input import convert, read, read_object
from stoppress.desk.markdown import TooMuchMarkup, to_html
from stoppress.desk.merge_patch import merge
from stoppress.desk.post_from_and_to_input import (
    check_draft,
    check_new_external_id,
    check_shown,
    editable_post,
    edited,
    new_post,
    order,
    unpinned,
)
from stoppress.desk.post_ids_and_idempotency_keys import (
    PostIds,
    Requester,
    idempotency_of,
)
from stoppress.desk.store_protocol import Store
from stoppress.desk.write_outcome_and_checks import (
    WRITE_ATTEMPTS,
    Expected,
    WriteOutcome,
    about,
    check_names,
    check_revision,
    encode,
    names_of,
    now_ms,
    recall,
)
from stoppress.domain.cursor import Cursor
from stoppress.domain.draft_errors import (
    SecondPersonNeeded,
)
from stoppress.domain.errors import (
    Gone,
    Invalid,
    PinMoved,
    StaleRevision,
)
from stoppress.domain.event import EventType, Subject
from stoppress.domain.keep_unknown_members import STORED_FEEDS, STORED_POSTS
from stoppress.domain.post import CorrectionNote, Post, PostInput, Source
from stoppress.domain.store_requests_and_results import (
    Change,
    Idempotency,
    Write,
    Written,
)

LONG_MARKUP = 4096
"""Characters of Markdown above which a thread renders it: more than about 1 ms."""

CHANGED_MEANWHILE = (PinMoved, StaleRevision, Gone)
"""Raised by the store if the post, or the pinned one, changed since it was read."""

_draft = msgspec.json.Decoder(PostInput)
POST_NAMES = names_of(PostInput, source=Source, correction=CorrectionNote)
"""The fields that an edit of a post may contain."""


class PostDesk:
    """Publishes, edits and withdraws posts. The caller checks authorization before."""

    def __init__(
        self, store: Store, clock: Callable[[], int] = now_ms, site: str = ""
    ) -> None:
        self._store = store
        self.site = site
        """The site's address, with which the addresses of its uploaded pictures begin.
        """
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
        draft = check_draft(given, site=self.site)
        html = await render(draft.body)
        for _ in range(WRITE_ATTEMPTS):
            try:
                return await self.create(feed, draft, html, idempotency, requester)
            except CHANGED_MEANWHILE:
                continue
        raise PinMoved

    async def create(
        self,
        feed: str,
        draft: PostInput,
        html: str,
        idempotency: Idempotency | None,
        requester: Requester,
    ) -> WriteOutcome:
        """Write a new post from a checked draft: one attempt of `publish`.

        Raises CHANGED_MEANWHILE, ExternalIdTaken, Invalid.
        """
        check_new_external_id(draft)
        check_shown(draft, html)
        if draft.breaking:
            await self._check_breaking(feed)
        now = self._clock()
        post = new_post(draft, self._ids.next(now), html, now)
        body = encode(post)
        change = Change(
            EventType.PUBLISHED,
            Subject.post(post.id),
            *(0, 1, body),
            now if draft.published_at is None else order(post),
            post.external_id,
        )
        made = about(now, requester)
        written = await self.write(feed, False, post, change, now, idempotency, made)
        if written.repeated:
            return await self.again(feed, written)
        return WriteOutcome(post.id, body, 1, written.cursor, created=True)

    async def edit(
        self, feed: str, name: str, raw: bytes, expected: Expected, requester: Requester
    ) -> WriteOutcome:
        """Merge the patch in `raw` into a post.

        Raises StaleRevision if the post's revision is not in `expected`.
        """
        patch = read_object(raw)
        check_names(patch, POST_NAMES)
        canonical = encode(patch, order="sorted")
        idempotency = idempotency_of(
            requester, "PATCH", f"/v1/feeds/{feed}/posts/{name}", canonical
        )
        if done := await recall(self._store, feed, idempotency):
            return await self.again(feed, done)
        for _ in range(WRITE_ATTEMPTS):
            body = await self._store.post(feed, name)
            check_revision(expected, STORED_POSTS.read(body).rev, body)
            try:
                return await self.merge(feed, body, patch, idempotency, requester)
            except CHANGED_MEANWHILE:
                continue
        raise PinMoved

    async def merge(
        self,
        feed: str,
        body: bytes,
        patch: Mapping[str, object],
        idempotency: Idempotency | None,
        requester: Requester,
    ) -> WriteOutcome:
        """Merge a patch into the post stored as `body`: one attempt of `edit`.

        Raises CHANGED_MEANWHILE.
        """
        post = STORED_POSTS.read(body)
        now = self._clock()
        after = await merged_post(post, patch, now, self.site)
        if after is None:
            cursor = await self._store.confirm(feed)
            return WriteOutcome(post.id, body, post.rev, cursor)
        if after.breaking and not post.breaking:
            await self._check_breaking(feed)
        change = updated_post(post, body, after)
        made = about(now, requester, _new_note(post, after))
        written = await self.write(
            feed, post.pinned, after, change, now, idempotency, made
        )
        if written.repeated:
            return await self.again(feed, written)
        return WriteOutcome(post.id, change.body, after.rev, written.cursor)

    async def withdraw(
        self, feed: str, name: str, expected: Expected, requester: Requester
    ) -> Cursor | None:
        """Withdraw a post; returns its event's cursor, None if already withdrawn."""
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
            change = Change(
                EventType.WITHDRAWN, subject, rev, rev + 1, b"", before=body
            )
            before = name if post.pinned else ""
            now = self._clock()
            made = about(now, requester)
            write = Write(feed, (change,), now, before, "", idempotency, made)
            try:
                return (await self._store.write(write)).cursor
            except CHANGED_MEANWHILE:
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
        made: bytes,
    ) -> Written:
        """Write one change to a post, and unpin the former pinned post if needed.

        `made` says in its `about` how it was made.
        """
        return await self._store.write(
            await self.prepared(feed, was_pinned, post, change, now, idempotency, made)
        )

    async def prepared(
        self,
        feed: str,
        was_pinned: bool,
        post: Post,
        change: Change,
        now: int,
        idempotency: Idempotency | None,
        made: bytes,
    ) -> Write:
        """The write of one change to a post, with the former pinned post if needed."""
        if post.pinned == was_pinned:
            return Write(feed, (change,), now, "", "", idempotency, made)
        if was_pinned:
            return Write(feed, (change,), now, post.id, "", idempotency, made)
        former = (await self._store.feed(feed)).pinned
        changes: tuple[Change, ...] = (change,)
        if former not in ("", post.id):
            kept = await self._store.post(feed, former)
            pinned = STORED_POSTS.read(kept)
            changes = (updated_post(pinned, kept, unpinned(pinned)), change)
        return Write(feed, changes, now, former, post.id, idempotency, made)

    async def _check_breaking(self, feed: str) -> None:
        """Raises SecondPersonNeeded if a breaking post needs a draft first."""
        kept = await self._store.feed_body(feed)
        if kept is not None and STORED_FEEDS.read(kept).breaking_needs_two:
            raise SecondPersonNeeded

    async def again(self, feed: str, written: Written) -> WriteOutcome:
        """The outcome of a repeated command: the current post."""
        try:
            body = await self._store.post(feed, written.post)
        except Gone:
            return WriteOutcome(written.post, b"", 0, written.cursor, repeated=True)
        rev = STORED_POSTS.read(body).rev
        return WriteOutcome(written.post, body, rev, written.cursor, repeated=True)


async def merged_post(
    post: Post, patch: Mapping[str, object], now_ms: int, site: str = ""
) -> Post | None:
    """The next revision of a post after a patch; None if it changes nothing."""
    current = editable_post(post)
    merged = merge(msgspec.to_builtins(current), patch)
    draft = check_draft(convert(merged, PostInput), current, site)
    if draft == current:
        return None
    html = post.html if draft.body == post.body else await render(draft.body)
    if _content_of(draft) != _content_of(current):
        check_shown(draft, html)
    return edited(post, draft, html, now_ms)


def updated_post(before: Post, kept: bytes, after: Post) -> Change:
    """The change from one revision of a post, stored as `kept`, to the next."""
    return Change(
        EventType.UPDATED,
        Subject.post(after.id),
        before.rev,
        after.rev,
        STORED_POSTS.written(after, kept),
        order(after),
        after.external_id,
        before=kept,
    )


def _content_of(post: PostInput) -> tuple[object, ...]:
    """What a post needs one of."""
    return post.headline, post.body, post.media


def _new_note(before: Post, after: Post) -> str | None:
    """The note of a correction, if it is new."""
    if after.correction is None or after.correction == before.correction:
        return None
    return after.correction.note


async def render(body: str) -> str:
    """Render Markdown to safe HTML. Raises Invalid if it has too much markup."""
    try:
        if len(body) <= LONG_MARKUP:
            return to_html(body)
        return await asyncio.to_thread(to_html, body)
    except TooMuchMarkup as wrong:
        raise Invalid("body", str(wrong)) from None
