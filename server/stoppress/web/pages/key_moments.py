"""The key moments of a feed: its newest key posts, however far back they lie.

Rules:
- Looked for in the log once a feed; from then on the events that came since tell.
- One was taken away and there are more further back: they are looked for again.
- Redis away: what memory holds, or, where it holds nothing, None.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import msgspec

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Unavailable
from stoppress.domain.fold import place
from stoppress.web.encoded_snapshot import EncodedSnapshot
from stoppress.web.pagination import public_posts
from stoppress.web.post_filter import PostFilter, sifted
from stoppress.web.services import Services

KEY_POSTS = 10
"""Key moments on a page; a link leads to all of them."""
MAX_FEEDS = 1024
"""Feeds whose key moments are held, least recently asked for first to go."""


class _Known(NamedTuple):
    cursor: Cursor
    posts: list[dict[str, Any]]
    whole: bool
    """Whether there are no others further back."""


class KeyMoments:
    """Holds the key moments of the feeds whose pages are asked for."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def of(self, edition: EncodedSnapshot) -> list[dict[str, Any]] | None:
        """The newest key posts at the edition's cursor, newest first."""
        slug = edition.slug
        known = self._known.get(slug)
        if known is not None and known.cursor != edition.cursor:
            known = await self._continued(known, edition)
        if known is None:
            try:
                known = await self._sought(edition)
            except Unavailable:
                return None
        self._known[slug] = known
        self._known.move_to_end(slug)
        if len(self._known) > MAX_FEEDS:
            self._known.popitem(last=False)
        return known.posts

    async def _sought(self, edition: EncodedSnapshot) -> _Known:
        settings, store = self._services.settings, self._services.store
        found, rest = await sifted(
            store, edition.slug, PostFilter(key=True), None, KEY_POSTS
        )
        posts = msgspec.json.decode(public_posts(found, edition.slug, settings.base))
        return _Known(edition.cursor, posts, rest is None)

    async def _continued(
        self, known: _Known, edition: EncodedSnapshot
    ) -> _Known | None:
        """What is known, with the events since; None if those don't tell."""
        events = await self._services.snapshots.events(
            edition.slug, known.cursor, edition.cursor
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
        return _Known(edition.cursor, ordered[:KEY_POSTS], whole)
