"""Finds the newest post of other live feeds, to link to on a feed's page.

Rules: only public live feeds with a post, never the feed itself. The list of feeds is
read at most once per LISTED_S; posts come from cached snapshots, so a withdrawn post
disappears at once. While Redis is unavailable, the cached list is used. A feed with
damaged records is left out.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import msgspec

from stoppress.domain.errors import NotFound, Unavailable
from stoppress.domain.timestamps import parse_instant
from stoppress.web.encoded_snapshot import EncodedSnapshot
from stoppress.web.services import Services

LISTED_S = 10.0
"""Limit of the age of the list of feeds."""
CANDIDATES = 20
"""Feeds considered, newest created first: each one keeps a channel open."""


class FeedTeaser(NamedTuple):
    """Another feed and its newest post, as public JSON, at a cursor."""

    feed: dict[str, Any]
    post: dict[str, Any]
    cursor: str


class OtherFeeds:
    """Finds the teasers for the pages of one server."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._most = services.settings.other_feeds
        self._live: list[str] = []
        self._listed: float | None = None

    async def of(self, slug: str) -> list[FeedTeaser]:
        """The newest posts of other live feeds, newest first."""
        found: list[FeedTeaser] = []
        for other in await self._feeds() if self._most else ():
            if other == slug or len(found) == self._most:
                continue
            try:
                snapshot = await self._services.snapshots.snapshot(other)
                teaser = _teaser(snapshot)
            except (NotFound, Unavailable):
                continue
            except Exception:
                self._services.snapshots.unreadable(other)
                continue
            if teaser is not None:
                found.append(teaser)
        found.sort(key=lambda one: str(one.post["published_at"]), reverse=True)
        return found

    async def _feeds(self) -> list[str]:
        now = time.monotonic()
        if self._listed is None or now - self._listed >= LISTED_S:
            self._listed = now
            try:
                listing = await self._services.snapshots.feeds()
            except Unavailable:
                return self._live
            feeds = [msgspec.json.decode(body) for body in listing.bodies]
            self._live = [
                feed["slug"]
                for feed in feeds
                if feed["visibility"] == "public" and feed["status"] == "live"
            ][:CANDIDATES]
        return self._live


class ShownPost(msgspec.Struct):
    """The members of a post that a teaser needs."""

    id: str
    published_at: str
    html: str = ""
    headline: str | None = None


def _teaser(snapshot: EncodedSnapshot) -> FeedTeaser | None:
    """The feed's newest post, None if it has none. Raises if the post is damaged."""
    feed = snapshot.feed
    if (
        snapshot.visibility != "public"
        or feed["status"] != "live"
        or not snapshot.posts
    ):
        return None
    post = snapshot.posts[0]
    parse_instant(msgspec.convert(post, ShownPost).published_at)
    return FeedTeaser(feed, post, str(snapshot.cursor))
