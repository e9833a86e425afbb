"""The public snapshot of a feed, encoded as JSON: the feed and its newest posts.

Pure. Made from the store's snapshot, or, while the store is unavailable, from an older
encoded snapshot and the events since (with `domain.fold`, as every reader does).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from typing import Any, cast

import msgspec

from stoppress.domain.cursor import Cursor
from stoppress.domain.external_picture_and_embed_rules import ForeignContent
from stoppress.domain.feed import Visibility
from stoppress.domain.fold import Json, fold, from_snapshot, place
from stoppress.domain.store_requests_and_results import PageMark, Snapshot
from stoppress.domain.timestamps import parse_instant
from stoppress.web.paginate_posts_as_json import (
    PAGE_POSTS,
    full_posts,
    next_path,
    public_posts,
)
from stoppress.web.response_cache_and_compression import CachedBody
from stoppress.wire.encode_messages import public_feed


class EncodedSnapshot:
    """The snapshot `{feed, cursor, posts, pinned, next}` as bytes, and decoded.

    `age_s` is None if it is current; else how many seconds ago it was last known to be
    (while the store is unavailable). `kept` is the store's snapshot, for callers that
    may publish; None if it was continued from events, which lack private members.
    """

    def __init__(
        self,
        slug: str,
        cursor: Cursor,
        body: bytes,
        visibility: Visibility,
        age_s: int | None = None,
        kept: Snapshot | None = None,
    ) -> None:
        self.slug = slug
        self.cursor = cursor
        self.body = body
        self.answer = CachedBody.of(body)
        """The compressed bytes, made once per cursor."""
        self.visibility: Visibility = visibility
        self.age_s = age_s
        self.kept = kept
        self.size = self.answer.size
        """Approximate memory in bytes."""
        if kept is not None:
            self.size += sum(map(len, kept.page.posts)) + len(kept.pinned or b"")

    @cached_property
    def etag(self) -> str:
        """The ETag: the cursor and a digest of the body."""
        digest = hashlib.blake2b(self.body, digest_size=6).hexdigest()
        return f'"{self.cursor}.{digest}"'

    @cached_property
    def value(self) -> dict[str, Any]:
        """The snapshot, decoded. Must not be changed."""
        return cast(dict[str, Any], msgspec.json.decode(self.body))

    @property
    def feed(self) -> dict[str, Any]:
        """The feed's public JSON."""
        return cast(dict[str, Any], self.value["feed"])

    @property
    def shows_verification(self) -> bool:
        """Whether the feed shows readers how sure its posts are."""
        return bool(self.feed.get("show_verification"))

    @property
    def posts(self) -> list[dict[str, Any]]:
        """The newest posts, newest first."""
        return cast(list[dict[str, Any]], self.value["posts"])

    @property
    def pinned(self) -> dict[str, Any] | None:
        """The pinned post."""
        return cast("dict[str, Any] | None", self.value.get("pinned"))

    @property
    def next(self) -> str | None:
        """The path of the page after these posts."""
        return cast("str | None", self.value.get("next"))

    def aged(self, age_s: int) -> EncodedSnapshot:
        """The same snapshot, marked as `age_s` seconds old."""
        aged = EncodedSnapshot(
            self.slug, self.cursor, self.body, self.visibility, age_s, self.kept
        )
        aged.answer = self.answer
        return aged


class _Shown(msgspec.Struct):
    visibility: Visibility
    show_verification: bool = False


_shown = msgspec.json.Decoder(_Shown)


def encode_snapshot(
    slug: str, snapshot: Snapshot, base: str, foreign: ForeignContent | None = None
) -> EncodedSnapshot:
    """Encode the store's snapshot as readers get it."""
    settings = _shown.decode(snapshot.feed)
    posts = partial(
        public_posts, foreign=foreign, with_verification=settings.show_verification
    )
    feed = public_feed(snapshot.feed, base, foreign)
    body = _encoded(slug, snapshot, base, feed, posts)
    return EncodedSnapshot(
        slug, snapshot.cursor, body, settings.visibility, kept=snapshot
    )


def full_body(slug: str, snapshot: Snapshot, base: str) -> bytes:
    """Encode the store's snapshot for callers that may publish on the feed."""
    feed = public_feed(snapshot.feed, base)
    return _encoded(slug, snapshot, base, feed, full_posts)


def _encoded(
    slug: str,
    snapshot: Snapshot,
    base: str,
    feed: bytes,
    posts: Callable[[Iterable[bytes], str, str], bytes],
) -> bytes:
    pinned = b"null"
    if snapshot.pinned is not None:
        pinned = posts((snapshot.pinned,), slug, base)[1:-1] or b"null"
    return _body(
        feed,
        snapshot.cursor,
        posts(snapshot.page.posts, slug, base),
        pinned,
        next_path(slug, snapshot.page.next),
    )


def continued(older: EncodedSnapshot, messages: Sequence[bytes]) -> EncodedSnapshot:
    """The snapshot after the events that follow it. Raises Gap."""
    state = from_snapshot(older.value)
    for message in messages:
        state = fold(state, msgspec.json.decode(message))
    ordered = state.ordered()
    posts, rest = ordered[:PAGE_POSTS], ordered[PAGE_POSTS:]
    last = place(posts[-1]) if rest else state.floor
    mark = None if last is None else PageMark(parse_instant(last[0]), last[1])
    body = _body(
        msgspec.json.encode(state.feed),
        state.cursor,
        msgspec.json.encode(posts),
        msgspec.json.encode(state.pinned),
        next_path(older.slug, mark),
    )
    return EncodedSnapshot(older.slug, state.cursor, body, _visibility(state.feed))


def _visibility(feed: Json) -> Visibility:
    return cast(Visibility, feed["visibility"])


def _body(
    feed: bytes, cursor: Cursor, posts: bytes, pinned: bytes, next: str | None
) -> bytes:
    return b'{"feed":%b,"cursor":"%b","posts":%b,"pinned":%b,"next":%b}' % (
        feed,
        str(cursor).encode(),
        posts,
        pinned,
        msgspec.json.encode(next),
    )
