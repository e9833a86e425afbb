"""The JSON objects of the live line, the same on every transport.

Each is made once, as bytes, and never parsed again here. Bodies of posts and
feeds arrive encoded; `public` puts the address into them, so that what is kept
holds no address of the day, and leaves out members that are not known here.
"""

from __future__ import annotations

import msgspec

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import Event
from stoppress.domain.kept_json import KEPT_FEEDS, KEPT_POSTS
from stoppress.domain.timestamps import instant

_json = msgspec.json.encode


def public_feed(body: bytes, feed: str, base: str) -> bytes:
    """The JSON of a feed with its `url`, from its kept JSON.

    `base` is the address of the site, such as `https://live.example.org`.
    """
    body = KEPT_FEEDS.shown(body)
    head = b'{"slug":%b' % _json(feed)
    return b'%b,"url":%b%b' % (head, _json(f"{base}/live/{feed}"), body[len(head) :])


def public_post(body: bytes, feed: str, post: str, base: str) -> bytes:
    """The JSON of a post with its `url`, from its kept JSON."""
    body = KEPT_POSTS.shown(body)
    head = b'{"id":%b' % _json(post)
    url = _json(f"{base}/live/{feed}/{post}")
    return b'%b,"url":%b%b' % (head, url, body[len(head) :])


def event(feed: str, epoch: str, change: Event, base: str) -> bytes:
    """The message of one event; of a type that is not known, without its payload."""
    kind, name = change.type, change.subject.id
    if kind.shows_post:
        payload = public_post(change.body, feed, name, base)
    elif kind.shows_feed:
        payload = public_feed(change.body, feed, base)
    else:
        payload = b'{"id":%b}' % _json(name) if kind.removes_post else b""
    return b'{"type":"%b","feed":"%b","cursor":"%b-%d","at":"%b"%b}' % (
        kind.name.encode(),
        feed.encode(),
        epoch.encode(),
        change.seq,
        instant(change.at).encode(),
        b',"%b":%b' % (kind.subject.value.encode(), payload) if payload else b"",
    )


def hello(
    feed: str, cursor: Cursor, *, resumed: bool, beat_s: int, retry_ms: int
) -> bytes:
    """The first message of a follow."""
    return _json(
        {
            "type": "hello",
            "feed": feed,
            "cursor": str(cursor),
            "resumed": resumed,
            "beat": beat_s,
            "retry_ms": retry_ms,
        }
    )


def reset(feed: str, cursor: Cursor, *, retry_ms: int) -> bytes:
    """What is held can't be continued; the line goes on from `cursor`."""
    return _json(
        {"type": "reset", "feed": feed, "cursor": str(cursor), "retry_ms": retry_ms}
    )


def beat(feed: str, cursor: Cursor) -> bytes:
    """Nothing happened, and the line is alive."""
    return _json({"type": "beat", "feed": feed, "cursor": str(cursor)})


def readers(feed: str, count: int) -> bytes:
    """How many read the feed now."""
    return _json({"type": "readers", "feed": feed, "count": count})


def bye(*, retry_ms: int) -> bytes:
    """The server ends the line; come back after `retry_ms`."""
    return _json({"type": "bye", "retry_ms": retry_ms})


def error(feed: str, code: int, detail: str) -> bytes:
    """A follow that can't be; the socket stays."""
    return _json({"type": "error", "feed": feed, "code": code, "detail": detail})
