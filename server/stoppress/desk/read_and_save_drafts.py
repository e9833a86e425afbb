"""Reads, saves and deletes drafts in a feed's desk log, and finds published ones.

The base of the commands (`drafts.py`, `draft_publishing.py`); it checks no permissions.
"""

from __future__ import annotations

from collections.abc import Callable

from stoppress.desk import draft_permissions
from stoppress.desk.draft_store_protocol import DraftStore
from stoppress.desk.post_ids_and_idempotency_keys import (
    PostIds,
    Requester,
)
from stoppress.desk.posts import PostDesk
from stoppress.desk.write_outcome_and_checks import (
    WriteOutcome,
    about,
    encode,
)
from stoppress.domain.desk_log_name import desk_log_of
from stoppress.domain.draft import Draft
from stoppress.domain.draft_errors import (
    DraftGone,
    NoDraft,
)
from stoppress.domain.errors import (
    Gone,
    NotFound,
    StaleRevision,
)
from stoppress.domain.event import EventType, Subject
from stoppress.domain.keep_unknown_members import STORED_DRAFTS, STORED_FEEDS
from stoppress.domain.store_requests_and_results import (
    Change,
    Idempotency,
    Write,
    Written,
)
from stoppress.domain.timestamps import parse_instant


class DraftRecords:
    """The drafts in the store."""

    def __init__(
        self,
        store: DraftStore,
        posts: PostDesk,
        clock: Callable[[], int],
        max_drafts: int = 0,
    ) -> None:
        """`max_drafts` per feed; 0: no limit."""
        self._max_drafts = max_drafts
        self._store = store
        self._posts = posts
        self._clock = clock
        self._ids = PostIds()

    async def _check_two_people(self, feed: str, draft: Draft, publisher: str) -> None:
        if not draft.breaking:
            return
        settings = STORED_FEEDS.read((await self._store.feed(feed)).body)
        if settings.breaking_needs_two:
            draft_permissions.check_two_people(draft, publisher)

    async def _save(
        self,
        feed: str,
        before: Draft | None,
        kept: bytes,
        after: Draft,
        idempotency: Idempotency | None,
        requester: Requester,
    ) -> WriteOutcome:
        """One attempt. Raises CHANGED_MEANWHILE, TakenDown."""
        body = encode(after) if before is None else STORED_DRAFTS.written(after, kept)
        change = Change(
            EventType.DRAFT_CREATED if before is None else EventType.DRAFT_UPDATED,
            Subject.draft(after.id),
            0 if before is None else before.rev,
            after.rev,
            body,
            parse_instant(after.updated_at),
            before=kept,
            base="" if after.base is None else after.base.id,
        )
        now = self._clock()
        made = about(now, requester)
        write = Write(desk_log_of(feed), (change,), now, "", "", idempotency, made)
        written = await self._store.write(write)
        if written.repeated:
            return await self._again(feed, written)
        return WriteOutcome(
            after.id, body, after.rev, written.cursor, created=before is None
        )

    async def _removed(
        self,
        feed: str,
        draft: Draft,
        body: bytes,
        requester: Requester,
        idempotency: Idempotency | None = None,
    ) -> bool:
        """Delete an unchanged draft; returns False if it was changed meanwhile."""
        now = self._clock()
        change = removal(EventType.DRAFT_DELETED, draft, body)
        made = about(now, requester)
        write = Write(desk_log_of(feed), (change,), now, "", "", idempotency, made)
        try:
            await self._store.write(write)
        except Gone:
            return True
        except StaleRevision:
            return False
        return True

    async def _body(self, feed: str, name: str) -> bytes:
        """The stored JSON of a draft. Raises NoDraft, DraftGone."""
        try:
            return await self._store.post(desk_log_of(feed), name)
        except NotFound:
            raise NoDraft(feed, name) from None
        except Gone as gone:
            published = await self._published(feed, name)
            post = "" if published is None else published.post
            raise DraftGone(feed, name, gone.rev, post) from None

    async def _published(self, feed: str, name: str) -> Written | None:
        return await self._store.published_draft(desk_log_of(feed), name)

    async def _again(self, feed: str, written: Written) -> WriteOutcome:
        """The outcome of a repeated command: the current draft."""
        try:
            body = await self._body(feed, written.post)
        except DraftGone:
            return WriteOutcome(written.post, b"", 0, written.cursor, repeated=True)
        rev = STORED_DRAFTS.read(body).rev
        return WriteOutcome(written.post, body, rev, written.cursor, repeated=True)


def removal(kind: EventType, draft: Draft, body: bytes) -> Change:
    """The change that removes a draft from the desk log."""
    return Change(
        kind, Subject.draft(draft.id), draft.rev, draft.rev + 1, b"", before=body
    )
