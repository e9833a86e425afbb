"""The scripts of desk logs and of the schedule, each behind one typed function."""

from __future__ import annotations

from stoppress.desk.draft_store_protocol import DueDraft, DueDrafts
from stoppress.desk.presence_and_leases import MAX_PRESENT, Touch
from stoppress.domain.cursor import Cursor
from stoppress.domain.desk_log_name import desk_log_of
from stoppress.domain.errors import IdempotencyKeyReused
from stoppress.domain.store_requests_and_results import (
    Change,
    Idempotency,
    Write,
    Written,
)
from stoppress.log.epoch_rule_and_script_arguments import epoch_args, now_ms
from stoppress.log.feed_write_scripts import (
    Dropped,
    FeedWrite,
    KeptFor,
    change_args,
    write_answer,
    write_args,
)
from stoppress.log.pubsub_message import new_secret
from stoppress.log.redis_commands_scripts_and_durability import (
    LuaScript,
    RedisCommands,
    new_epoch,
)
from stoppress.log.redis_keys import (
    SCHEDULE,
    feed_keys,
    idem_key,
    presence_key,
)
from stoppress.log.script_answers import (
    check_found,
    text,
)

_OPEN = LuaScript("require_primary", "need_acl_rights", "message_hmac", "open_desk_log")
_PUBLISH = LuaScript(
    *(
        "require_primary",
        "need_acl_rights",
        "message_hmac",
        "check_epoch_and_read_meta",
    ),
    *(
        "find_repeated_write",
        "trim_event_log_by_age",
        "keep_revision",
        "add_audit_entry",
    ),
    *("append_changes_to_log", "publish_draft"),
)
_DUE = LuaScript("require_primary", "need_acl_rights", "read_schedule")
_TOUCH = LuaScript(
    *("require_primary", "need_acl_rights", "message_hmac"),
    *("find_repeated_write", "touch_presence"),
)

STATE = b'{"status":"live","visibility":"private"}'
"""The value of `feed` in a desk log: only callers who may draft may read it."""


async def is_open(redis: RedisCommands, feed: str) -> bool:
    """Whether the feed exists and has its own desk log; changes nothing."""
    born, of = await redis.all(
        ("HGET", feed_keys(feed).meta, "born"),
        ("HGET", feed_keys(desk_log_of(feed)).meta, "of"),
    )
    return born is not None and born == of


async def make(redis: RedisCommands, feed: str) -> None:
    """Create the feed's desk log if it has none of its own. Raises NotFound."""
    meta = feed_keys(feed).meta
    desk = feed_keys(desk_log_of(feed), redis.database)
    args = (new_epoch(), redis.life, STATE, new_secret(), now_ms())
    answer = await redis.write(_OPEN, (meta, *desk, presence_key(feed)), args)
    check_found(answer, feed)


async def publish(
    redis: RedisCommands, asked: Write, draft: Change, kept: KeptFor
) -> tuple[Written, Dropped]:
    """Make the changes of a write, and one change to the desk log, in one step."""
    log = desk_log_of(asked.feed)
    names, args = write_args(redis, (FeedWrite(asked, kept),))
    names += feed_keys(log, redis.database)
    args += (epoch_args(redis, asked.at)[0], *change_args(draft))
    answer = await redis.write(_PUBLISH, names, args)
    if answer[0] == b"draft":
        return write_answer(answer[1], asked._replace(feed=log))
    return write_answer(answer, asked)


def published(value: bytes) -> Written:
    """The record of a draft that was published."""
    post, _, cursor = text(value).partition(" ")
    return Written(post, Cursor.parse(cursor), repeated=True)


async def due(redis: RedisCommands, limit: int) -> DueDrafts:
    """The entries that are due by the server's clock."""
    now, members = await redis.read(_DUE, (SCHEDULE,), (limit,))
    found = []
    for member in members:
        feed, draft, due_ms = text(member).split(" ")
        found.append(DueDraft(feed, draft, int(due_ms)))
    return DueDrafts(int(now), tuple(found))


async def touch(
    redis: RedisCommands,
    feed: str,
    asked: Touch,
    idempotency: Idempotency | None,
    ttl_s: int,
) -> tuple[bool, bytes]:
    """Change who is at a desk; returns whether that was done, and the current state.

    Raises IdempotencyKeyReused.
    """
    keys = feed_keys(desk_log_of(feed), redis.database)
    names = (
        *(keys.meta, keys.line, presence_key(feed)),
        idem_key(feed, idempotency),
    )
    args = (feed, MAX_PRESENT, asked.what, asked.client, asked.ttl_s * 1000)
    rest = (asked.members, asked.subject, asked.to)
    fingerprint = "" if idempotency is None else idempotency.fingerprint
    last = (fingerprint, ttl_s)
    answer = await redis.read(_TOUCH, names, (*args, *rest, *last))
    if answer == [b"reused"]:
        raise IdempotencyKeyReused("" if idempotency is None else idempotency.key)
    return answer[0] == b"1", answer[1]
