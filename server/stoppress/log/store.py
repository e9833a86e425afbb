"""The store: what the desk needs (`desk.store`), and what a follower reads, in Redis.

Each method is one round trip, but for lists and windows, which are read in pieces
so that no one answer keeps Redis from the others. Every error of Redis is
Unavailable; everything else is as `desk.store` says.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from redis.exceptions import ResponseError

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import (
    Gone,
    IdempotencyKeyReused,
    Invalid,
    NotFound,
    NotPermitted,
    Unavailable,
)
from stoppress.domain.store_records import (
    Idempotency,
    LogWindow,
    PageMark,
    PostPage,
    Snapshot,
    StoredFeed,
    WithdrawnPage,
    Write,
    Written,
)
from stoppress.log import scripts
from stoppress.log.log_metrics import StoreMetrics
from stoppress.log.redis_commands import RedisCommands, new_epoch
from stoppress.log.redis_keys import FEEDS, TOKENS, feed_keys, making_key
from stoppress.log.scripts import LogPiece, MarkedWindow
from stoppress.log.shards import Shards, at, each
from stoppress.settings import Settings

BATCH = 500
"""Feeds asked for in one round trip: about 10 ms of Redis."""
PIECE_EVENTS = 512
PIECE_BYTES = 1 << 20
"""A piece of a log read in one step: about 2 ms of Redis."""
_MARK = re.compile(r"(ext|posts)\.(\d{1,19})", re.ASCII)
PAGE_ATTEMPTS = 5
"""How often a window is begun anew because the epoch changed meanwhile."""


T = TypeVar("T")


class RedisStore:
    """Feeds, posts and tokens in Redis: `desk.store.Store` and `TokenStore`."""

    def __init__(
        self,
        shards: Shards,
        settings: Settings,
        metrics: StoreMetrics | None = None,
    ) -> None:
        self._shards = shards
        self._metrics = metrics or StoreMetrics()
        self._log_events = settings.log_events
        self._log_age_s = settings.log_days * 86_400
        self._ring_events = settings.ring_events
        self._ring_bytes = settings.ring_bytes
        self._ttl_s = settings.idempotency_hours * 3600

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
        # First the index, so that no feed is missing in it; what it names is looked up
        # when it is read. In another shard than the feed it is waited for by itself.
        is_near = self._shards.of(FEEDS) is self._shards.of(feed_keys(feed).meta)
        say = RedisCommands.one if is_near else RedisCommands.write_one
        await self._at(FEEDS, lambda talk: say(talk, "ZADD", FEEDS, at, member))
        try:
            written = await self._feed(
                feed,
                lambda talk: scripts.make(
                    talk, feed, born, body, idempotency, ttl_s=self._ttl_s, rev=rev
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
        """Let the Idempotency-Key make this feed and no other; whether that is new.

        Raises IdempotencyKeyReused if another feed is or was to be made under it.
        """
        name = making_key(idempotency)
        was = await self._at(
            name,
            lambda talk: talk.one("SET", name, feed, "NX", "EX", self._ttl_s, "GET"),
        )
        if was not in (None, feed.encode()):
            raise IdempotencyKeyReused(idempotency.key)
        return was is None

    async def release(self, idempotency: Idempotency) -> None:
        """Let the Idempotency-Key make any feed again."""
        name = making_key(idempotency)
        await self._at(name, lambda talk: talk.one("DEL", name))

    async def drop_feed(
        self, feed: str, expected: int | None, idempotency: Idempotency | None
    ) -> None:
        """Delete a feed with all its posts; readers are told.

        Raises NotFound, StaleRevision, IdempotencyKeyReused.
        """
        born = await self._feed(
            feed,
            lambda talk: scripts.drop(
                talk, feed, expected, idempotency, ttl_s=self._ttl_s
            ),
        )
        if born is not None:
            await self._unlist(f"{feed} {born}")

    async def write(self, write: Write) -> Written:
        """Make changes, in one step.

        Raises NotFound, Gone, StaleRevision, ExternalIdTaken, IdempotencyKeyReused,
        PinMoved.
        """
        written, aged = await self._feed(
            write.feed,
            lambda talk: scripts.write(
                talk,
                write,
                events=self._log_events,
                age_s=self._log_age_s,
                ttl_s=self._ttl_s,
            ),
        )
        if aged:
            self._metrics.aged.add(aged)
        return written

    async def recall(self, feed: str, idempotency: Idempotency) -> Written | None:
        """The write under this key, or None. Raises IdempotencyKeyReused."""
        return await self._feed(
            feed, lambda talk: scripts.recall(talk, feed, idempotency)
        )

    async def confirm(self, feed: str) -> Cursor:
        """Wait until what the feed holds is as safe as what is acknowledged.

        Returns where its log ends. Raises NotFound.
        """
        return await self._feed(feed, lambda talk: scripts.confirm(talk, feed))

    async def feed(self, feed: str) -> StoredFeed:
        """The feed as it is now. Raises NotFound."""
        return await self._feed(feed, lambda talk: scripts.feed_now(talk, feed))

    async def feeds(self) -> list[bytes]:
        """Every feed's kept JSON, of every visibility: newest made first, then by slug,
        last first.
        """
        members = await self._at(
            FEEDS, lambda talk: talk.one("ZREVRANGE", FEEDS, 0, -1)
        )
        named = [member.decode().split(" ") for member in members]
        found = await self._each([feed for feed, _ in named], _born_and_body)
        return [
            body
            for (_, born), (is_born, body) in zip(named, found, strict=True)
            # Left behind by a maker or a deleter that was cut in the middle.
            if is_born is not None and is_born.decode() == born
        ]

    async def post(self, feed: str, post: str) -> bytes:
        """The post's kept JSON. Raises NotFound, Gone."""
        keys = feed_keys(feed)
        exists, value = await self._feed(
            feed,
            lambda talk: talk.all(("EXISTS", keys.meta), ("HGET", keys.posts, post)),
        )
        if not exists:
            raise NotFound(feed)
        if value is None:
            raise NotFound(feed, post)
        body: bytes = value.partition(b" ")[2]
        if not body:
            raise Gone(feed, post)
        return body

    async def page(
        self, feed: str, mark: PageMark | None, limit: int, rising: bool = False
    ) -> PostPage:
        """Up to `limit` posts from `mark` on, newest first (rising: oldest first).

        Raises NotFound.
        """
        return await self._feed(
            feed, lambda talk: scripts.page(talk, feed, mark, limit, rising)
        )

    async def withdrawn(self, feed: str, after: str, limit: int) -> WithdrawnPage:
        """About `limit` withdrawn posts after a mark ("": the first).

        Raises NotFound, and Invalid for a mark that is none.
        """
        match = _MARK.fullmatch(after or "ext.0")
        if match is None or int(match[2]) >> 64:
            raise Invalid("after", f"{after[:80]!r} is no mark; follow `next`")
        part = match[1]
        found, place = await self._feed(
            feed, lambda talk: scripts.withdrawn(talk, feed, part, int(match[2]), limit)
        )
        # Those with an external id first: a post's first mention is the one kept.
        rest = f"{part}.{place}" if place else "posts.0" if part == "ext" else None
        return WithdrawnPage(found, rest)

    async def snapshot(self, feed: str, limit: int) -> Snapshot:
        """The feed, its newest posts and the pinned one, in one step. NotFound."""
        return await self._feed(feed, lambda talk: scripts.snapshot(talk, feed, limit))

    # Tokens

    async def put_token(self, digest: str, record: bytes) -> None:
        """Keep a token's record."""
        await self._at(
            TOKENS, lambda talk: talk.write_one("HSET", TOKENS, digest, record)
        )

    async def token(self, digest: str) -> bytes | None:
        """The record of the token, or None if there is none."""
        record: bytes | None = await self._at(
            TOKENS, lambda talk: talk.one("HGET", TOKENS, digest)
        )
        return record

    async def tokens(self) -> list[tuple[str, bytes]]:
        """Every digest with its record."""
        flat = await self._at(TOKENS, lambda talk: talk.one("HGETALL", TOKENS))
        return [(flat[i].decode(), flat[i + 1]) for i in range(0, len(flat), 2)]

    async def drop_token(self, digest: str) -> bool:
        """Forget a token; whether it was there."""
        dropped = await self._at(
            TOKENS, lambda talk: talk.write_one("HDEL", TOKENS, digest)
        )
        return bool(dropped)

    # Logs

    async def heads(self, feeds: Sequence[str]) -> list[Cursor | None]:
        """Where each feed's log ends, None where there is no such feed."""
        return await self._each(feeds, scripts.heads)

    async def window(self, feed: str) -> LogWindow:
        """The newest part of a log, as much as a ring takes. Raises NotFound."""
        return (await self.marked_window(feed)).window

    async def marked_window(self, feed: str) -> MarkedWindow:
        """That, and the secret with which the feed's messages are marked.

        Bodies are what posts are when they are read, which may be later than the
        window's cursor: whoever needs them to agree listens meanwhile.
        """
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

    async def since(self, feed: str, seq: int) -> LogPiece:
        """What followed on `seq`: a bounded piece, which may end before the head.

        Raises NotFound.
        """
        return await self._piece(feed, back=False, beyond=seq)

    async def renew(self, feed: str, told: Cursor) -> Cursor:
        """Begin a new epoch if the log ends before `told`, its tail being lost.

        Returns where it ends then. Raises NotFound.
        """
        return await self._feed(feed, lambda talk: scripts.renew(talk, feed, told))

    async def _piece(self, feed: str, *, back: bool, beyond: int | None) -> LogPiece:
        return await self._feed(
            feed,
            lambda talk: scripts.piece(
                talk,
                feed,
                back=back,
                beyond=beyond,
                events=PIECE_EVENTS,
                size=PIECE_BYTES,
            ),
        )

    # Where things are

    async def _at(
        self, redis_key: str, call: Callable[[RedisCommands], Awaitable[T]]
    ) -> T:
        return await at(self._shards, redis_key, call)

    async def _feed(
        self, feed: str, call: Callable[[RedisCommands], Awaitable[T]]
    ) -> T:
        return await at(self._shards, feed_keys(feed).meta, call)

    async def _each(
        self,
        feeds: Sequence[str],
        call: Callable[[RedisCommands, Sequence[str]], Awaitable[list[T]]],
    ) -> list[T]:
        return await each(
            self._shards, feeds, lambda feed: feed_keys(feed).meta, call, BATCH
        )

    async def _unlist(self, member: str) -> None:
        await self._at(FEEDS, lambda talk: talk.one("ZREM", FEEDS, member))


async def _born_and_body(
    talk: RedisCommands, feeds: Sequence[str]
) -> list[tuple[bytes | None, bytes]]:
    commands = (("HMGET", feed_keys(feed).meta, "born", "feed") for feed in feeds)
    answers = await talk.read_damaged(*commands)
    # A feed whose keys are damaged is left out, as if it were not there.
    return [
        (None, b"") if isinstance(one, ResponseError) else (one[0], one[1])
        for one in answers
    ]
