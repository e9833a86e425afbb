"""The JSON messages of live connections, the same on every transport.

Each is encoded once, as bytes. Posts and feeds are passed as stored JSON and are sent
with their `url` (so that the store holds no address that may change), and without
members that are null, false, empty or unknown in this release. Members that are private
to editors are never in a message, for any reader; those that depend on the feed's
settings are left out unless the caller says that the feed shows them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from stoppress.domain.cursor import Cursor
from stoppress.domain.derive_output_struct import output_struct
from stoppress.domain.desk_log_name import feed_behind, is_desk_log
from stoppress.domain.draft import Draft
from stoppress.domain.event import Event, SubjectKind
from stoppress.domain.external_picture_and_embed_rules import ForeignContent
from stoppress.domain.feed import Feed
from stoppress.domain.post import IF_THE_FEED_SAYS_SO, PRIVATE, Post
from stoppress.domain.timestamps import instant
from stoppress.domain.undecodable_json import UNDECODABLE

_json = msgspec.json.encode
_feed = msgspec.json.Decoder(output_struct(Feed, first=("slug", "url")))
_full_post = msgspec.json.Decoder(output_struct(Post, first=("id", "url")))
DRAFT_BOOKKEEPING = frozenset({"commented_revs"})
"""Members of a draft that no answer contains."""

DRAFT_WORDS = frozenset(Draft.__struct_fields__) - {
    *("id", "state", "publish_at", "base", "owner", "edited_by", "approved_by"),
    *("created_at", "updated_at", "rev"),
}
"""Members of a draft that messages omit: callers that may see the draft read it."""

_draft = msgspec.json.Decoder(
    output_struct(Draft, first=("id",), without=DRAFT_BOOKKEEPING)
)
_summary = msgspec.json.Decoder(
    output_struct(Draft, first=("id",), without=DRAFT_WORDS)
)
_public_post = msgspec.json.Decoder(
    output_struct(Post, first=("id", "url"), without=PRIVATE | IF_THE_FEED_SAYS_SO)
)
_verified_post = msgspec.json.Decoder(
    output_struct(Post, first=("id", "url"), without=PRIVATE)
)


def public_feed(body: bytes, base: str, foreign: ForeignContent | None = None) -> bytes:
    """The JSON of a feed as answers contain it, from its stored JSON.

    `base` is the address of the site, such as `https://live.example.org`; `foreign`:
    see `public_post` (None for callers that may change the feed).
    """
    shown = _feed.decode(body)
    if foreign is not None:
        foreign.restrict_feed(shown)
    shown.url = f"{base}/live/{shown.slug}"
    return _json(shown)


def public_post(
    body: bytes,
    feed: str,
    base: str,
    foreign: ForeignContent | None = None,
    *,
    with_verification: bool = False,
) -> bytes:
    """The JSON of a post as readers get it, from its stored JSON.

    Args: foreign: the content that it may load from other hosts; None: any.
        with_verification: whether the feed shows readers how sure its posts are.
    """
    post = (_verified_post if with_verification else _public_post).decode(body)
    if foreign is not None:
        foreign.restrict(post)
    return _shown(post, feed, base)


def full_post(body: bytes, feed: str, base: str) -> bytes:
    """The JSON of a post for callers that may publish on the feed."""
    return _shown(_full_post.decode(body), feed, base)


def _shown(post: Any, feed: str, base: str) -> bytes:
    post.url = f"{base}/live/{feed}/{post.id}"
    if post.updated_at == post.published_at:
        post.updated_at = None
    return _json(post)


def event(
    feed: str,
    epoch: str,
    change: Event,
    base: str,
    foreign: ForeignContent | None = None,
    *,
    with_verification: bool = False,
) -> bytes:
    """The message of one event; without payload if its type is unknown.

    `foreign`, `with_verification`: see `public_post`.
    """
    kind = change.type
    if kind.subject is SubjectKind.DRAFT:
        payload = _draft_summary(change)
    elif kind.shows_post:
        payload = _public_or_id(change, feed, base, foreign, with_verification)
    elif kind.shows_feed:
        payload = public_feed(change.body, base, foreign)
    else:
        payload = _id(change) if kind.removes_post else b""
    return b'{"type":"%b","%b":"%b","cursor":"%b-%d","at":"%b"%b}' % (
        kind.name.encode(),
        *_named(feed),
        epoch.encode(),
        change.seq,
        instant(change.at).encode(),
        b',"%b":%b' % (kind.subject.value.encode(), payload) if payload else b"",
    )


def _public_or_id(
    change: Event,
    feed: str,
    base: str,
    foreign: ForeignContent | None,
    with_verification: bool,
) -> bytes:
    """The post; only its id, as for a withdrawn one, if the stored JSON is damaged."""
    try:
        return public_post(
            change.body, feed, base, foreign, with_verification=with_verification
        )
    except UNDECODABLE:
        return _id(change)


def _named(feed: str) -> tuple[bytes, bytes]:
    """The member that names a feed, or the feed of a desk log, and its value."""
    name = b"desk" if is_desk_log(feed) else b"feed"
    return name, feed_behind(feed).encode()


def _member(feed: str) -> dict[str, str]:
    return {"desk" if is_desk_log(feed) else "feed": feed_behind(feed)}


def _draft_summary(change: Event) -> bytes:
    """The members of a draft that all contributors get: none of its text."""
    if not change.body:
        return _id(change)
    try:
        return _json(_summary.decode(change.body))
    except UNDECODABLE:
        return _id(change)  # damaged: reading it tells


def full_draft(body: bytes) -> bytes:
    """The JSON of a draft, from its stored JSON, for callers that may see it."""
    return _json(_draft.decode(body))


def _id(change: Event) -> bytes:
    return b'{"id":%b}' % _json(change.subject.id)


def hello(
    feed: str, cursor: Cursor, *, at: int, resumed: bool, beat_s: int, retry_ms: int
) -> bytes:
    """The first message of a follow; `at`: the time here, in ms since 1970."""
    return _json(
        {
            "type": "hello",
            **_member(feed),
            "cursor": str(cursor),
            "at": instant(at),
            "resumed": resumed,
            "beat": beat_s,
            "retry_ms": retry_ms,
        }
    )


def reset(feed: str, cursor: Cursor, *, retry_ms: int) -> bytes:
    """The reader's state can't be continued; events go on from `cursor`."""
    return _json(
        {"type": "reset", **_member(feed), "cursor": str(cursor), "retry_ms": retry_ms}
    )


def beat(feed: str, cursor: Cursor) -> bytes:
    """A heartbeat: no event, and the connection is alive."""
    return _json({"type": "beat", **_member(feed), "cursor": str(cursor)})


def readers(feed: str, count: int) -> bytes:
    """How many readers the feed has now."""
    return _json({"type": "readers", "feed": feed, "count": count})


def expiring(feed: str, seconds: int) -> bytes:
    """The ticket for the feed ends in `seconds`; send another."""
    return _json({"type": "expiring", "feed": feed, "in": seconds})


def bye(*, retry_ms: int) -> bytes:
    """The server closes the connection; reconnect after `retry_ms`."""
    return _json({"type": "bye", "retry_ms": retry_ms})


def error(feed: str, code: int, detail: str, request_id: str = "") -> bytes:
    """A follow is refused; the connection stays open. The log has the request id."""
    said: dict[str, object] = {"type": "error", **_member(feed)}
    said |= {"code": code, "detail": detail}
    return _json(said | ({"request_id": request_id} if request_id else {}))
