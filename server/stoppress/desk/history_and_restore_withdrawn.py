"""The earlier states of posts, and restoring a withdrawn post.

Rules:
- In the step of a write the store keeps the state that it replaces, and when, by whom
  and why that state was made. Only the desk shows these; readers never get them.
- A withdrawn post is restored with its last content, its id and its `published_at`,
  unpinned, as a new revision and another `post.published`.
- Restoring a live post changes nothing. A post whose last state was not kept, or that
  was taken down, can't be restored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from stoppress.desk.post_from_and_to_input import order
from stoppress.desk.post_ids_and_idempotency_keys import Requester, idempotency_of
from stoppress.desk.posts import CHANGED_MEANWHILE, PostDesk, merged_post
from stoppress.desk.store_protocol import Store
from stoppress.desk.write_outcome_and_checks import (
    WRITE_ATTEMPTS,
    WriteOutcome,
    about,
    recall,
)
from stoppress.domain.errors import (
    Conflict,
    Gone,
    NothingToRestore,
    TakenDown,
)
from stoppress.domain.event import EventType, Subject
from stoppress.domain.keep_unknown_members import STORED_POSTS
from stoppress.domain.store_requests_and_results import (
    Change,
    Idempotency,
    PostHistory,
    PostState,
)


class RevisionDesk:
    """Lists revisions and restores posts. The caller checks authorization before."""

    def __init__(self, store: Store, posts: PostDesk, clock: Callable[[], int]) -> None:
        self._store = store
        self._posts = posts
        self._clock = clock

    async def history(self, feed: str, name: str) -> PostHistory:
        """The post's earlier states. Raises NotFound, TakenDown."""
        history = await self._store.revisions(feed, name)
        if history.state is PostState.TAKEN_DOWN:
            raise TakenDown(feed, name, history.rev)
        return history

    async def restore(self, feed: str, name: str, requester: Requester) -> WriteOutcome:
        """Publish a withdrawn post again, with its last content.

        Raises NotFound, TakenDown, NothingToRestore.
        """
        idempotency = idempotency_of(
            requester, "POST", f"/v1/feeds/{feed}/posts/{name}/restore", b""
        )
        if done := await recall(self._store, feed, idempotency):
            return await self._posts.again(feed, done)
        for _ in range(WRITE_ATTEMPTS):
            history = await self.history(feed, name)
            if history.state is PostState.LIVE:
                try:
                    body = await self._store.post(feed, name)
                except Gone:
                    continue
                rev = STORED_POSTS.read(body).rev
                cursor = await self._store.confirm(feed)
                return WriteOutcome(name, body, rev, cursor, repeated=True)
            try:
                return await self.put_back(
                    feed, name, history, {}, idempotency, requester
                )
            except TakenDown:
                raise
            except CHANGED_MEANWHILE:
                continue
        raise Conflict(f"the post {name!r} changes too often now: try again")

    async def put_back(
        self,
        feed: str,
        name: str,
        history: PostHistory,
        patch: Mapping[str, object],
        idempotency: Idempotency | None,
        requester: Requester,
    ) -> WriteOutcome:
        """Restore a withdrawn post with a patch merged into it: one attempt.

        Raises NothingToRestore, CHANGED_MEANWHILE.
        """
        if history.last is None:
            raise NothingToRestore(name)
        kept, rev, now = history.last.body, history.rev + 1, self._clock()
        # Another post may be pinned meanwhile.
        before = msgspec.structs.replace(STORED_POSTS.read(kept), pinned=False)
        post = await merged_post(before, patch, now, self._posts.site) or before
        post = msgspec.structs.replace(post, rev=rev)
        change = Change(
            EventType.PUBLISHED,
            Subject.post(name),
            history.rev,
            rev,
            STORED_POSTS.written(post, kept),
            order(post),
            restores=True,
        )
        made = about(now, requester)
        written = await self._posts.write(
            feed, False, post, change, now, idempotency, made
        )
        if written.repeated:
            return await self._posts.again(feed, written)
        return WriteOutcome(name, change.body, rev, written.cursor)
