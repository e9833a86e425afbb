"""The scripts that read a feed: its head, its state, its snapshot, a piece of its log.

A reading script waits for no durability and needs no right to write. Lists of posts and
their revisions are read by `post_list_and_revision_scripts.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from redis.exceptions import ResponseError

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import Event, as_it_is_now
from stoppress.domain.store_requests_and_results import (
    PAGE_BYTES,
    LogWindow,
    PostPage,
    Snapshot,
    StoredFeed,
)
from stoppress.log.epoch_rule_and_script_arguments import epoch_args, now_ms
from stoppress.log.event_record import read_event
from stoppress.log.redis_commands_scripts_and_durability import (
    Arg,
    LuaScript,
    RedisCommands,
)
from stoppress.log.redis_keys import feed_keys
from stoppress.log.script_answers import check_found, cursor_of, page_mark, text

_HEAD = LuaScript(
    "require_primary",
    "need_acl_rights",
    "message_hmac",
    "check_epoch_and_read_meta",
    "read_head",
)
_FEED = LuaScript(
    "require_primary",
    "need_acl_rights",
    "message_hmac",
    "check_epoch_and_read_meta",
    "read_feed",
)
_SNAPSHOT = LuaScript(
    "require_primary",
    "need_acl_rights",
    "message_hmac",
    "check_epoch_and_read_meta",
    "list_posts_in_order",
    "read_snapshot",
)
_WINDOW = LuaScript(
    "require_primary",
    "need_acl_rights",
    "message_hmac",
    "check_epoch_and_read_meta",
    "read_log_window",
)
_PROBE = LuaScript("require_primary", "publish_probe")


class LogPiece(NamedTuple):
    """A bounded piece of a log; `head` is the cursor of the log's end."""

    head: Cursor
    feed: bytes
    events: tuple[Event, ...]
    secret: bytes = b""
    """Marks the messages of the feed; for followers only, and never shown."""


class MarkedWindow(NamedTuple):
    """The newest part of a log, and the secret of its feed's messages."""

    window: LogWindow
    secret: bytes


async def heads(redis: RedisCommands, feeds: Sequence[str]) -> list[Cursor | None]:
    """The head of each feed's log; None if there is no such feed.

    If a feed's keys are damaged, its head is a cursor without epoch.
    """
    entry = epoch_args(redis, now_ms())
    runs = [(feed_keys(feed, redis.database)[:3], entry) for feed in feeds]
    return [_head(answer) for answer in await redis.read_each(_HEAD, runs)]


async def born_and_body(
    redis: RedisCommands, feeds: Sequence[str]
) -> list[tuple[bytes | None, bytes]]:
    """The `born` of each feed, and its stored JSON.

    (None, b"") if there is no such feed, or its keys are damaged.
    """
    commands = (("HMGET", feed_keys(feed).meta, "born", "feed") for feed in feeds)
    answers = await redis.read_damaged(*commands)
    return [
        (None, b"") if isinstance(one, ResponseError) else (one[0], one[1])
        for one in answers
    ]


async def feed_now(redis: RedisCommands, feed: str) -> StoredFeed:
    """A feed's current state."""
    answer = await redis.read(
        _FEED, feed_keys(feed, redis.database)[:3], epoch_args(redis, now_ms())
    )
    check_found(answer, feed)
    return StoredFeed(answer[3], int(answer[4]), cursor_of(answer), text(answer[5]))


async def snapshot(redis: RedisCommands, feed: str, limit: int) -> Snapshot:
    """A feed and its newest posts, at one cursor."""
    names, entry = feed_keys(feed, redis.database)[:5], epoch_args(redis, now_ms())
    answer = await redis.read(_SNAPSHOT, names, (*entry, limit, PAGE_BYTES))
    check_found(answer, feed)
    newest = PostPage(tuple(answer[4]), page_mark(answer[5], answer[6]))
    return Snapshot(answer[3], cursor_of(answer), newest, answer[7] or None)


async def piece(
    redis: RedisCommands,
    feed: str,
    *,
    back: bool,
    beyond: int | None,
    events: int,
    size: int,
) -> LogPiece:
    """Events of a log: newest first and older than `beyond`, or oldest first and newer.

    A damaged entry is left out: its seq is missing.
    `events` and `size` (bytes of bodies) are limits.
    """
    names, entry = feed_keys(feed, redis.database)[:4], epoch_args(redis, now_ms())
    order: tuple[Arg, ...] = (
        "back" if back else "on",
        "" if beyond is None else beyond,
    )
    answer = await redis.read(_WINDOW, names, (*entry, *order, events, size))
    check_found(answer, feed)
    bodies: dict[bytes, bytes] = dict(zip(answer[5], answer[6], strict=True))
    bodies[b""] = answer[3]
    flat = answer[4]
    found: list[Event] = []
    for i in range(0, len(flat), 4):
        ident, kind, at, post = flat[i : i + 4]
        event = _event(feed, ident, kind, at, post, bodies[post])
        if event is not None:
            found.append(event)
    return LogPiece(cursor_of(answer), answer[3], tuple(found), answer[7])


async def probe(redis: RedisCommands, channel: bytes, nonce: bytes) -> None:
    """Publish a probe, which the subscriber of the channel must receive."""
    await redis.read(_PROBE, (channel,), (nonce,))


def _event(
    feed: str, ident: bytes, kind: bytes, at: bytes, post: bytes, body: bytes
) -> Event | None:
    """One entry of a log with the current state of its subject; None if damaged."""
    seq, _, part = ident.partition(b"-")
    if part != b"0":
        return None
    fields = [raw.decode(errors="replace") for raw in (kind, at, post)]
    event = read_event(feed, int(seq), *fields)
    return None if event is None else as_it_is_now(event, body or None)


def _head(answer: list[Any] | ResponseError) -> Cursor | None:
    if isinstance(answer, ResponseError):
        return Cursor("", 0)
    return cursor_of(answer) if answer[0] == b"ok" else None
