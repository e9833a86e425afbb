"""The desk for feeds: make, change, delete."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from stoppress.desk.feed_input import (
    NewFeed,
    check_feed,
    editable_feed,
    edited_feed,
    new_feed,
)
from stoppress.desk.idempotency import Requester, idempotency_of
from stoppress.desk.json_input import convert, read, read_object
from stoppress.desk.merge_patch import merge
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
from stoppress.domain.errors import Conflict, Invalid, StaleRevision
from stoppress.domain.event import EventType, Subject
from stoppress.domain.feed import FeedImage, FeedInput, check_slug
from stoppress.domain.store_records import Change, Write, Written
from stoppress.domain.stored_json import STORED_FEEDS

_new_feed = msgspec.json.Decoder(NewFeed)

_FEED_NAMES = names_of(FeedInput, image=FeedImage)


class FeedDesk:
    """What an editor may do to feeds. Whether this editor may is asked before."""

    def __init__(self, store: Store, clock: Callable[[], int] = now_ms) -> None:
        self._store = store
        self._clock = clock

    async def make(self, given: NewFeed, asked: Requester) -> WriteOutcome:
        """Make a feed; `given` is what `read_new_feed` read."""
        draft, slug = check_feed(given), given.slug
        idempotency = idempotency_of(asked, "POST", "/v1/feeds", encode(given))
        now = self._clock()
        body = encode(new_feed(draft, slug, now))
        claimed = idempotency is not None and await self._store.claim(slug, idempotency)
        try:
            written = await self._store.make_feed(slug, body, now, idempotency)
        except Conflict:
            # What was refused is not remembered.
            if claimed and idempotency is not None:
                await self._store.release(idempotency)
            raise
        if written.repeated:
            return await self.again(slug, written)
        return WriteOutcome("", body, 1, written.cursor)

    async def edit(
        self, feed: str, raw: bytes, expected: Expected, asked: Requester
    ) -> WriteOutcome:
        """Merge the patch in `raw` into a feed."""
        patch = read_object(raw)
        idempotency = idempotency_of(
            asked, "PATCH", f"/v1/feeds/{feed}", encode(patch, order="sorted")
        )
        if patch.pop("slug", feed) != feed:
            raise Invalid("slug", "can't change; make another feed")
        check_names(patch, _FEED_NAMES)
        if done := await recall(self._store, feed, idempotency):
            return await self.again(feed, done)
        for _ in range(WRITE_ATTEMPTS):
            kept = await self._store.feed(feed)
            value = STORED_FEEDS.read(kept.body)
            check_revision(expected, value.rev, kept.body)
            held = editable_feed(value)
            merged = merge(msgspec.to_builtins(held), patch)
            draft = check_feed(convert(merged, FeedInput))
            if draft == held:
                cursor = await self._store.confirm(feed)
                return WriteOutcome("", kept.body, value.rev, cursor)
            now = self._clock()
            after = edited_feed(value, draft, now)
            body = STORED_FEEDS.written(after, kept.body)
            subject = Subject.feed(feed)
            change = Change(EventType.FEED, subject, value.rev, after.rev, body)
            try:
                written = await self._store.write(
                    Write(feed, (change,), now, "", "", idempotency)
                )
            except StaleRevision:
                continue
            if written.repeated:
                return await self.again(feed, written)
            return WriteOutcome("", body, after.rev, written.cursor)
        raise Conflict(f"the feed {feed!r} changes too fast just now; try again")

    async def drop(self, feed: str, expected: Expected, asked: Requester) -> None:
        """Delete a feed with all its posts."""
        idempotency = idempotency_of(asked, "DELETE", f"/v1/feeds/{feed}", b"")
        rev = None
        if expected is not None and not await recall(self._store, feed, idempotency):
            kept = await self._store.feed(feed)
            check_revision(expected, kept.rev, kept.body)
            rev = kept.rev
        await self._store.drop_feed(feed, rev, idempotency)

    async def again(self, feed: str, written: Written) -> WriteOutcome:
        """What a repeated command answers."""
        kept = await self._store.feed(feed)
        return WriteOutcome("", kept.body, kept.rev, written.cursor, repeated=True)


def read_new_feed(raw: bytes) -> NewFeed:
    """What an editor sent to create a feed, with a slug that is one."""
    given = read(raw, _new_feed)
    check_slug(given.slug)
    return given
