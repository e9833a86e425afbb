"""The commands for drafts: save, comment, delete. Its base class publishes them.

Drafts are stored in the feed's desk log (`domain.desk_log_name`), as posts are in the
feed's log. Rules:
- No change overwrites an unseen one: each names the revision it replaces. A comment
  is no such change: a save is not refused because somebody commented meanwhile.
- The time of a scheduled draft is compared with the store's clock. The index of
  scheduled drafts is written before the draft.
- A feed has at most `max_drafts`; concurrent saves may exceed it by a few.
- No draft changes a post that was taken down: the store checks it in the step of the
  write. A post that was only withdrawn may come back, and its drafts stay.
- A command repeated with its Idempotency-Key changes nothing, as for posts.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from stoppress.desk import draft_permissions
from stoppress.desk.caller import Caller
from stoppress.desk.draft_publishing import DraftPublishing
from stoppress.desk.json_input import read
from stoppress.desk.post_ids_and_idempotency_keys import (
    Requester,
    idempotency_of,
)
from stoppress.desk.posts import CHANGED_MEANWHILE
from stoppress.desk.stored_draft_from_input_and_to_post import (
    check_draft_input,
    commented_draft,
    due_ms,
    edited_draft,
    equal_revs,
    new_draft,
    person_behind,
    same_input,
    uncommented_draft,
)
from stoppress.desk.write_outcome_and_checks import (
    WRITE_ATTEMPTS,
    Expected,
    WriteOutcome,
    check_revision,
    encode,
    recall,
)
from stoppress.domain.desk_log_name import desk_log_of
from stoppress.domain.draft import CommentInput, Draft, DraftInput
from stoppress.domain.draft_errors import (
    DraftGone,
    TooManyDrafts,
)
from stoppress.domain.errors import (
    Conflict,
    Gone,
    Invalid,
    StaleRevision,
    TakenDown,
)
from stoppress.domain.keep_unknown_members import STORED_DRAFTS
from stoppress.domain.store_requests_and_results import (
    Idempotency,
    PageMark,
)

PAGE_DRAFTS = 100
"""Drafts per read of the store."""

_input = msgspec.json.Decoder(DraftInput)
_comment = msgspec.json.Decoder(CommentInput)


class DraftDesk(DraftPublishing):
    """Saves and publishes drafts. The caller checks the scope `draft` first."""

    async def open(self, feed: str) -> None:
        """Create the feed's desk log if it has none. Raises NotFound."""
        await self._store.open_desk_log(feed)

    async def create(
        self, feed: str, raw: bytes, caller: Caller, requester: Requester
    ) -> WriteOutcome:
        """Save a new draft from the JSON in `raw`. Raises TakenDown, TooManyDrafts."""
        given = read(raw, _input)
        path = f"/v1/feeds/{feed}/drafts"
        idempotency = idempotency_of(requester, "POST", path, encode(given))
        given = check_draft_input(given, site=self._posts.site)
        draft_permissions.check_may_change(caller, feed, None, given)
        await self._store.open_desk_log(feed)
        log = desk_log_of(feed)
        if done := await recall(self._store, log, idempotency):
            return await self._again(feed, done)
        await self._check_number(feed)
        for _ in range(WRITE_ATTEMPTS):
            now = self._clock()
            draft = new_draft(given, self._ids.next(now), person_behind(caller), now)
            await self._check_and_schedule(feed, draft, requester)
            try:
                return await self._save(feed, None, b"", draft, idempotency, requester)
            except StaleRevision:
                continue  # two processes made the same id
        raise Conflict("the draft could not be saved: try again")

    async def read(self, feed: str, name: str, caller: Caller) -> tuple[bytes, Draft]:
        """A draft as it is stored. Raises NoDraft, DraftGone."""
        await self._store.open_desk_log(feed)
        body = await self._body(feed, name)
        draft = STORED_DRAFTS.read(body)
        draft_permissions.check_may_see(caller, feed, draft)
        return body, draft

    async def put(
        self,
        feed: str,
        name: str,
        raw: bytes,
        expected: Expected,
        caller: Caller,
        requester: Requester,
    ) -> WriteOutcome:
        """Replace a draft.

        Raises NoDraft, DraftGone, StaleRevision, TakenDown, OnlyForEditors.
        """
        given = read(raw, _input)
        path = f"/v1/feeds/{feed}/drafts/{name}"
        idempotency = idempotency_of(requester, "PUT", path, encode(given))

        def change(before: Draft) -> Draft | None:
            checked = check_draft_input(given, before, self._posts.site)
            draft_permissions.check_may_change(caller, feed, before, checked)
            if same_input(before, checked):
                return None
            return edited_draft(before, checked, person_behind(caller), self._clock())

        return await self._change(
            feed, name, change, expected, caller, idempotency, requester
        )

    async def comment(
        self, feed: str, name: str, raw: bytes, caller: Caller, requester: Requester
    ) -> WriteOutcome:
        """Add a comment to a draft. Raises NoDraft, DraftGone."""
        given = read(raw, _comment)
        if not given.text.strip():
            raise Invalid("text", "is blank: send some text")
        path = f"/v1/feeds/{feed}/drafts/{name}/comments"
        idempotency = idempotency_of(requester, "POST", path, encode(given))

        def change(before: Draft) -> Draft:
            now = self._clock()
            by = person_behind(caller)
            return commented_draft(before, given.text, self._ids.next(now), by, now)

        return await self._change(
            feed, name, change, None, caller, idempotency, requester
        )

    async def remove_comment(
        self, feed: str, name: str, comment: str, caller: Caller, requester: Requester
    ) -> WriteOutcome:
        """Remove a comment: its author or an editor may.

        Raises NoDraft, DraftGone, NoComment, OnlyForEditors.
        """

        def change(before: Draft) -> Draft:
            draft_permissions.check_may_remove(caller, feed, before, comment)
            return uncommented_draft(before, comment, self._clock())

        path = f"/v1/feeds/{feed}/drafts/{name}/comments/{comment}"
        idempotency = idempotency_of(requester, "DELETE", path, b"")
        return await self._change(
            feed, name, change, None, caller, idempotency, requester
        )

    async def delete(
        self,
        feed: str,
        name: str,
        expected: Expected,
        caller: Caller,
        requester: Requester,
    ) -> None:
        """Delete a draft; deleting it again changes nothing.

        Raises NoDraft; DraftGone if it was published.
        """
        path = f"/v1/feeds/{feed}/drafts/{name}"
        idempotency = idempotency_of(requester, "DELETE", path, b"")
        await self._store.open_desk_log(feed)
        if await recall(self._store, desk_log_of(feed), idempotency):
            return
        for _ in range(WRITE_ATTEMPTS):
            try:
                body = await self._body(feed, name)
            except DraftGone as gone:
                if gone.published:
                    raise
                return
            draft = STORED_DRAFTS.read(body)
            draft_permissions.check_may_change(caller, feed, draft, None)
            check_revision(expected, draft.rev, body, equal_revs(draft))
            if await self._removed(feed, draft, body, requester, idempotency):
                return
        raise Conflict(f"the draft {name!r} changes too often now: try again")

    async def delete_changes_of(
        self, feed: str, post: str, requester: Requester
    ) -> None:
        """Delete every draft that would change the post: they contain its text."""
        log = desk_log_of(feed)
        await self._store.open_desk_log(feed)
        mark: PageMark | None = None
        while True:
            page = await self._store.page(log, mark, PAGE_DRAFTS)
            for body in page.posts:
                draft = STORED_DRAFTS.read(body)
                while draft.base is not None and draft.base.id == post:
                    if await self._removed(feed, draft, body, requester):
                        break
                    try:
                        body = await self._store.post(log, draft.id)
                    except Gone:
                        break
                    draft = STORED_DRAFTS.read(body)
            mark = page.next
            if mark is None:
                return

    async def _check_number(self, feed: str) -> None:
        most = self._max_drafts
        if most and await self._store.count_drafts(feed) >= most:
            raise TooManyDrafts(most)

    async def _change(
        self,
        feed: str,
        name: str,
        change: Callable[[Draft], Draft | None],
        expected: Expected,
        caller: Caller,
        idempotency: Idempotency | None,
        requester: Requester,
    ) -> WriteOutcome:
        log = desk_log_of(feed)
        await self._store.open_desk_log(feed)
        if done := await recall(self._store, log, idempotency):
            return await self._again(feed, done)
        for _ in range(WRITE_ATTEMPTS):
            body = await self._body(feed, name)
            before = STORED_DRAFTS.read(body)
            draft_permissions.check_may_see(caller, feed, before)
            check_revision(expected, before.rev, body, equal_revs(before))
            after = change(before)
            if after is None:
                cursor = await self._store.confirm(log)
                return WriteOutcome(name, body, before.rev, cursor)
            await self._check_and_schedule(feed, after, requester, before)
            try:
                return await self._save(
                    feed, before, body, after, idempotency, requester
                )
            except TakenDown:
                raise
            except CHANGED_MEANWHILE:
                continue
        raise Conflict(f"the draft {name!r} changes too often now: try again")

    async def _check_and_schedule(
        self, feed: str, draft: Draft, requester: Requester, before: Draft | None = None
    ) -> None:
        """Add a newly scheduled draft to the index. Raises Invalid."""
        due = due_ms(draft)
        if due is None:
            return
        await self._check_two_people(feed, draft, requester.owner)
        if before is not None and due_ms(before) == due:
            return
        now = (await self._store.due_drafts(0)).now_ms
        if due <= now:
            raise Invalid("publish_at", "is in the past: use a future time")
        await self._store.schedule(feed, draft.id, due)
