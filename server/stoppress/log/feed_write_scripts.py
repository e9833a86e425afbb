"""The scripts that write a feed, each behind one typed function.

Scripts are sent by digest. A server that does not know one (new, restarted, flushed)
gets its text, and knows it from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from stoppress.domain.cursor import Cursor
from stoppress.domain.desk_log_name import desk_log_of, feed_behind
from stoppress.domain.store_requests_and_results import (
    Change,
    Idempotency,
    Write,
    Written,
)
from stoppress.log.audit_log import NO_AUDIT, AuditArgs
from stoppress.log.epoch_rule_and_script_arguments import epoch_args, now_ms
from stoppress.log.event_record import recorded_post
from stoppress.log.pubsub_message import new_secret
from stoppress.log.redis_commands_scripts_and_durability import (
    Arg,
    LuaScript,
    RedisCommands,
    ScriptRun,
)
from stoppress.log.redis_keys import (
    audit_key,
    desk_texts_key,
    feed_keys,
    idem_key,
    presence_key,
    webhook_keys,
)
from stoppress.log.script_answers import (
    check_found,
    cursor_of,
    result_of_write,
    text,
)

_WRITE = LuaScript(
    "require_primary",
    "need_acl_rights",
    "message_hmac",
    "check_epoch_and_read_meta",
    "find_repeated_write",
    "trim_event_log_by_age",
    "keep_revision",
    "add_audit_entry",
    "append_changes_to_log",
    "write",
)
_MAKE = LuaScript(
    *("require_primary", "need_acl_rights", "find_repeated_write"),
    *("add_audit_entry", "create_feed"),
)
_DROP = LuaScript(
    *("need_acl_rights", "message_hmac", "find_repeated_write"),
    *("add_audit_entry", "delete_feed"),
)
_RECALL = LuaScript(
    "need_acl_rights", "message_hmac", "find_repeated_write", "read_idempotency_record"
)
_CONFIRM = LuaScript(
    "require_primary",
    "need_acl_rights",
    "message_hmac",
    "check_epoch_and_read_meta",
    "make_wait_cover_earlier_writes",
)
_RENEW = LuaScript(
    "require_primary",
    "need_acl_rights",
    "message_hmac",
    "check_epoch_and_read_meta",
    "renew_epoch",
)


REVISION_BYTES = 1 << 20
"""Limit of the earlier states of one post: 16 of the longest posts."""


class KeptFor(NamedTuple):
    """How much a write keeps, and for how long."""

    events: int
    """Events in a feed's log, approximately."""
    age_s: int
    """Age of the oldest event (0: no limit)."""
    ttl_s: int
    """Lifetime of the record of an Idempotency-Key."""
    revisions: int
    """Earlier states per post."""
    revision_bytes: int
    """Their bytes per post; the newest is always kept."""
    audit: AuditArgs = NO_AUDIT


class Dropped(NamedTuple):
    """What a write dropped: events because of their age, earlier states of posts."""

    events: int = 0
    revisions: int = 0


class FeedWrite(NamedTuple):
    """One write, as `grouped_writes` takes it: one call makes those of one feed."""

    asked: Write
    kept: KeptFor

    @property
    def together(self) -> str:
        """The feed."""
        return self.asked.feed

    @property
    def size(self) -> int:
        """The bytes of its posts."""
        return sum(len(change.body) for change in self.asked.changes)

    @staticmethod
    def run(redis: RedisCommands, writes: Sequence[FeedWrite]) -> ScriptRun:
        """The call that makes these writes, in one step; see `write_answer`."""
        return ScriptRun(_WRITE, *write_args(redis, writes))


def write_args(
    redis: RedisCommands, writes: Sequence[FeedWrite]
) -> tuple[list[str], list[Arg]]:
    """The keys and arguments of writes to one feed, for `write.lua`."""
    feed = writes[0].asked.feed
    kept = writes[0].kept
    names = [*feed_keys(feed, redis.database), audit_key(feed)]
    names.append(feed_keys(feed_behind(feed)).revisions)
    chance, life, _ = epoch_args(redis, 0)
    args: list[Arg] = [
        *(chance, life, kept.events, kept.age_s, kept.ttl_s),
        *(kept.revisions, kept.revision_bytes),
        *(kept.audit.oldest_ms, kept.audit.ttl_s, kept.audit.most),
    ]
    for asked, kept in writes:
        idem = asked.idempotency
        names.append(idem_key(feed, idem))
        args += (
            *(asked.at, asked.pinned_before, asked.pinned),
            idem.fingerprint if idem else "",
            *(asked.about, kept.audit.entry, len(asked.changes)),
        )
        for change in asked.changes:
            args += change_args(change)
    return names, args


def change_args(change: Change) -> tuple[Arg, ...]:
    """The arguments of one change (`append_changes_to_log.lua`)."""
    return (
        change.type.name,
        recorded_post(change.subject),
        change.expected,
        change.rev,
        change.body,
        change.order,
        change.external_id or "",
        int(change.restores),
        change.base,
    )


def write_answer(answer: list[Any], asked: Write) -> tuple[Written, Dropped]:
    """The result of one write and what it dropped, or the error of its refusal."""
    idem = asked.idempotency
    if answer[0] == b"ok":
        *answer, events, revisions = answer
        return result_of_write(answer, asked.feed, idem), Dropped(
            int(events), int(revisions)
        )
    return result_of_write(answer, asked.feed, idem), Dropped()


async def make(
    redis: RedisCommands,
    feed: str,
    born: str,
    body: bytes,
    idem: Idempotency | None,
    *,
    ttl_s: int,
    rev: int,
    audit: AuditArgs = NO_AUDIT,
) -> Written:
    """Create a feed whose first epoch is `born`."""
    keys = feed_keys(feed, redis.database)
    names = (keys.meta, keys.log, keys.posts, keys.order, keys.ext, keys.revisions)
    fingerprint = idem.fingerprint if idem else ""
    args = (born, redis.life, body, fingerprint, ttl_s, rev, new_secret(), *audit)
    every = (*names, idem_key(feed, idem), audit_key(feed))
    answer = await redis.write(_MAKE, every, args)
    if answer[0] == b"ok":
        return Written("", Cursor(born, 0))
    return result_of_write(answer, feed, idem)


async def drop(
    redis: RedisCommands,
    feed: str,
    expected: int | None,
    idem: Idempotency | None,
    *,
    ttl_s: int,
    audit: AuditArgs = NO_AUDIT,
) -> str | None:
    """Delete a feed; returns its `born`, or None if it was deleted before."""
    keys = feed_keys(feed, redis.database)
    desk = feed_keys(desk_log_of(feed), redis.database)
    names = (
        *(*keys, idem_key(feed, idem), audit_key(feed)),
        *(*desk, presence_key(feed), *webhook_keys(feed), desk_texts_key(feed)),
    )
    fingerprint = idem.fingerprint if idem else ""
    rev: Arg = "" if expected is None else expected
    answer = await redis.write(
        _DROP, names, (now_ms(), rev, fingerprint, ttl_s, *audit)
    )
    if answer[0] == b"ok":
        return text(answer[1])
    result_of_write(answer, feed, idem)
    return None


async def recall(redis: RedisCommands, feed: str, idem: Idempotency) -> Written | None:
    """The write with an Idempotency-Key. Its durability is confirmed again."""
    keys = feed_keys(feed, redis.database)
    names = (keys.meta, idem_key(feed, idem), keys.line)
    answer = await redis.write(_RECALL, names, (idem.fingerprint, now_ms()))
    return None if answer[0] == b"none" else result_of_write(answer, feed, idem)


async def confirm(redis: RedisCommands, feed: str) -> Cursor:
    """Confirm the durability of all that a feed contains; returns its head."""
    names = feed_keys(feed, redis.database)[:3]
    answer = await redis.write(_CONFIRM, names, epoch_args(redis, now_ms()))
    check_found(answer, feed)
    return cursor_of(answer)


async def renew(redis: RedisCommands, feed: str, reported: Cursor) -> Cursor:
    """Begin a new epoch if the log ends before `told`; returns the head then."""
    args = (*epoch_args(redis, now_ms()), *reported)
    answer = await redis.read(_RENEW, feed_keys(feed, redis.database)[:3], args)
    check_found(answer, feed)
    return cursor_of(answer)
