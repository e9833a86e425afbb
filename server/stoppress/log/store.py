"""The store in Redis: for the desk (`desk.store_protocol`), and for followers.

Each method is one round trip, except lists and windows, which are read in pieces so
that no answer blocks Redis for long. Every error of Redis is Unavailable, or Damaged if
the keys of one feed cause it; for other errors see `desk.store_protocol`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from stoppress.domain.cursor import Cursor
from stoppress.domain.desk_log_name import feed_behind, is_desk_log
from stoppress.domain.errors import (
    Damaged,
    Gone,
    IdempotencyKeyReused,
    Invalid,
    NotFound,
    NotPermitted,
    Unavailable,
)
from stoppress.domain.store_requests_and_results import (
    Idempotency,
    LogWindow,
    PageMark,
    PostHistory,
    PostPage,
    Snapshot,
    StoredFeed,
    WithdrawnPage,
    Write,
    Written,
)
from stoppress.log import feed_read_scripts as reads
from stoppress.log import feed_write_scripts as writes
from stoppress.log import post_list_and_revision_scripts as post_scripts
from stoppress.log.audit_log import feed_entry
from stoppress.log.desk_log_schedule_and_presence_store import RedisDeskLogs, readable
from stoppress.log.feed_read_scripts import (
    LogPiece,
    MarkedWindow,
)
from stoppress.log.last_change_times import last_events_at
from stoppress.log.log_metrics import StoreMetrics
from stoppress.log.redis_commands_scripts_and_durability import RedisCommands, new_epoch
from stoppress.log.redis_keys import FEEDS, feed_keys, making_key
from stoppress.log.shard_pools import Shards, each, write_at
from stoppress.settings import Settings

BATCH = 500
"""Feeds read in one round trip: about 10 ms of Redis."""
PIECE_EVENTS = 512
PIECE_BYTES = 1 << 20
"""A piece of a log read in one step: about 2 ms of Redis."""
_MARK = re.compile(r"(ext|posts)\.(\d{1,19})", re.ASCII)
PAGE_ATTEMPTS = 5
"""How often the read of a window is restarted because the epoch has changed."""


T = TypeVar("T")


class RedisStore(RedisDeskLogs):
    """Feeds and posts in Redis (`desk.store_protocol`), with tokens and ticket keys."""

    def __init__(
        self,
        shards: Shards,
        settings: Settings,
        metrics: StoreMetrics | None = None,
    ) -> None:
        super().__init__(shards, settings, metrics or StoreMetrics())
        self._ring_events = settings.ring_events
        self._ring_bytes = settings.ring_bytes

    # Feeds and posts

    async def make_feed(
        self,
        feed: str,
        body: bytes,
        at: int,
        idempotency: Idempotency | None,
        rev: int = 1,
    ) -> Written:
        """Create a feed with a new epoch, at seq 0.

        Raises SlugTaken, IdempotencyKeyReused.
        """
        born = new_epoch()
        member = f"{feed} {born}"
        # The index first, so that it lacks no feed; its entries are checked when read.
        # On another shard than the feed, its durability is confirmed separately.
        meta = feed_keys(feed).meta

        async def list_it(redis: RedisCommands) -> None:
            is_near = self._shards.of(FEEDS) is self._shards.of(meta)
            say = RedisCommands.one if is_near else RedisCommands.write_one
            await say(redis, "ZADD", FEEDS, at, member)

        await self._at(FEEDS, list_it)
        try:
            written = await self._feed(
                feed,
                lambda redis: writes.make(
                    *(redis, feed, born, body, idempotency),
                    ttl_s=self._ttl_s,
                    rev=rev,
                    audit=self.audit.args(feed_entry("feed.created", feed, body)),
                ),
            )
        except NotPermitted:
            with suppress(Unavailable):
                await self._unlist(member)
            raise
        except Unavailable:
            raise
        except Exception:
            await self._unlist(member)
            raise
        if written.repeated:
            await self._unlist(member)
        return written

    async def claim(self, feed: str, idempotency: Idempotency) -> bool:
        """Bind the Idempotency-Key to this feed; returns whether that is new.

        Raises IdempotencyKeyReused if the key was used for another feed.
        """
        name = making_key(idempotency)
        was = await self._at(
            name,
            lambda redis: redis.one("SET", name, feed, "NX", "EX", self._ttl_s, "GET"),
        )
        if was not in (None, feed.encode()):
            raise IdempotencyKeyReused(idempotency.key)
        return was is None

    async def release(self, idempotency: Idempotency) -> None:
        """Release the Idempotency-Key: it may be used for any feed again."""
        name = making_key(idempotency)
        await self._at(name, lambda redis: redis.one("DEL", name))

    async def drop_feed(
        self, feed: str, expected: int | None, idempotency: Idempotency | None
    ) -> None:
        """Delete a feed with all its posts; its readers are disconnected.

        Raises NotFound, StaleRevision, IdempotencyKeyReused.
        """
        await self.audit.outlives(feed)
        audit = self.audit.args(feed_entry("feed.deleted", feed, b""))
        born = await self._feed(
            feed,
            lambda redis: writes.drop(
                *(redis, feed, expected, idempotency), ttl_s=self._ttl_s, audit=audit
            ),
        )
        if born is not None:
            await self._unlist(f"{feed} {born}")

    async def write(self, write: Write) -> Written:
        """Make changes, in one step.

        Raises NotFound, Gone, StaleRevision, ExternalIdTaken, IdempotencyKeyReused,
        PinMoved.
        """
        kept_for = self._kept(write)
        with readable(write.feed):
            answer = await write_at(
                self._shards,
                feed_keys(write.feed).meta,
                writes.FeedWrite(write, kept_for),
            )
            return self._counted(writes.write_answer(answer, write))

    async def recall(self, feed: str, idempotency: Idempotency) -> Written | None:
        """The write with this key, or None. Raises IdempotencyKeyReused."""
        return await self._feed(
            feed,
            lambda redis: writes.recall(redis, feed, idempotency),
        )

    async def confirm(self, feed: str) -> Cursor:
        """Wait until the configured durability holds for all that the feed contains.

        Returns the head of its log. Raises NotFound.
        """
        return await self._feed(feed, lambda redis: writes.confirm(redis, feed))

    async def feed(self, feed: str) -> StoredFeed:
        """The feed's current state. Raises NotFound."""
        return await self._feed(feed, lambda redis: reads.feed_now(redis, feed))

    async def feed_body(self, feed: str) -> bytes | None:
        """The feed's stored JSON, or None: one read, whether it exists or not."""
        meta = feed_keys(feed).meta
        return await self._feed(feed, lambda redis: redis.one("HGET", meta, "feed"))

    async def feeds(self) -> list[bytes]:
        """The stored JSON of every feed of any visibility: newest first, then by slug,
        descending.
        """
        members = await self._at(
            FEEDS, lambda redis: redis.one("ZREVRANGE", FEEDS, 0, -1)
        )
        named = [member.decode().split(" ") for member in members]
        found = await self._each([feed for feed, _ in named], reads.born_and_body)
        return [
            body
            for (_, born), (is_born, body) in zip(named, found, strict=True)
            # Left behind by a call that was interrupted.
            if is_born is not None and is_born.decode() == born
        ]

    async def last_events_at(self, feeds: Sequence[str]) -> list[int | None]:
        """The time of each feed's last event, in ms since 1970; None if unknown."""
        return await self._each(feeds, last_events_at)

    async def post(self, feed: str, post: str) -> bytes:
        """The post's stored JSON. Raises NotFound, Gone."""
        keys = feed_keys(feed)
        exists, value = await self._feed(
            feed,
            lambda redis: redis.all(("EXISTS", keys.meta), ("HGET", keys.posts, post)),
        )
        if not exists:
            raise NotFound(feed)
        if value is None:
            raise NotFound(feed, post)
        rev, space, body = value.partition(b" ")
        if not space or not rev.isdigit():
            raise Damaged(feed, f"the record of the post {post!r} has no revision")
        if not body:
            raise Gone(feed, post, int(rev))
        kept: bytes = body
        return kept

    async def external_post(self, feed: str, external_id: str) -> str | None:
        """The id of the post with this external id, withdrawn or not, or None.

        Raises NotFound.
        """
        keys = feed_keys(feed)
        exists, post = await self._feed(
            feed,
            lambda redis: redis.all(
                ("EXISTS", keys.meta), ("HGET", keys.ext, external_id)
            ),
        )
        if not exists:
            raise NotFound(feed)
        return None if post is None else post.decode()

    async def revisions(self, feed: str, post: str) -> PostHistory:
        """The post's earlier states. Raises NotFound."""
        return await self._feed(
            feed,
            lambda redis: post_scripts.revisions(redis, feed, post),
        )

    async def page(
        self, feed: str, mark: PageMark | None, limit: int, rising: bool = False
    ) -> PostPage:
        """Up to `limit` posts from `mark` on, newest first (rising: oldest first).

        Raises NotFound.
        """
        return await self._feed(
            feed,
            lambda redis: post_scripts.page(redis, feed, mark, limit, rising),
        )

    async def withdrawn(self, feed: str, after: str, limit: int) -> WithdrawnPage:
        """About `limit` withdrawn posts after a mark ("": the first).

        Raises NotFound, and Invalid for an invalid mark.
        """
        match = _MARK.fullmatch(after or "ext.0")
        if match is None or int(match[2]) >> 64:
            raise Invalid(
                "after", f"{after[:80]!r} is invalid: use the value of `next`"
            )
        part = match[1]
        found, place = await self._feed(
            feed,
            lambda redis: post_scripts.withdrawn(
                redis, feed, part, int(match[2]), limit
            ),
        )
        # Those with an external id first: readers of the list keep the first entry.
        rest = f"{part}.{place}" if place else "posts.0" if part == "ext" else None
        return WithdrawnPage(found, rest)

    async def snapshot(self, feed: str, limit: int) -> Snapshot:
        """The feed, its newest posts and the pinned one, in one step.

        Raises NotFound.
        """
        return await self._feed(feed, lambda redis: reads.snapshot(redis, feed, limit))

    # Logs

    async def heads(self, feeds: Sequence[str]) -> list[Cursor | None]:
        """The head of each feed's log; None if there is no such feed."""
        return await self._each(feeds, reads.heads)

    async def window(self, feed: str) -> LogWindow:
        """The newest part of a log, as much as fits into a ring. Raises NotFound."""
        return (await self.marked_window(feed)).window

    async def marked_window(self, feed: str) -> MarkedWindow:
        """The same, with the secret that marks the feed's messages.

        Bodies are the posts' states at the time of the read, which may be later than
        the window's cursor: a caller that needs them to agree also subscribes.
        """
        if is_desk_log(feed):
            await self.open_desk_log(feed_behind(feed))
        for _ in range(PAGE_ATTEMPTS):
            newest = await self._piece(feed, back=True, beyond=None)
            events = list(newest.events)
            size = sum(len(event.body) for event in events)
            older = newest
            while older.events and events[-1].seq > 1:
                if len(events) >= self._ring_events or size >= self._ring_bytes:
                    break
                older = await self._piece(feed, back=True, beyond=events[-1].seq)
                if older.head.epoch != newest.head.epoch:
                    break
                events += older.events
                size += sum(len(event.body) for event in older.events)
            if older.head.epoch == newest.head.epoch:
                window = LogWindow(newest.head, tuple(reversed(events)), newest.feed)
                return MarkedWindow(window, newest.secret)
        raise Unavailable(f"the log of {feed!r} keeps changing")

    async def since(self, feed: str, seq: int, most: int = PIECE_EVENTS) -> LogPiece:
        """The events after `seq`: a bounded piece, which may end before the head.

        `most` is the limit of events. Raises NotFound.
        """
        return await self._piece(feed, back=False, beyond=seq, most=most)

    async def renew(self, feed: str, reported: Cursor) -> Cursor:
        """Begin a new epoch if the log ends before `told`: its tail is lost.

        Returns the head of the log then. Raises NotFound.
        """
        return await self._feed(feed, lambda redis: writes.renew(redis, feed, reported))

    async def _piece(
        self, feed: str, *, back: bool, beyond: int | None, most: int = PIECE_EVENTS
    ) -> LogPiece:
        return await self._feed(
            feed,
            lambda redis: reads.piece(
                redis,
                feed,
                back=back,
                beyond=beyond,
                events=most,
                size=PIECE_BYTES,
            ),
        )

    # Internal

    async def _each(
        self,
        feeds: Sequence[str],
        call: Callable[[RedisCommands, Sequence[str]], Awaitable[list[T]]],
    ) -> list[T]:
        return await each(
            self._shards, feeds, lambda feed: feed_keys(feed).meta, call, BATCH
        )

    async def _unlist(self, member: str) -> None:
        await self._at(FEEDS, lambda redis: redis.one("ZREM", FEEDS, member))
