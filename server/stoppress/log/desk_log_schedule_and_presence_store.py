"""Desk logs in Redis, and the index of scheduled drafts: the base of the store.

A desk log is read and written like a feed's log (`store.py`); this module adds what
only desk logs have. Rules:
- A desk log is created when it is first needed, for the current feed. Data that a
  former feed of the slug left is deleted. A desk log is deleted with its feed.
- Publishing a draft and removing it from the desk log are one step.
- The index of scheduled drafts is outside the feeds' hash tags. It is written before
  the draft, and each entry is checked when it is read.
- The clock of the server that has the index decides what is due.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from redis.exceptions import ResponseError

from stoppress.desk.draft_store_protocol import DueDraft, DueDrafts
from stoppress.desk.presence_and_leases import Touch
from stoppress.domain.desk_log_name import desk_log_of, is_desk_log
from stoppress.domain.errors import Damaged, MalformedCursor
from stoppress.domain.store_requests_and_results import (
    Change,
    Idempotency,
    Write,
    Written,
)
from stoppress.log import desk_log_and_schedule_scripts
from stoppress.log import feed_write_scripts as writes
from stoppress.log.audit_log import RedisAudit, write_entry
from stoppress.log.log_metrics import StoreMetrics
from stoppress.log.redis_commands_scripts_and_durability import RedisCommands
from stoppress.log.redis_errors import said
from stoppress.log.redis_keys import SCHEDULE, feed_keys
from stoppress.log.shard_pools import Shards, at
from stoppress.log.template_and_note_store import RedisDeskTexts
from stoppress.log.webhook_store import RedisWebhooks
from stoppress.settings import Settings

_UNREADABLE = (ValueError, TypeError, LookupError)
"""What parsing an answer raises where a value is malformed or missing."""

T = TypeVar("T")


@contextmanager
def readable(feed: str) -> Iterator[None]:
    """Turn an unreadable value of a feed into Damaged."""
    try:
        yield
    except (ResponseError, MalformedCursor, *_UNREADABLE) as wrong:
        # These errors mean damaged keys: a key has another type, a script lacks a
        # value, or an answer can't be parsed. Errors of the server are Unavailable
        # already.
        raise Damaged(feed, said(wrong)) from wrong


class RedisDeskLogs(RedisWebhooks, RedisDeskTexts):
    """Desk logs and the schedule in Redis (`desk.draft_store_protocol`)."""

    def __init__(
        self, shards: Shards, settings: Settings, metrics: StoreMetrics
    ) -> None:
        audit = RedisAudit(shards, settings.audit_days)
        super().__init__(shards, audit, settings.idempotency_hours * 3600)
        self._metrics = metrics
        self._kept_for = writes.KeptFor(
            events=settings.log_events,
            age_s=settings.log_days * 86_400,
            ttl_s=self._ttl_s,
            revisions=settings.post_revisions,
            revision_bytes=writes.REVISION_BYTES,
        )

    async def open_desk_log(self, feed: str) -> None:
        """Create the feed's desk log if it has none. Raises NotFound."""
        is_open = await self._feed(
            feed, lambda redis: desk_log_and_schedule_scripts.is_open(redis, feed)
        )
        if not is_open:
            await self._feed(
                feed, lambda redis: desk_log_and_schedule_scripts.make(redis, feed)
            )

    async def count_drafts(self, feed: str) -> int:
        """How many drafts the feed's desk log has."""
        log = desk_log_of(feed)
        order = feed_keys(log).order
        return int(await self._feed(log, lambda talk: talk.one("ZCARD", order)))

    async def publish_draft(self, write: Write, draft: Change) -> Written:
        """Make the changes of a write, and one change to the desk log, in one step.

        Raises what `write` raises; for the draft StaleRevision, Gone, NotFound.
        """
        kept_for = self._kept(write)
        return self._counted(
            await self._feed(
                write.feed,
                lambda redis: desk_log_and_schedule_scripts.publish(
                    redis, write, draft, kept_for
                ),
            )
        )

    async def published_draft(self, log: str, draft: str) -> Written | None:
        """The post as which a draft was published; None if it was not."""
        ext = feed_keys(log).ext
        value = await self._feed(log, lambda redis: redis.one("HGET", ext, draft))
        if value is None:
            return None
        return desk_log_and_schedule_scripts.published(value)

    # The schedule

    async def schedule(self, feed: str, draft: str, due_ms: int) -> None:
        """Add the draft to the index, for the time when it is due."""
        member = _member(DueDraft(feed, draft, due_ms))
        await self._at(
            SCHEDULE, lambda redis: redis.write_one("ZADD", SCHEDULE, due_ms, member)
        )

    async def due_drafts(self, limit: int) -> DueDrafts:
        """The drafts that are due now, earliest first, and the store's time."""
        return await self._at(
            SCHEDULE, lambda redis: desk_log_and_schedule_scripts.due(redis, limit)
        )

    async def unschedule(self, due: Sequence[DueDraft]) -> None:
        """Remove these drafts from the index."""
        if due:
            command = ("ZREM", SCHEDULE, *map(_member, due))
            await self._at(SCHEDULE, lambda redis: redis.one(*command))

    # Presence

    async def touch_presence(
        self, feed: str, touch: Touch, idempotency: Idempotency | None = None
    ) -> tuple[bool, bytes]:
        """Change who is at a desk; returns whether it was done, and the notice.

        Raises IdempotencyKeyReused.
        """
        return await self._feed(
            feed,
            lambda redis: desk_log_and_schedule_scripts.touch(
                *(redis, feed, touch, idempotency, self._ttl_s)
            ),
        )

    # Shared with the store

    def _kept(self, write: Write) -> writes.KeptFor:
        """How much a write keeps: for a draft, no earlier state."""
        audit = self.audit.args(write_entry(write))
        kept = self._kept_for
        return writes.KeptFor(
            *(kept.events, kept.age_s, kept.ttl_s),
            0 if is_desk_log(write.feed) else kept.revisions,
            *(kept.revision_bytes, audit),
        )

    def _counted(self, done: tuple[Written, writes.Dropped]) -> Written:
        written, dropped = done
        if dropped.events:
            self._metrics.aged.add(dropped.events)
        if dropped.revisions:
            self._metrics.revisions_dropped.add(dropped.revisions)
        return written

    async def _feed(
        self, feed: str, call: Callable[[RedisCommands], Awaitable[T]]
    ) -> T:
        with readable(feed):
            return await at(self._shards, feed_keys(feed).meta, call)


def _member(due: DueDraft) -> str:
    """A member of the index, with its time: two times of a draft are two members."""
    return f"{due.feed} {due.draft} {due.due_ms}"
