"""Imports whole feeds and posts that another server exported.

A copy brings its own id, times and revision, which this server sets for other writes,
so imports are for admins only. Rules:
- A copy passes every check that a draft passes, and its HTML is rendered here: the
  copy's own HTML is not trusted.
- It is a change like any other: one script, one event, the same order and pin.
- The higher revision wins; a copy of an older one changes nothing. So a copy may be
  sent again, and an interrupted import be run again.
- The same revision with different contents has a different history: Conflict.
- A withdrawal is final: the post here is withdrawn, and no copy restores it.
- A takedown is final too: everything of the post is erased here, and it can't be
  restored.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from stoppress.desk.feed_from_and_to_input import (
    FeedCopy,
    check_feed,
    editable_feed,
    new_feed,
)
from stoppress.desk.feeds import FeedDesk
from stoppress.desk.input_normalization import canonical_time, time_or_none
from stoppress.desk.json_input import convert, read
from stoppress.desk.post_from_and_to_input import (
    PostCopy,
    check_draft,
    editable_post,
    new_post,
    order,
)
from stoppress.desk.post_ids_and_idempotency_keys import Requester, idempotency_of
from stoppress.desk.posts import PostDesk, render
from stoppress.desk.store_protocol import Store
from stoppress.desk.takedown import TakedownDesk
from stoppress.desk.write_outcome_and_checks import (
    WRITE_ATTEMPTS,
    WriteOutcome,
    about,
    encode,
)
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import (
    Conflict,
    Gone,
    Invalid,
    NotFound,
    PinMoved,
    SlugTaken,
    StaleRevision,
)
from stoppress.domain.event import EventType, Subject
from stoppress.domain.feed import Feed, FeedInput, check_slug
from stoppress.domain.keep_unknown_members import STORED_FEEDS, STORED_POSTS
from stoppress.domain.post import Correction, Name, Post, PostInput
from stoppress.domain.store_requests_and_results import (
    Change,
    Idempotency,
    PostState,
    Write,
)
from stoppress.domain.timestamps import parse_instant

MAX_REV = 1 << 52
"""The highest revision of a copy: JavaScript still represents the next ones exactly."""

_POST_ID = re.compile(r"[0-9a-hjkmnp-tv-z]{14}", re.ASCII)


class WithdrawnCopy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A withdrawn post in an export: no text, and whether it was taken down."""

    id: str
    rev: int
    external_id: Name | None = None
    taken_down: bool = False


_post_copy = msgspec.json.Decoder(PostCopy)
_feed_copy = msgspec.json.Decoder(FeedCopy)
_withdrawn_copy = msgspec.json.Decoder(WithdrawnCopy)


class ImportDesk:
    """Imports copies of feeds and posts. The caller checks authorization before."""

    def __init__(
        self,
        store: Store,
        feeds: FeedDesk,
        posts: PostDesk,
        takedowns: TakedownDesk,
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._feeds = feeds
        self._posts = posts
        self._takedowns = takedowns
        self._clock = clock

    async def put_feed(
        self, feed: str, raw: bytes, requester: Requester
    ) -> WriteOutcome:
        """Create the feed from the copy in `raw`, or update it to the copy."""
        copy = read(raw, _feed_copy)
        if check_slug(copy.slug) != feed:
            raise Invalid("slug", f"must be {feed!r}, as in the address")
        kept = _as_kept_feed(copy)
        body, made = encode(kept), parse_instant(kept.created_at)
        idempotency = idempotency_of(requester, "PUT", f"/v1/feeds/{feed}", body)
        for _ in range(WRITE_ATTEMPTS):
            try:
                written = await self._store.make_feed(
                    feed, body, made, idempotency, kept.rev
                )
            except SlugTaken:
                pass
            else:
                if written.repeated:
                    return await self._feeds.again(feed, written)
                return WriteOutcome("", body, kept.rev, written.cursor, created=True)
            try:
                return await self._update_feed(feed, kept, body, idempotency)
            except (NotFound, StaleRevision):
                continue
        raise Conflict(f"the feed {feed!r} changes too often now: try again")

    async def _update_feed(
        self, feed: str, copy: Feed, body: bytes, idempotency: Idempotency | None
    ) -> WriteOutcome:
        stored = await self._store.feed(feed)
        current = STORED_FEEDS.read(stored.body)
        if current.created_at != copy.created_at:
            raise Conflict(
                f"another feed has the slug {feed!r}: it was created at "
                f"{current.created_at}, this one at {copy.created_at}; use another slug"
            )
        if current.rev == copy.rev and current != copy:
            raise _parted("feed", feed, copy.rev)
        if current.rev >= copy.rev:
            cursor = await self._store.confirm(feed)
            return WriteOutcome("", stored.body, current.rev, cursor, repeated=True)
        body = STORED_FEEDS.written(copy, stored.body)
        change = Change(
            *(EventType.FEED, Subject.feed(feed), current.rev, copy.rev, body),
            before=stored.body,
        )
        now = self._clock()
        written = await self._store.write(
            Write(feed, (change,), now, "", "", idempotency)
        )
        if written.repeated:
            return await self._feeds.again(feed, written)
        return WriteOutcome("", body, copy.rev, written.cursor)

    async def put_post(
        self, feed: str, name: str, raw: bytes, requester: Requester
    ) -> WriteOutcome:
        """Create the post from the copy in `raw`, or update it to the copy.

        Raises Gone if it was withdrawn here.
        """
        copy = read(raw, _post_copy)
        _check_name(copy.id, name)
        kept = await _as_kept_post(copy)
        idempotency = idempotency_of(
            requester, "PUT", f"/v1/feeds/{feed}/posts/{name}", encode(kept)
        )
        current: Post | None = None
        body, former = encode(kept), b""
        for _ in range(WRITE_ATTEMPTS):
            change = Change(
                EventType.PUBLISHED if current is None else EventType.UPDATED,
                Subject.post(name),
                0 if current is None else current.rev,
                kept.rev,
                body,
                order(kept),
                kept.external_id,
                before=former,
            )
            was_pinned = current is not None and current.pinned
            now = self._clock()
            try:
                written = await self._posts.write(
                    *(feed, was_pinned, kept, change, now, idempotency),
                    about(now, requester),
                )
            except (PinMoved, StaleRevision):
                # The post exists, or another is pinned: read the current state.
                stored = await self._current(feed, name)
                current = None if stored is None else STORED_POSTS.read(stored)
                body = encode(kept)
                if stored is None or current is None:
                    continue
                if _is_older(kept, current):
                    at = await self._store.confirm(feed)
                    return WriteOutcome(name, stored, current.rev, at, repeated=True)
                body, former = STORED_POSTS.written(kept, stored), stored
                continue
            if written.repeated:
                return await self._posts.again(feed, written)
            return WriteOutcome(
                name, change.body, kept.rev, written.cursor, created=current is None
            )
        raise PinMoved

    async def put_withdrawn(
        self, feed: str, name: str, raw: bytes, requester: Requester
    ) -> Cursor | None:
        """Withdraw the post, or take it down, whether or not it exists here.

        None if it was withdrawn before. Its `external_id` stays taken, as on the server
        it was withdrawn from.
        """
        copy = read(raw, _withdrawn_copy)
        _check_name(copy.id, name)
        _check_rev(copy.rev)
        if copy.taken_down:
            return await self._put_taken_down(feed, copy, requester)
        return await self._put_withdrawn(feed, copy, requester)

    async def _put_taken_down(
        self, feed: str, copy: WithdrawnCopy, requester: Requester
    ) -> Cursor | None:
        """Erase everything of the post here; a post that was never here is recorded."""
        unkeyed = requester._replace(idempotency_key=None)
        try:
            history = await self._store.revisions(feed, copy.id)
        except NotFound as missing:
            if missing.post is None:
                raise
            cursor = await self._put_withdrawn(feed, copy, requester)
            await self._takedowns.record(feed, copy.id, unkeyed)
            return cursor
        if history.state is PostState.TAKEN_DOWN:
            await self._store.confirm(feed)
            return None
        return (await self._takedowns.take_down(feed, copy.id, b"", unkeyed)).cursor

    async def _put_withdrawn(
        self, feed: str, copy: WithdrawnCopy, requester: Requester
    ) -> Cursor | None:
        name = copy.id
        path = f"/v1/feeds/{feed}/posts/{name}/withdrawn"
        idempotency = idempotency_of(requester, "PUT", path, encode(copy))
        subject, external_id = Subject.post(name), copy.external_id
        change = Change(EventType.WITHDRAWN, subject, 0, copy.rev, b"", 0, external_id)
        now = self._clock()
        made = about(now, requester)
        write = Write(feed, (change,), now, "", "", idempotency, made)
        try:
            return (await self._store.write(write)).cursor
        except Gone:
            await self._store.confirm(feed)
            return None
        except StaleRevision:
            return await self._posts.withdraw(
                feed, name, None, requester._replace(idempotency_key=None)
            )

    async def _current(self, feed: str, name: str) -> bytes | None:
        try:
            return await self._store.post(feed, name)
        except NotFound as missing:
            if missing.post is None:
                raise
            return None


def _as_kept_feed(copy: FeedCopy) -> Feed:
    """The feed to store for a copy, with the checks of a draft."""
    _check_rev(copy.rev)
    given = msgspec.to_builtins(editable_feed(copy))
    draft = check_feed(convert(given, FeedInput), None)
    return msgspec.structs.replace(
        new_feed(draft, copy.slug, 0),
        rev=copy.rev,
        created_at=canonical_time(copy.created_at, "created_at"),
        updated_at=canonical_time(copy.updated_at, "updated_at"),
        closed_at=_closed_at(copy),
    )


def _closed_at(copy: FeedCopy) -> str | None:
    if copy.status != "closed":
        return None
    if copy.closed_at is None:
        raise Invalid("closed_at", "is missing: a closed feed needs it")
    return canonical_time(copy.closed_at, "closed_at")


async def _as_kept_post(copy: PostCopy) -> Post:
    """The post to store for a copy, with the checks of a draft."""
    _check_rev(copy.rev)
    given = msgspec.to_builtins(editable_post(copy))
    draft = check_draft(convert(given, PostInput))
    note = copy.correction
    return msgspec.structs.replace(
        new_post(draft, copy.id, await render(draft.body), 0),
        rev=copy.rev,
        updated_at=time_or_none(copy.updated_at, "updated_at"),
        correction=note
        and Correction(note.note, canonical_time(note.at, "correction.at")),
    )


def _is_older(copy: Post, current: Post) -> bool:
    """Whether `current` is at the copy's revision or a later one. Raises Conflict."""
    if current.external_id != copy.external_id:
        raise _parted("post", copy.id, copy.rev)
    # The HTML may differ: it may be rendered by another version.
    if (
        current.rev == copy.rev
        and msgspec.structs.replace(current, html=copy.html) != copy
    ):
        raise _parted("post", copy.id, copy.rev)
    return current.rev >= copy.rev


def _parted(kind: str, name: str, rev: int) -> Conflict:
    return Conflict(
        f"the {kind} {name!r} has different contents here at the same revision {rev}: "
        "it was changed on both servers; use another slug"
    )


def _check_name(name: str, expected: str) -> None:
    if name != expected:
        raise Invalid("id", f"must be {expected[:64]!r}, as in the address")
    if not _POST_ID.fullmatch(name):
        raise Invalid(
            "id",
            f"{name[:64]!r} is invalid: an id has 14 characters, as 01hx5k3v9q7w2e",
        )


def _check_rev(rev: int) -> None:
    if not 1 <= rev <= MAX_REV:
        raise Invalid("rev", f"must be a whole number from 1 to {MAX_REV}")
