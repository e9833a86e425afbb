"""The scripts, each behind one typed function. Everything that changes is here.

They are sent by digest; a server that does not know one (new, restarted, flushed)
is sent its text, and knows it from then on.

How an epoch is held (`open_epoch.lua`, run by each script that names a cursor). The
feed's meta keeps the primary's `master_replid`, which changes whenever the data
may have: at each start of the server and at each promotion of a replica. Where it
has changed, a new epoch begins in the same step, at seq 0 with an empty log,
unless the history provably is whole, which takes all of these:
- The server fsyncs every write before it answers, now and at every contact before.
- It is one node now, and was, at every contact of this epoch: with a copy about,
  the copy may have become the primary.
- It was never promoted (`master_replid2` is empty): it may have been a copy.
- Its data are of one line of descent (`life`, kept by `data_lineage.lua` in
  `stoppress:node`, looked up for each new connection): a feed that nobody asked
  for cannot have slept through a change that the server as a whole went through.
  The embedded Valkey adds the identity of its data folder to it, so that a folder
  restored from a back-up is another line.
And whoever follows a log and finds that it ends before what it was told of it has
a new epoch begun (`renew_epoch.lua`): files were set back under hubs that went on.
So a restart from save points gets a new epoch even after a clean stop: to tell
one from the other is not worth a mistake; and so does a first replica, which gives
a primary a new id. What can't be seen, on a Redis that is not ours: files restored
from a back-up under a server that fsyncs always, and of which no hub remembers more
(delete `stoppress:node` before it is used, and every feed begins a new epoch); fsync
turned off for a while, on connections made before; single keys restored by hand.

The servers of a cluster have no line of descent, as keys move between them (`life` is
another on each connection): each restart and promotion, and each move of a slot to
another server, begins a new epoch.

Readings are checked as writes are: a follower that comes back finds the new epoch
before anyone has published in it; and what a replica holds is never taken for the
log. `INFO replication` costs 2 µs in a script.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from redis.exceptions import ResponseError

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import (
    ExternalIdTaken,
    Gone,
    IdempotencyKeyReused,
    NotFound,
    PinMoved,
    SlugTaken,
    StaleRevision,
)
from stoppress.domain.event import Event, as_it_is_now
from stoppress.domain.store_records import (
    Idempotency,
    LogWindow,
    PageMark,
    PostPage,
    Snapshot,
    StoredFeed,
    Withdrawn,
    Write,
    Written,
)
from stoppress.log.event_record import read_event, recorded_post
from stoppress.log.pubsub_message import new_secret
from stoppress.log.redis_commands import Arg, LuaScript, RedisCommands, new_epoch
from stoppress.log.redis_keys import feed_keys, idem_key

_WRITE = LuaScript(
    "require_primary",
    "check_rights",
    "message_mark",
    "open_epoch",
    "find_repeated_write",
    "trim_by_age",
    "write",
)
_MAKE = LuaScript(
    "require_primary", "check_rights", "find_repeated_write", "create_feed"
)
_DROP = LuaScript("check_rights", "message_mark", "find_repeated_write", "delete_feed")
_RECALL = LuaScript(
    "check_rights", "message_mark", "find_repeated_write", "read_idempotency_record"
)
_CONFIRM = LuaScript(
    "require_primary", "check_rights", "message_mark", "open_epoch", "confirm_head"
)
_HEAD = LuaScript(
    "require_primary", "check_rights", "message_mark", "open_epoch", "read_head"
)
_RENEW = LuaScript(
    "require_primary", "check_rights", "message_mark", "open_epoch", "renew_epoch"
)
_FEED = LuaScript(
    "require_primary", "check_rights", "message_mark", "open_epoch", "read_feed"
)
_PAGE = LuaScript("ordered_posts", "read_posts_page")
_WITHDRAWN = LuaScript("list_withdrawn_posts")
_SNAPSHOT = LuaScript(
    "require_primary",
    "check_rights",
    "message_mark",
    "open_epoch",
    "ordered_posts",
    "read_snapshot",
)
_WINDOW = LuaScript(
    "require_primary", "check_rights", "message_mark", "open_epoch", "read_log_window"
)
_PROBE = LuaScript("require_primary", "publish_probe")


class LogPiece(NamedTuple):
    """A bounded piece of a log; `head` is where the log ends."""

    head: Cursor
    feed: bytes
    events: tuple[Event, ...]
    secret: bytes = b""
    """With which messages of the feed are marked; for followers, and never shown."""


class MarkedWindow(NamedTuple):
    """The newest part of a log, and the secret of its feed's messages."""

    window: LogWindow
    secret: bytes


async def write(
    talk: RedisCommands, asked: Write, *, events: int, age_s: int, ttl_s: int
) -> tuple[Written, int]:
    """Make changes to one feed, in one step.

    About `events` are kept in its log, none older than `age_s` (0: however old).
    Returns what was written, and how many events were let go because of their age.
    """
    keys = feed_keys(asked.feed, talk.database)
    idem = asked.idempotency
    args: list[Arg] = [
        *_entry(talk, asked.at),
        events,
        asked.pinned_before,
        asked.pinned,
        idem.fingerprint if idem else "",
        ttl_s,
        age_s,
        len(asked.changes),
    ]
    for change in asked.changes:
        args += (
            change.type.name,
            recorded_post(change.subject),
            change.expected,
            change.rev,
            change.body,
            change.order,
            change.external_id or "",
        )
    names = (*keys, idem_key(asked.feed, idem))
    answer = await talk.write(_WRITE, names, args)
    gone = int(answer.pop()) if answer[0] == b"ok" else 0
    return _written(answer, asked.feed, idem), gone


async def make(
    talk: RedisCommands,
    feed: str,
    born: str,
    body: bytes,
    idem: Idempotency | None,
    *,
    ttl_s: int,
    rev: int,
) -> Written:
    """Create a feed whose first epoch is `born`."""
    keys = feed_keys(feed, talk.database)
    names = (keys.meta, keys.log, keys.posts, keys.order, keys.ext)
    fingerprint = idem.fingerprint if idem else ""
    args = (born, talk.life, body, fingerprint, ttl_s, rev, new_secret())
    answer = await talk.write(_MAKE, (*names, idem_key(feed, idem)), args)
    if answer[0] == b"ok":
        return Written("", Cursor(born, 0))
    return _written(answer, feed, idem)


async def drop(
    talk: RedisCommands,
    feed: str,
    expected: int | None,
    idem: Idempotency | None,
    *,
    ttl_s: int,
) -> str | None:
    """Delete a feed; what it was `born` as, None if it was deleted before."""
    names = (*feed_keys(feed, talk.database), idem_key(feed, idem))
    fingerprint = idem.fingerprint if idem else ""
    rev: Arg = "" if expected is None else expected
    answer = await talk.write(_DROP, names, (now_ms(), rev, fingerprint, ttl_s))
    if answer[0] == b"ok":
        return _text(answer[1])
    _written(answer, feed, idem)
    return None


async def recall(talk: RedisCommands, feed: str, idem: Idempotency) -> Written | None:
    """The write kept under an Idempotency-Key. It is waited for, as a write is."""
    keys = feed_keys(feed, talk.database)
    names = (keys.meta, idem_key(feed, idem), keys.line)
    answer = await talk.write(_RECALL, names, (idem.fingerprint, now_ms()))
    return None if answer[0] == b"none" else _written(answer, feed, idem)


async def confirm(talk: RedisCommands, feed: str) -> Cursor:
    """Wait for what a feed holds as for a write; where its log ends."""
    names = feed_keys(feed, talk.database)[:3]
    answer = await talk.write(_CONFIRM, names, _entry(talk, now_ms()))
    _found(answer, feed)
    return _cursor(answer)


async def heads(talk: RedisCommands, feeds: Sequence[str]) -> list[Cursor | None]:
    """Where each feed's log ends, None where there is no such feed.

    Of a feed whose keys are damaged it is nowhere, in no epoch: reading it tells why.
    """
    entry = _entry(talk, now_ms())
    runs = [(feed_keys(feed, talk.database)[:3], entry) for feed in feeds]
    return [_head(answer) for answer in await talk.read_each(_HEAD, runs)]


async def renew(talk: RedisCommands, feed: str, told: Cursor) -> Cursor:
    """Begin a new epoch if the log ends before `told`; where it ends then."""
    args = (*_entry(talk, now_ms()), *told)
    answer = await talk.read(_RENEW, feed_keys(feed, talk.database)[:3], args)
    _found(answer, feed)
    return _cursor(answer)


async def feed_now(talk: RedisCommands, feed: str) -> StoredFeed:
    """A feed as it is now."""
    answer = await talk.read(
        _FEED, feed_keys(feed, talk.database)[:3], _entry(talk, now_ms())
    )
    _found(answer, feed)
    return StoredFeed(answer[3], int(answer[4]), _cursor(answer), _text(answer[5]))


async def page(
    talk: RedisCommands, feed: str, mark: PageMark | None, limit: int, rising: bool
) -> PostPage:
    """Posts in order; rising: the oldest first."""
    keys = feed_keys(feed, talk.database)
    place: tuple[Arg, ...] = (mark.order, mark.post) if mark else ("", "")
    answer = await talk.read(
        _PAGE, (keys.meta, keys.posts, keys.order), (limit, *place, int(rising))
    )
    _found(answer, feed)
    return PostPage(tuple(answer[1]), _mark(answer[2], answer[3]))


async def withdrawn(
    talk: RedisCommands, feed: str, part: str, place: int, fields: int
) -> tuple[tuple[Withdrawn, ...], int]:
    """Withdrawn posts in a piece of a hash, and where to go on (0: through).

    `part` is "ext" for those that hold an external id, "posts" for all.
    """
    keys = feed_keys(feed, talk.database)
    answer = await talk.read(
        _WITHDRAWN, (keys.meta, keys.posts, keys.ext), (part, place, fields)
    )
    _found(answer, feed)
    flat = answer[2]
    found = tuple(
        Withdrawn(_text(flat[i]), int(flat[i + 1]), _text(flat[i + 2]) or None)
        for i in range(0, len(flat), 3)
    )
    return found, int(answer[1])


async def snapshot(talk: RedisCommands, feed: str, limit: int) -> Snapshot:
    """A feed and its newest posts, at one cursor."""
    names, entry = feed_keys(feed, talk.database)[:5], _entry(talk, now_ms())
    answer = await talk.read(_SNAPSHOT, names, (*entry, limit))
    _found(answer, feed)
    newest = PostPage(tuple(answer[4]), _mark(answer[5], answer[6]))
    return Snapshot(answer[3], _cursor(answer), newest, answer[7] or None)


async def piece(
    talk: RedisCommands,
    feed: str,
    *,
    back: bool,
    beyond: int | None,
    events: int,
    size: int,
) -> LogPiece:
    """Events of a log, newest first and older than `beyond`, or the other way.

    An entry that is damaged is left out: its seq is missing.
    `events` and `size` (bytes of bodies) bound it.
    """
    names, entry = feed_keys(feed, talk.database)[:4], _entry(talk, now_ms())
    order: tuple[Arg, ...] = (
        "back" if back else "on",
        "" if beyond is None else beyond,
    )
    answer = await talk.read(_WINDOW, names, (*entry, *order, events, size))
    _found(answer, feed)
    bodies: dict[bytes, bytes] = dict(zip(answer[5], answer[6], strict=True))
    bodies[b""] = answer[3]
    flat = answer[4]
    found: list[Event] = []
    for i in range(0, len(flat), 4):
        ident, kind, at, post = flat[i : i + 4]
        event = _event(feed, ident, kind, at, post, bodies[post])
        if event is not None:
            found.append(event)
    return LogPiece(_cursor(answer), answer[3], tuple(found), answer[7])


async def probe(talk: RedisCommands, channel: bytes, nonce: bytes) -> None:
    """Send to a channel what has to come back to who listens there."""
    await talk.read(_PROBE, (channel,), (nonce,))


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _entry(talk: RedisCommands, at: int) -> tuple[Arg, ...]:
    """What `open_epoch.lua` needs: chance, life, at."""
    return (b"%b %b" % (new_epoch().encode(), new_secret()), talk.life, at)


def _event(
    feed: str, ident: bytes, kind: bytes, at: bytes, post: bytes, body: bytes
) -> Event | None:
    """One entry of a log with what its subject is now; None if it is damaged."""
    seq, _, part = ident.partition(b"-")
    if part != b"0":
        return None
    fields = [raw.decode(errors="replace") for raw in (kind, at, post)]
    event = read_event(feed, int(seq), *fields)
    return None if event is None else as_it_is_now(event, body or None)


def _written(answer: list[Any], feed: str, idem: Idempotency | None) -> Written:
    """What a writing script did, or the error that it refused with."""
    match answer:
        case [b"ok", epoch, seq, post]:
            return Written(_text(post), Cursor(_text(epoch), int(seq)))
        case [b"repeated", cursor, post]:
            return Written(_text(post), Cursor.parse(_text(cursor)), repeated=True)
        case [b"reused"]:
            raise IdempotencyKeyReused(idem.key if idem else "")
        case [b"exists"]:
            raise SlugTaken(feed)
        case [b"nofeed"]:
            raise NotFound(feed)
        case [b"nopost", post]:
            raise NotFound(feed, _text(post))
        case [b"gone", post]:
            raise Gone(feed, _text(post))
        case [b"pin"]:
            raise PinMoved
        case [b"stale", expected, rev, body]:
            raise StaleRevision(int(expected), int(rev), body)
        case [b"taken", external, post, body]:
            raise ExternalIdTaken(_text(external), _text(post), body or None)
    raise AssertionError(f"a script answered {answer!r}")


def _found(answer: list[Any], feed: str) -> None:
    if answer[0] == b"nofeed":
        raise NotFound(feed)


def _head(answer: list[Any] | ResponseError) -> Cursor | None:
    if isinstance(answer, ResponseError):
        return Cursor("", 0)
    return _cursor(answer) if answer[0] == b"ok" else None


def _cursor(answer: list[Any]) -> Cursor:
    return Cursor(_text(answer[1]), int(answer[2]))


def _mark(order: bytes, post: bytes) -> PageMark | None:
    return PageMark(int(order), _text(post)) if post else None


def _text(raw: bytes) -> str:
    return raw.decode()
