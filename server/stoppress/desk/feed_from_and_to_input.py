"""Converts an editor's feed input to the stored feed, and back for editing.

Pure, as for posts (`post_from_and_to_input.py`). `closed_at` is set when an open feed
is closed.
"""

from __future__ import annotations

import functools
import zoneinfo
from typing import Any

import msgspec

from stoppress.desk.input_normalization import (
    check_addresses,
    normalized,
    time_or_none,
)
from stoppress.domain.errors import Invalid
from stoppress.domain.feed import Feed, FeedInput, check_slug
from stoppress.domain.timestamps import instant


class NewFeed(FeedInput, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an editor sends to create a feed."""

    slug: str


class FeedCopy(Feed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole feed, as another server exported it. Its `url` is ignored."""

    url: str = ""


def check_feed(draft: FeedInput, before: FeedInput | None = None) -> FeedInput:
    """Validate the draft, and normalize its texts and times. Raises Invalid.

    `before`: the stored feed, whose addresses are not checked again.
    """
    draft = normalized(draft)
    check_addresses(draft, before)
    if not draft.title.strip():
        raise Invalid("title", "is blank: send some text")
    if draft.timezone not in time_zones():
        raise Invalid(
            "timezone",
            f"{draft.timezone!r} is invalid: use a name of the IANA time zone list, "
            "such as Europe/Istanbul or UTC",
        )
    start = time_or_none(draft.coverage_start, "coverage_start")
    end = time_or_none(draft.coverage_end, "coverage_end")
    if start is not None and end is not None and end < start:
        raise Invalid("coverage_end", "is before coverage_start: use a later time")
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
    """The fields of `feed` that an editor may set, as a draft."""
    return FeedInput(**_members(feed))


def _members(feed: FeedInput) -> dict[str, Any]:
    """The members of `feed` that an editor may set."""
    return {name: getattr(feed, name) for name in FeedInput.__struct_fields__}


@functools.cache
def time_zones() -> frozenset[str]:
    """The time zones a feed may have: those that browsers support too."""
    return frozenset(zoneinfo.available_timezones()) - {"Factory", "localtime"}
