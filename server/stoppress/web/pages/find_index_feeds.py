"""Finds the feeds of the list: public feeds by status, with their newest posts.

Rules:
- Order: live feeds by their newest posts, newest first; upcoming feeds by their start;
  paused feeds; ended feeds, latest first.
- The newest post is that of a cached snapshot, so a withdrawn one disappears at once.
  It is found for TEASERS feeds; the others, and ended feeds, are shown without it.
- A feed with damaged records is shown without a post.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from stoppress.domain.errors import NotFound, Unavailable
from stoppress.domain.timestamps import parse_instant
from stoppress.web.pages.find_other_feeds import ShownPost
from stoppress.web.pages.linked_data import pictures
from stoppress.web.services import Services

TEASERS = 20
"""Feeds shown with their newest post: each keeps a channel open."""
STATUSES = ("live", "upcoming", "paused", "closed")
"""The statuses, in the order of the page."""


class IndexFeed(NamedTuple):
    """A feed as the list shows it, in public JSON."""

    feed: dict[str, Any]
    post: dict[str, Any] | None = None
    """Its newest post."""
    picture: Mapping[str, Any] | None = None
    """The feed's picture, else the newest picture of its posts."""
    cursor: str = ""

    @property
    def mark(self) -> str:
        """A text that changes whenever the shown data changes."""
        return f"{self.feed['slug']} {self.feed['rev']} {self.cursor}"


IndexGroup = tuple[str, list[IndexFeed]]


async def find_index_feeds(
    services: Services, feeds: Sequence[dict[str, Any]]
) -> list[IndexGroup]:
    """The feeds of each status that has any, in the order of the page."""
    groups: list[IndexGroup] = []
    left = TEASERS
    for status in STATUSES:
        found: list[IndexFeed] = []
        for feed in feeds:
            if feed["status"] != status:
                continue
            one = IndexFeed(feed, picture=feed.get("image"))
            if status != "closed" and left:
                left -= 1
                one = await _with_newest(services, one)
            found.append(one)
        if found:
            found.sort(key=_place, reverse=status != "upcoming")
            groups.append((status, found))
    return groups


async def _with_newest(services: Services, one: IndexFeed) -> IndexFeed:
    slug = one.feed["slug"]
    try:
        snapshot = await services.snapshots.snapshot(slug)
        posts = snapshot.posts
        if posts:
            parse_instant(msgspec.convert(posts[0], ShownPost).published_at)
        found = (picture for post in posts for picture in pictures(post))
        picture = snapshot.feed.get("image") or next(found, None)
        post = posts[0] if posts else None
        return IndexFeed(one.feed, post, picture, str(snapshot.cursor))
    except (NotFound, Unavailable):
        return one
    except Exception:
        services.snapshots.unreadable(slug)
        return one


def _place(one: IndexFeed) -> str:
    feed = one.feed
    if feed["status"] == "upcoming":
        # Feeds without a start come after those with one.
        return str(feed.get("coverage_start") or "~")
    if one.post is not None:
        return str(one.post["published_at"])
    return str(feed.get("closed_at") or feed["created_at"])
