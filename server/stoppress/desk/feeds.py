"""The editors' commands for feeds: create, edit, delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from stoppress.desk.feed_from_and_to_input import (
    NewFeed,
    check_feed,
    editable_feed,
    edited_feed,
    new_feed,
)
from stoppress.desk.json_input import convert, read, read_object
from stoppress.desk.merge_patch import merge
from stoppress.desk.post_ids_and_idempotency_keys import Requester, idempotency_of
from stoppress.desk.store_protocol import Store
from stoppress.desk.write_outcome_and_checks import (
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
from stoppress.domain.errors import Conflict, Invalid, StaleRevision
from stoppress.domain.event import EventType, Subject
from stoppress.domain.feed import (
    FeedImage,
    FeedInput,
    check_slug,
    language_direction,
)
from stoppress.domain.keep_unknown_members import STORED_FEEDS
from stoppress.domain.store_requests_and_results import Change, Write, Written

F = TypeVar("F", bound=FeedInput)

_new_feed = msgspec.json.Decoder(NewFeed)

_FEED_NAMES = names_of(FeedInput, image=FeedImage)


class FeedDesk:
    """Creates, edits and deletes feeds. The caller checks authorization before."""

    def __init__(self, store: Store, clock: Callable[[], int] = now_ms) -> None:
        self._store = store
        self._clock = clock

    async def make(self, given: NewFeed, requester: Requester) -> WriteOutcome:
        """Create a feed from what `read_new_feed` returned."""
        draft, slug = check_feed(given), given.slug
        idempotency = idempotency_of(requester, "POST", "/v1/feeds", encode(given))
        now = self._clock()
        body = encode(new_feed(draft, slug, now))
        claimed = idempotency is not None and await self._store.claim(slug, idempotency)
        try:
            written = await self._store.make_feed(slug, body, now, idempotency)
        except Conflict:
            # A refused write does not use up its Idempotency-Key.
            if claimed and idempotency is not None:
                await self._store.release(idempotency)
            raise
        if written.repeated:
            return await self.again(slug, written)
        return WriteOutcome("", body, 1, written.cursor)

    async def edit(
        self, feed: str, raw: bytes, expected: Expected, requester: Requester
    ) -> WriteOutcome:
        """Merge the patch in `raw` into a feed."""
        patch = read_object(raw)
        idempotency = idempotency_of(
            requester, "PATCH", f"/v1/feeds/{feed}", encode(patch, order="sorted")
        )
        if patch.pop("slug", feed) != feed:
            raise Invalid("slug", "is fixed: create another feed to use another slug")
        check_names(patch, _FEED_NAMES)
        if done := await recall(self._store, feed, idempotency):
            return await self.again(feed, done)
        for _ in range(WRITE_ATTEMPTS):
            kept = await self._store.feed(feed)
            value = STORED_FEEDS.read(kept.body)
            check_revision(expected, value.rev, kept.body)
            current = editable_feed(value)
            merged = merge(msgspec.to_builtins(current), patch)
            draft = convert(merged, FeedInput)
            # A direction that an editor chose stays, until it is set to null.
            is_chosen = current != _as_written(current)
            if patch.get("direction", is_chosen or None) is None:
                draft = _as_written(draft)
            draft = check_feed(draft, current)
            if draft == current:
                cursor = await self._store.confirm(feed)
                return WriteOutcome("", kept.body, value.rev, cursor)
            now = self._clock()
            after = edited_feed(value, draft, now)
            body = STORED_FEEDS.written(after, kept.body)
            subject = Subject.feed(feed)
            change = Change(
                *(EventType.FEED, subject, value.rev, after.rev, body),
                before=kept.body,
            )
            try:
                written = await self._store.write(
                    Write(feed, (change,), now, "", "", idempotency)
                )
            except StaleRevision:
                continue
            if written.repeated:
                return await self.again(feed, written)
            return WriteOutcome("", body, after.rev, written.cursor)
        raise Conflict(f"the feed {feed!r} changes too often now: try again")

    async def drop(self, feed: str, expected: Expected, requester: Requester) -> None:
        """Delete a feed with all its posts."""
        idempotency = idempotency_of(requester, "DELETE", f"/v1/feeds/{feed}", b"")
        rev = None
        if expected is not None and not await recall(self._store, feed, idempotency):
            kept = await self._store.feed(feed)
            check_revision(expected, kept.rev, kept.body)
            rev = kept.rev
        await self._store.drop_feed(feed, rev, idempotency)

    async def again(self, feed: str, written: Written) -> WriteOutcome:
        """The outcome of a repeated command: the current feed."""
        kept = await self._store.feed(feed)
        return WriteOutcome("", kept.body, kept.rev, written.cursor, repeated=True)


def read_new_feed(raw: bytes) -> NewFeed:
    """Parse an editor's new feed and check its slug. Raises BrokenJson or Invalid."""
    given = read(raw, _new_feed)
    check_slug(given.slug)
    return given if "direction" in read_object(raw) else _as_written(given)


def _as_written(feed: F) -> F:
    """The feed in the direction of its language."""
    return replace(feed, direction=language_direction(feed.language))
