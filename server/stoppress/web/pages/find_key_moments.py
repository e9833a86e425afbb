"""Finds and caches the key moments of a feed: its newest key posts, of any age.

Rules:
- The store is scanned once per feed; later events update the result.
- If a key post is removed and older ones exist, the store is scanned again.
- While Redis is unavailable: the cached result, or None without one.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import msgspec

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Unavailable
from stoppress.domain.fold import place
from stoppress.web.encoded_snapshot import EncodedSnapshot
from stoppress.web.filter_and_scan_posts import PostFilter, filtered_posts
from stoppress.web.paginate_posts_as_json import public_posts
from stoppress.web.services import Services

KEY_POSTS = 10
"""Key moments on a page, which links to all of them."""
MAX_FEEDS = 1024
"""Feeds whose key moments are cached; the least recently used is evicted first."""


class _Known(NamedTuple):
    cursor: Cursor
    posts: list[dict[str, Any]]
    whole: bool
    """Whether there are no older ones."""


class KeyMoments:
    """Caches the key moments of feeds."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def forget(self) -> None:
        """Drop the cached key moments of all feeds."""
        self._known.clear()

    async def of(self, snapshot: EncodedSnapshot) -> list[dict[str, Any]] | None:
        """The newest key posts at the snapshot's cursor, newest first."""
        slug = snapshot.slug
        known = self._known.get(slug)
        if known is not None and known.cursor != snapshot.cursor:
            known = await self._continued(known, snapshot)
        if known is None:
            try:
                known = await self._sought(snapshot)
            except Unavailable:
                return None
        self._known[slug] = known
        self._known.move_to_end(slug)
        if len(self._known) > MAX_FEEDS:
            self._known.popitem(last=False)
        return known.posts

    async def _sought(self, snapshot: EncodedSnapshot) -> _Known:
        settings, store = self._services.settings, self._services.store
        found, rest = await filtered_posts(
            store, snapshot.slug, PostFilter(key=True), None, KEY_POSTS
        )
        posts = msgspec.json.decode(
            public_posts(
                *(found, snapshot.slug, settings.base, settings.foreign_content),
                with_verification=snapshot.shows_verification,
            )
        )
        return _Known(snapshot.cursor, posts, rest is None)

    async def _continued(
        self, known: _Known, snapshot: EncodedSnapshot
    ) -> _Known | None:
        """The known key moments with later events; None if these do not suffice."""
        events = await self._services.snapshots.events(
            snapshot.slug, known.cursor, snapshot.cursor
        )
        if events is None:
            return None
        posts = {post["id"]: post for post in known.posts}
        for event in events:
            post = msgspec.json.decode(event).get("post")
            if post is None:
                continue
            if post.get("key"):
                posts[post["id"]] = post
            elif posts.pop(post["id"], None) and not known.whole:
                return None
        ordered = sorted(posts.values(), key=place, reverse=True)
        whole = known.whole and len(ordered) <= KEY_POSTS
        return _Known(snapshot.cursor, ordered[:KEY_POSTS], whole)
