"""The commands for posts that another system owns, by their id in that system.

Rules:
- A feed has one post per external id, however many PUTs arrive at once: the store
  refuses the second one, which is then merged into the first.
- A PUT merges (RFC 7396): an absent field keeps what the desk set, null clears it. A
  PUT that is sent again changes nothing, so null keeps a `published_at`, which every
  post has.
- A withdrawn post keeps its external id. A PUT on the revision of its withdrawal
  restores it, with its id, its `published_at` and the fields that the PUT does not
  change.
"""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

from stoppress.desk.history_and_restore_withdrawn import RevisionDesk
from stoppress.desk.json_input import check_characters, convert, read_object
from stoppress.desk.merge_patch import merge
from stoppress.desk.post_from_and_to_input import check_draft
from stoppress.desk.post_ids_and_idempotency_keys import Requester, idempotency_of
from stoppress.desk.posts import CHANGED_MEANWHILE, POST_NAMES, PostDesk, render
from stoppress.desk.store_protocol import Store
from stoppress.desk.write_outcome_and_checks import (
    WRITE_ATTEMPTS,
    Expected,
    WriteOutcome,
    check_names,
    check_revision,
    encode,
    recall,
)
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import (
    Conflict,
    ExternalIdTaken,
    Gone,
    Invalid,
    NotFound,
    TakenDown,
)
from stoppress.domain.keep_unknown_members import STORED_POSTS
from stoppress.domain.post import PostInput
from stoppress.domain.store_requests_and_results import PostState

MAX_EXTERNAL_ID = 200
"""Characters of an external id, as in a post (`domain.post.Name`)."""


class ExternalPostDesk:
    """Creates, edits and withdraws posts by external id.

    The caller checks authorization first.
    """

    def __init__(self, store: Store, posts: PostDesk, revisions: RevisionDesk) -> None:
        self._store = store
        self._posts = posts
        self._revisions = revisions
        # In one process, PUTs of one post wait for each other. Otherwise the last of
        # many concurrent ones would fail WRITE_ATTEMPTS times.
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = (
            WeakValueDictionary()
        )

    async def find(self, feed: str, external_id: str) -> str:
        """The id of the post, withdrawn or not. Raises NotFound, Invalid."""
        _check(external_id)
        post = await self._store.external_post(feed, external_id)
        if post is None:
            raise NotFound(feed, external_id)
        return post

    async def put(
        self,
        feed: str,
        external_id: str,
        raw: bytes,
        expected: Expected,
        requester: Requester,
        *,
        must_exist: bool = False,
    ) -> WriteOutcome:
        """Create the post from the JSON in `raw`, or merge that into it.

        Raises StaleRevision if the post's revision is not in `expected`, Gone if it is
        withdrawn at another one, NothingToRestore if its last state was not kept, and
        NotFound if `expected` requires a post and there is none.
        """
        _check(external_id)
        patch = _read(raw, external_id)
        idempotency = idempotency_of(
            requester,
            "PUT",
            f"/v1/feeds/{feed}/external/{external_id}",
            encode(patch, order="sorted"),
        )
        if done := await recall(self._store, feed, idempotency):
            return await self._posts.again(feed, done)
        turn = self._turns.setdefault((feed, external_id), asyncio.Lock())
        async with turn:
            for _ in range(WRITE_ATTEMPTS):
                post = await self._store.external_post(feed, external_id)
                if post is None and must_exist:
                    raise NotFound(feed, external_id)
                if post is None:
                    given = convert(merge({}, patch), PostInput)
                    draft = check_draft(given, site=self._posts.site)
                    html = await render(draft.body)
                    write = self._posts.create(
                        feed, draft, html, idempotency, requester
                    )
                elif (body := await self._live(feed, post, expected)) is None:
                    history = await self._revisions.history(feed, post)
                    if history.state is not PostState.WITHDRAWN:
                        continue
                    write = self._revisions.put_back(
                        feed, post, history, patch, idempotency, requester
                    )
                else:
                    write = self._posts.merge(feed, body, patch, idempotency, requester)
                try:
                    return await write
                except (*CHANGED_MEANWHILE, ExternalIdTaken):
                    continue
        raise Conflict(f"the post {external_id!r} changes too often now: try again")

    async def _live(self, feed: str, post: str, expected: Expected) -> bytes | None:
        """The post as it is stored; None if it is withdrawn, as expected.

        Raises StaleRevision, Gone.
        """
        try:
            body = await self._store.post(feed, post)
        except TakenDown:
            raise
        except Gone as gone:
            if expected is None or gone.rev not in expected:
                raise
            return None
        check_revision(expected, STORED_POSTS.read(body).rev, body)
        return body

    async def withdraw(
        self, feed: str, external_id: str, expected: Expected, requester: Requester
    ) -> Cursor | None:
        """Withdraw the post; returns its event's cursor, None if already withdrawn."""
        post = await self.find(feed, external_id)
        return await self._posts.withdraw(feed, post, expected, requester)


def _check(external_id: str) -> None:
    """Raises Invalid for an id that no post can have."""
    if not 0 < len(external_id) <= MAX_EXTERNAL_ID:
        raise Invalid(
            "external_id",
            f"has {len(external_id)} characters: use 1 to {MAX_EXTERNAL_ID}",
        )
    check_characters(external_id, "external_id")


def _read(raw: bytes, external_id: str) -> dict[str, object]:
    """The patch in `raw`, with the external id, without clearing required fields."""
    patch = read_object(raw)
    check_names(patch, POST_NAMES)
    if patch.get("external_id") not in (None, external_id):
        raise Invalid("external_id", f"must be {external_id!r}, as in the address")
    patch["external_id"] = external_id
    if patch.get("published_at") is None:
        patch.pop("published_at", None)
    return patch
