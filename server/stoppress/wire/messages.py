"""The JSON messages of live connections, the same on every transport.

Each is encoded once, as bytes. Posts and feeds come as stored JSON and are sent with
their `url` (so that the store holds no address that may change), and without members
that are null, false, empty or unknown in this release. Members that are private to
editors are never in a message, whoever the reader is.
"""

from __future__ import annotations

from typing import Any

import msgspec

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import Event
from stoppress.domain.feed import Feed
from stoppress.domain.output_struct import output_struct
from stoppress.domain.post import PRIVATE, Post
from stoppress.domain.timestamps import instant

_json = msgspec.json.encode
_feed = msgspec.json.Decoder(output_struct(Feed, first=("slug", "url")))
_full_post = msgspec.json.Decoder(output_struct(Post, first=("id", "url")))
_public_post = msgspec.json.Decoder(
    output_struct(Post, first=("id", "url"), without=PRIVATE)
)


def public_feed(body: bytes, base: str) -> bytes:
    """The JSON of a feed as answers contain it, from its stored JSON.

    `base` is the address of the site, such as `https://live.example.org`.
    """
    shown = _feed.decode(body)
    shown.url = f"{base}/live/{shown.slug}"
    return _json(shown)


def public_post(body: bytes, feed: str, base: str) -> bytes:
    """The JSON of a post as readers get it, from its stored JSON."""
    return _shown(_public_post.decode(body), feed, base)


def full_post(body: bytes, feed: str, base: str) -> bytes:
    """The JSON of a post for callers that may publish on the feed."""
    return _shown(_full_post.decode(body), feed, base)


def _shown(post: Any, feed: str, base: str) -> bytes:
    post.url = f"{base}/live/{feed}/{post.id}"
    if post.updated_at == post.published_at:
        post.updated_at = None
    return _json(post)


def event(feed: str, epoch: str, change: Event, base: str) -> bytes:
    """The message of one event; without payload if its type is unknown."""
    kind = change.type
    if kind.shows_post:
        payload = _public_or_id(change, feed, base)
    elif kind.shows_feed:
        payload = public_feed(change.body, base)
    else:
        payload = _id(change) if kind.removes_post else b""
    return b'{"type":"%b","feed":"%b","cursor":"%b-%d","at":"%b"%b}' % (
        kind.name.encode(),
        feed.encode(),
        epoch.encode(),
        change.seq,
        instant(change.at).encode(),
        b',"%b":%b' % (kind.subject.value.encode(), payload) if payload else b"",
    )


def _public_or_id(change: Event, feed: str, base: str) -> bytes:
    """The post; only its id, as for a withdrawn one, if the stored JSON is damaged."""
    try:
        return public_post(change.body, feed, base)
    except msgspec.MsgspecError:
        return _id(change)


def _id(change: Event) -> bytes:
    return b'{"id":%b}' % _json(change.subject.id)


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
    """The reader's state can't be continued; events go on from `cursor`."""
    return _json(
        {"type": "reset", "feed": feed, "cursor": str(cursor), "retry_ms": retry_ms}
    )


def beat(feed: str, cursor: Cursor) -> bytes:
    """A heartbeat: no event, and the connection is alive."""
    return _json({"type": "beat", "feed": feed, "cursor": str(cursor)})


def readers(feed: str, count: int) -> bytes:
    """How many readers the feed has now."""
    return _json({"type": "readers", "feed": feed, "count": count})


def bye(*, retry_ms: int) -> bytes:
    """The server closes the connection; reconnect after `retry_ms`."""
    return _json({"type": "bye", "retry_ms": retry_ms})


def error(feed: str, code: int, detail: str) -> bytes:
    """A follow is refused; the connection stays open."""
    return _json({"type": "error", "feed": feed, "code": code, "detail": detail})
