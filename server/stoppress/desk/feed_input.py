"""From what an editor sent of a feed to what is kept, and back to what may be edited.

Pure decisions, as for posts (`post_input.py`). A closing is dated when the feed was
open.
"""

from __future__ import annotations

import functools
import zoneinfo
from typing import Any

import msgspec

from stoppress.desk.input_normalization import time_or_none, without_blanks
from stoppress.domain.errors import Invalid
from stoppress.domain.feed import Feed, FeedInput, check_slug
from stoppress.domain.timestamps import instant


class NewFeed(FeedInput, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an editor sends to create a feed."""

    slug: str


class FeedCopy(Feed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole feed, as another server showed it. Its `url` does not count."""

    url: str = ""


def check_feed(draft: FeedInput) -> FeedInput:
    """The draft with its texts and times in canonical form. Raises Invalid."""
    draft = without_blanks(draft)
    if not draft.title.strip():
        raise Invalid("title", "is blank")
    if draft.timezone not in time_zones():
        raise Invalid(
            "timezone",
            f"{draft.timezone!r} is no time zone of the IANA list, "
            "such as Europe/Istanbul or UTC",
        )
    start = time_or_none(draft.coverage_start, "coverage_start")
    end = time_or_none(draft.coverage_end, "coverage_end")
    if start is not None and end is not None and end < start:
        raise Invalid("coverage_end", "lies before coverage_start")
    return msgspec.structs.replace(draft, coverage_start=start, coverage_end=end)


def new_feed(draft: FeedInput, slug: str, now_ms: int) -> Feed:
    """The first revision of a feed, from a checked draft."""
    now = instant(now_ms)
    closed = now if draft.status == "closed" else None
    return _feed(
        draft, check_slug(slug), rev=1, created_at=now, updated_at=now, closed_at=closed
    )


def edited_feed(feed: Feed, draft: FeedInput, now_ms: int) -> Feed:
    """The next revision of `feed`, from a checked draft."""
    now = instant(now_ms)
    closed = (feed.closed_at or now) if draft.status == "closed" else None
    return _feed(
        draft,
        feed.slug,
        rev=feed.rev + 1,
        created_at=feed.created_at,
        updated_at=now,
        closed_at=closed,
    )


def _feed(draft: FeedInput, slug: str, **made_here: Any) -> Feed:
    return Feed(slug=slug, **_members(draft), **made_here)


def editable_feed(feed: Feed) -> FeedInput:
    """The draft that `feed` could have been made from."""
    return FeedInput(**_members(feed))


def _members(feed: FeedInput) -> dict[str, Any]:
    """What an editor may send, as it is in `feed`."""
    return {name: getattr(feed, name) for name in FeedInput.__struct_fields__}


@functools.cache
def time_zones() -> frozenset[str]:
    """The time zones a feed may have: those that browsers know too."""
    return frozenset(zoneinfo.available_timezones()) - {"Factory", "localtime"}
