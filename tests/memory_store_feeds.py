"""Feeds and posts of the in-memory store: writes, reads, pages and revisions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stoppress.domain.cursor import Cursor
from stoppress.domain.desk_log_name import desk_log_of, feed_behind, is_desk_log
from stoppress.domain.errors import (
    ExternalIdTaken,
    Gone,
    IdempotencyKeyReused,
    Invalid,
    NotFound,
    PinMoved,
    SlugTaken,
    StaleRevision,
    TakenDown,
)
from stoppress.domain.store_requests_and_results import (
    PAGE_BYTES,
    Change,
    Idempotency,
    LogWindow,
    PageMark,
    PostHistory,
    PostPage,
    PostState,
    Revision,
    Snapshot,
    StoredFeed,
    Withdrawn,
    WithdrawnPage,
    Write,
    Written,
)
from stoppress.log.event_record import recorded_post
from tests.memory_store_core import MemoryFeed, MemoryStoreCore

MOST_REVISIONS = 50

_MARK = re.compile(r"ext\.(\d{1,19})", re.ASCII)


class MemoryFeeds(MemoryStoreCore):
    """The part of a MemoryStore for feeds and posts."""

    async def make_feed(
        self,
        feed: str,
        body: bytes,
        at: int,
        idempotency: Idempotency | None,
        rev: int = 1,
    ) -> Written:
        """Create a feed with a new epoch, at seq 0."""
        self._called("make_feed")
        done = self._recall(feed, idempotency, None)
        if done is not None:
            return done
        if feed in self.kept:
            raise SlugTaken(feed)
        self._epochs += 1
        made = MemoryFeed(feed, f"e{self._epochs}", body, at, rev)
        self.kept[feed] = made
        written = Written("", made.cursor)
        self._remember(feed, idempotency, "", written)
        return written

    async def claim(self, feed: str, idempotency: Idempotency) -> bool:
        """Let the key make this feed and no other; whether that is new."""
        self._called("claim")
        made = (idempotency.owner, idempotency.key)
        is_new = made not in self._claims
        if self._claims.setdefault(made, feed) != feed:
            raise IdempotencyKeyReused(idempotency.key)
        return is_new

    async def release(self, idempotency: Idempotency) -> None:
        """Let the key make any feed again."""
        self._called("release")
        self._claims.pop((idempotency.owner, idempotency.key), None)

    async def drop_feed(
        self, feed: str, expected: int | None, idempotency: Idempotency | None
    ) -> None:
        """Delete a feed with all its posts."""
        self._called("drop_feed")
        if self._recall(feed, idempotency, None) is not None:
            return
        kept = self._feed(feed)
        if expected is not None and expected != kept.rev:
            raise StaleRevision(expected, kept.rev, kept.body)
        self._remember(feed, idempotency, "", Written("", kept.cursor))
        del self.kept[feed]
        self.texts.pop(feed, None)
        self.hooks = {key: hook for key, hook in self.hooks.items() if key[0] != feed}
        self.letters = [one for one in self.letters if one[0] != feed]
        self.resending = {one for one in self.resending if one[0] != feed}
        for upstream in self.upstreams:
            upstream.ended(feed)
        if self.kept.pop(desk_log_of(feed), None) is not None:
            for upstream in self.upstreams:
                upstream.ended(desk_log_of(feed))

    async def write(self, write: Write) -> Written:
        """Make changes, in one step."""
        self._called("write")
        kept = self._feed(write.feed)
        done = self._recall(write.feed, write.idempotency, kept.born)
        if done is not None:
            return done
        for change in write.changes:
            self._check(kept, change)
        repins = write.pinned_before != write.pinned
        if repins and kept.pinned != write.pinned_before:
            raise PinMoved
        if repins:
            kept.pinned = write.pinned
        for change in write.changes:
            self._keep_revision(kept, change, write.about)
            self.append(write.feed, change, write.at)
        written = Written(recorded_post(write.changes[-1].subject), kept.cursor)
        self._remember(write.feed, write.idempotency, kept.born, written)
        return written

    def _keep_revision(self, kept: MemoryFeed, change: Change, about: bytes) -> None:
        post = change.subject.id
        if post in kept.posts:
            body = kept.posts[post][1]
            known = kept.abouts.get(post, b"")
            earlier = kept.revisions.setdefault(post, [])
            earlier.insert(0, Revision(kept.revs[post], known, body))
            del earlier[MOST_REVISIONS:]
        kept.abouts[post] = about

    async def recall(self, feed: str, idempotency: Idempotency) -> Written | None:
        """The write kept under this key, if there was one."""
        self._called("recall")
        kept = self.kept.get(feed)
        return self._recall(feed, idempotency, kept.born if kept else None)

    async def confirm(self, feed: str) -> Cursor:
        """Where the log of the feed ends."""
        self._called("confirm")
        return self._feed(feed).cursor

    async def feed(self, feed: str) -> StoredFeed:
        """The feed as it is now."""
        self._called("feed")
        kept = self._feed(feed)
        return StoredFeed(kept.body, kept.rev, kept.cursor, kept.pinned)

    async def feed_body(self, feed: str) -> bytes | None:
        """The feed's kept JSON alone, or None."""
        self._called("feed_body")
        kept = self.kept.get(feed)
        return None if kept is None else kept.body

    async def feeds(self) -> list[bytes]:
        """Every feed's kept JSON: newest made first, then by slug, last first."""
        self._called("feeds")
        feeds = [one for slug, one in self.kept.items() if not is_desk_log(slug)]
        kept = sorted(feeds, key=lambda one: (one.made_at, one.slug))
        return [one.body for one in reversed(kept)]

    async def last_events_at(self, feeds: Sequence[str]) -> list[int | None]:
        """When each feed's last event was."""
        self._called("last_events_at")
        logs = [self.kept[feed].events if feed in self.kept else [] for feed in feeds]
        return [log[-1].at if log else None for log in logs]

    async def post(self, feed: str, post: str) -> bytes:
        """The post's kept JSON."""
        self._called("post")
        kept = self._feed(feed)
        if post in kept.gone:
            raise Gone(feed, post, kept.gone[post])
        if post not in kept.posts:
            raise NotFound(feed, post)
        return kept.posts[post][1]

    async def revisions(self, feed: str, post: str) -> PostHistory:
        """The post's earlier states."""
        self._called("revisions")
        kept = self._feed(feed)
        if post not in kept.revs:
            raise NotFound(feed, post)
        state = PostState.WITHDRAWN if post in kept.gone else PostState.LIVE
        found = tuple(kept.revisions.get(post, ()))
        return PostHistory(kept.revs[post], state, found, True)

    async def external_post(self, feed: str, external_id: str) -> str | None:
        """The id of the post with this external id, withdrawn or not, or None."""
        self._called("external_post")
        return self._feed(feed).external.get(external_id)

    async def page(
        self, feed: str, mark: PageMark | None, limit: int, rising: bool = False
    ) -> PostPage:
        """Up to `limit` posts from `mark` on, newest first (rising: oldest first)."""
        self._called("page")
        return _page(self._feed(feed), mark, limit, rising)

    async def withdrawn(self, feed: str, after: str, limit: int) -> WithdrawnPage:
        """About `limit` withdrawn posts after a mark ("": the first)."""
        self._called("withdrawn")
        match = _MARK.fullmatch(after or "ext.0")
        if match is None or int(match[1]) >> 64:
            raise Invalid(
                "after", f"{after[:80]!r} is invalid: use the value of `next`"
            )
        kept, start = self._feed(feed), int(match[1])
        names = {post: external for external, post in kept.external.items()}
        found = [Withdrawn(p, rev, names.get(p)) for p, rev in kept.gone.items()]
        end = start + limit
        rest = f"ext.{end}" if len(found) > end else None
        return WithdrawnPage(tuple(found[start:end]), rest)

    async def snapshot(self, feed: str, limit: int) -> Snapshot:
        """The feed, its newest posts and the pinned one."""
        self._called("snapshot")
        kept = self._feed(feed)
        pinned = kept.posts.get(kept.pinned)
        page = _page(kept, None, limit)
        return Snapshot(kept.body, kept.cursor, page, pinned[1] if pinned else None)

    async def window(self, feed: str) -> LogWindow:
        """The feed's log."""
        self._called("window")
        return self._feed(feed).window()

    def _check(self, kept: MemoryFeed, change: Change) -> None:
        if change.type.shows_feed:
            if change.expected != kept.rev:
                raise StaleRevision(change.expected, kept.rev, kept.body)
            return
        if change.subject.id in kept.gone:
            rev = kept.gone[change.subject.id]
            if change.restores and change.expected == rev:
                return
            raise Gone(kept.slug, change.subject.id, rev)
        if change.subject.id in kept.posts:
            if change.restores or change.expected != kept.revs[change.subject.id]:
                body = kept.posts[change.subject.id][1]
                raise StaleRevision(change.expected, kept.revs[change.subject.id], body)
            self._check_base(kept, change)
            return
        if change.expected:
            raise NotFound(kept.slug, change.subject.id)
        self._check_base(kept, change)
        owner = kept.external.get(change.external_id or "")
        if change.external_id and owner is not None:
            current = kept.posts.get(owner)
            raise ExternalIdTaken(
                change.external_id, owner, current[1] if current else None
            )

    def _check_base(self, kept: MemoryFeed, change: Change) -> None:
        feed = feed_behind(kept.slug)
        if change.base and change.base in self.kept[feed].taken_down:
            raise TakenDown(feed, change.base, 0)


def _page(
    kept: MemoryFeed, mark: PageMark | None, limit: int, rising: bool = False
) -> PostPage:
    places = sorted(
        (PageMark(order, name) for name, (order, _) in kept.posts.items()),
        reverse=not rising,
    )
    if mark is not None:
        places = [one for one in places if (mark < one if rising else one < mark)]
    bodies: list[bytes] = []
    for one in places[:limit]:
        if sum(map(len, bodies)) >= PAGE_BYTES:
            break
        bodies.append(kept.posts[one.post][1])
    rest = len(places) > len(bodies)
    return PostPage(tuple(bodies), places[len(bodies) - 1] if rest else None)
