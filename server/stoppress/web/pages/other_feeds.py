"""The newest posts of the other live feeds, for whoever reads one of them.

Rules: public feeds that are live, never the feed itself, none without a post. The list
of feeds is read again at most every LISTED_S; what they say comes from the editions
that memory holds: a post that is withdrawn leaves at once. Redis away: what is at hand.
A feed that can't be shown is left out.
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
"""How old the list of feeds may be."""
CANDIDATES = 20
"""Feeds looked at, newest made first: each one keeps a channel open."""


class FeedTeaser(NamedTuple):
    """Another feed and its newest post, as public JSON, at a cursor."""

    feed: dict[str, Any]
    post: dict[str, Any]
    cursor: str


class OtherFeeds:
    """Finds the teasers for the pages of one newsroom."""

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
                edition = await self._services.snapshots.snapshot(other)
                teaser = _teaser(edition)
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


class _Shown(msgspec.Struct):
    """What a teaser shows of a post."""

    id: str
    published_at: str
    html: str
    headline: str | None = None


def _teaser(edition: EncodedSnapshot) -> FeedTeaser | None:
    """The newest post, if there is one to show. Raises if it can't be shown."""
    feed = edition.feed
    if edition.visibility != "public" or feed["status"] != "live" or not edition.posts:
        return None
    post = edition.posts[0]
    parse_instant(msgspec.convert(post, _Shown).published_at)
    return FeedTeaser(feed, post, str(edition.cursor))
