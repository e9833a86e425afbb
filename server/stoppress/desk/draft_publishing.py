"""Publishes drafts: on request, or when they are due.

Rules:
- The post is written and the draft is removed from the desk log in one step; the post
  has the draft's id. Publishing a draft again returns the same post.
- A draft with a base changes that post, if the post still has the base's revision.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from stoppress.desk.post_from_and_to_input import edited, new_post, order
from stoppress.desk.post_ids_and_idempotency_keys import (
    Requester,
    idempotency_of,
)
from stoppress.desk.posts import CHANGED_MEANWHILE, render, updated_post
from stoppress.desk.read_and_save_drafts import DraftRecords, removal
from stoppress.desk.stored_draft_from_input_and_to_post import (
    due_ms,
    equal_revs,
    post_input,
    refused_draft,
)
from stoppress.desk.write_outcome_and_checks import (
    WRITE_ATTEMPTS,
    Expected,
    WriteOutcome,
    about,
    check_revision,
    encode,
    recall,
)
from stoppress.domain.draft import Draft
from stoppress.domain.draft_errors import (
    DraftGone,
    NoDraft,
)
from stoppress.domain.errors import (
    Conflict,
    Gone,
    StaleRevision,
    StopPressError,
    TakenDown,
    Unavailable,
)
from stoppress.domain.event import EventType, Subject
from stoppress.domain.keep_unknown_members import STORED_DRAFTS, STORED_POSTS
from stoppress.domain.post import Post
from stoppress.domain.store_requests_and_results import (
    Change,
    Idempotency,
)


class DraftPublishing(DraftRecords):
    """Publishes drafts. The caller checks the scope `publish` first."""

    async def publish(
        self,
        feed: str,
        name: str,
        expected: Expected,
        requester: Requester,
        *,
        due: int | None = None,
        at: int | None = None,
    ) -> WriteOutcome:
        """Publish a draft; if it was published before, return the current post.

        `due`: the publication is scheduled; the draft must still be scheduled for that
        time (else NoDraft), which becomes the post's time; `at` is the store's time
        now. Raises NoDraft, DraftGone, StaleRevision, SecondPersonNeeded.
        """
        path = f"/v1/feeds/{feed}/drafts/{name}/publish"
        idempotency = idempotency_of(requester, "POST", path, b"")
        await self._store.open_desk_log(feed)
        if done := await recall(self._store, feed, idempotency):
            return await self._posts.again(feed, done)
        for _ in range(WRITE_ATTEMPTS):
            try:
                body = await self._body(feed, name)
            except DraftGone as gone:
                published = await self._published(feed, name)
                if published is None:
                    raise gone
                return await self._posts.again(feed, published)
            draft = STORED_DRAFTS.read(body)
            check_revision(expected, draft.rev, body, equal_revs(draft))
            if due is not None and due_ms(draft) != due:
                raise NoDraft(feed, name)
            try:
                return await self._publish(
                    feed, draft, body, idempotency, requester, due, at
                )
            except CHANGED_MEANWHILE as changed:
                _check_base(draft, changed)
        raise Conflict(f"the draft {name!r} changes too often now: try again")

    async def publish_due(
        self, feed: str, name: str, due: int, at: int, begin: Callable[[str], None]
    ) -> bool:
        """Publish a draft that is due at the store's time `at`; returns whether it is
        out.

        If it can't be published, it is set to approved, with the reason. Raises
        DraftGone, NoDraft if it is not scheduled for that time, and CHANGED_MEANWHILE.
        """
        body = await self._body(feed, name)
        draft = STORED_DRAFTS.read(body)
        if due_ms(draft) != due:
            raise NoDraft(feed, name)
        who = (draft.approved_by or draft.edited_by).id
        begin(who)
        requester = Requester(who)
        try:
            try:
                await self._publish(feed, draft, body, None, requester, due, at)
            except CHANGED_MEANWHILE as changed:
                _check_base(draft, changed)
                await self.publish(feed, name, None, requester, due=due, at=at)
        except (Unavailable, NoDraft, DraftGone):
            raise
        except StopPressError as problem:
            after = refused_draft(draft, str(problem), at)
            try:
                await self._save(feed, draft, body, after, None, requester)
            except TakenDown:
                # The takedown deletes it; an earlier release may have left it.
                await self._removed(feed, draft, body, requester)
            return False
        return True

    async def _publish(
        self,
        feed: str,
        draft: Draft,
        body: bytes,
        idempotency: Idempotency | None,
        requester: Requester,
        due: int | None,
        at: int | None,
    ) -> WriteOutcome:
        """One attempt. Raises CHANGED_MEANWHILE, ExternalIdTaken."""
        words = post_input(draft)
        html = await render(words.body)
        now = self._clock() if due is None else due
        await self._check_two_people(feed, draft, requester.owner)
        if draft.base is None:
            post = new_post(words, draft.id, html, now)
            was_pinned = False
            change = Change(
                EventType.PUBLISHED,
                Subject.post(post.id),
                *(0, 1, encode(post)),
                order(post),
                post.external_id,
            )
        else:
            kept = await self._store.post(feed, draft.base.id)
            before = STORED_POSTS.read(kept)
            if before.rev != draft.base.rev:
                raise StaleRevision(draft.base.rev, before.rev, kept)
            words = msgspec.structs.replace(
                words,
                external_id=before.external_id,
                published_at=words.published_at or before.published_at,
            )
            post, was_pinned = edited(before, words, html, now), before.pinned
            change = updated_post(before, kept, post)
        made = about(now, requester)
        write = await self._posts.prepared(
            feed, was_pinned, post, change, at or now, idempotency, made
        )
        leaves = removal(EventType.DRAFT_PUBLISHED, draft, body)
        written = await self._store.publish_draft(write, leaves)
        if written.repeated:
            return await self._posts.again(feed, written)
        return WriteOutcome(
            post.id, change.body, post.rev, written.cursor, created=draft.base is None
        )


def _check_base(draft: Draft, changed: Exception) -> None:
    """Raise the base's errors that a new attempt can't change."""
    base = draft.base
    if base is None:
        return
    if isinstance(changed, Gone) and changed.post == base.id:
        raise changed
    if isinstance(changed, StaleRevision) and _is_post(changed.current, base.id):
        raise changed


def _is_post(body: bytes, name: str) -> bool:
    post: Post = STORED_POSTS.read(body)
    return post.id == name
