"""From what an editor sent to what is kept, and back to what may be edited.

Pure decisions: given the same input, id, HTML and time, the same post or feed.
Rules:
- A post needs a headline, a body or media.
- `external_id` belongs to a post from its creation, and never changes.
- A correction is dated when its note is new, a closing when the feed was open.
- Times are kept in their canonical form (`domain.timestamps`), between 1970 and 9999.
"""

from __future__ import annotations

import functools
import zoneinfo
from typing import Any

import msgspec

from stoppress.domain.errors import Invalid
from stoppress.domain.feed import Feed, FeedInput, check_slug
from stoppress.domain.post import Correction, CorrectionNote, Media, Post, PostInput
from stoppress.domain.timestamps import instant, parse_instant

_LAST_MS = 253_402_300_799_999
"""The end of the year 9999: beyond it, the order of texts is not that of times."""


_SAID = ("headline", "body", "authors", "source", "media", "correction")
"""What a post says: `updated_at` moves with these, not with marks, tags and the pin."""


class NewFeed(FeedInput, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an editor sends to create a feed."""

    slug: str


class PostCopy(Post, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole post, as another server showed it. Its `url` and `html` don't count."""

    url: str = ""
    html: str = ""


class FeedCopy(Feed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole feed, as another server showed it. Its `url` does not count."""

    url: str = ""


def check_draft(draft: PostInput) -> PostInput:
    """The draft with its time and tags in canonical form. Raises Invalid."""
    if not (draft.media or draft.body.strip() or (draft.headline or "").strip()):
        raise Invalid("", "a post needs a headline, a body or media")
    for index, media in enumerate(draft.media):
        _check_media(media, f"media[{index}]")
    for index, tag in enumerate(draft.tags):
        if not tag.strip():
            raise Invalid(f"tags[{index}]", "is blank")
    if draft.published_at is None and len(draft.tags) < 2:
        return draft
    return msgspec.structs.replace(
        draft,
        tags=tuple(dict.fromkeys(draft.tags)),
        published_at=_canonical(draft.published_at, "published_at"),
    )


def _check_media(media: Media, path: str) -> None:
    if media.type == "quote":
        if not (media.text or media.caption):
            raise Invalid(f"{path}.text", "a quote needs its text")
    elif media.url is None:
        raise Invalid(f"{path}.url", f"media of the type {media.type} needs its url")


def new_post(draft: PostInput, name: str, html: str, now_ms: int) -> Post:
    """The first revision of a post, from a checked draft."""
    now = instant(now_ms)
    note = draft.correction
    published = draft.published_at or now
    return Post(
        id=name,
        external_id=draft.external_id,
        headline=draft.headline,
        body=draft.body,
        html=html,
        language=draft.language,
        direction=draft.direction,
        key=draft.key,
        breaking=draft.breaking,
        pinned=draft.pinned,
        tags=draft.tags,
        authors=draft.authors,
        source=draft.source,
        media=draft.media,
        published_at=published,
        updated_at=min(published, now),
        correction=None if note is None else Correction(note.note, now),
        rev=1,
    )


def edited(post: Post, draft: PostInput, html: str, now_ms: int) -> Post:
    """The next revision of `post`, from a checked draft. Raises Invalid."""
    if draft.external_id != post.external_id:
        raise Invalid("external_id", "can't change once the post is there")
    if draft.published_at is None:
        raise Invalid("published_at", "can't be removed; send another time instead")
    correction, note = post.correction, draft.correction
    after = new_post(draft, post.id, html, now_ms)
    if correction is not None and note is not None and note.note == correction.note:
        after = msgspec.structs.replace(after, correction=correction)
    updated = after.updated_at
    if any(getattr(after, name) != getattr(post, name) for name in _SAID):
        updated = instant(now_ms)
    elif post.updated_at > post.published_at:
        updated = post.updated_at
    return msgspec.structs.replace(after, updated_at=updated, rev=post.rev + 1)


def unpinned(post: Post) -> Post:
    """The next revision of `post`, after another was pinned.

    `updated_at` stays: nothing that a reader would call news has changed.
    """
    return msgspec.structs.replace(post, pinned=False, rev=post.rev + 1)


def editable_post(post: Post) -> PostInput:
    """The draft that `post` could have been made from."""
    note = post.correction
    return PostInput(
        external_id=post.external_id,
        headline=post.headline,
        body=post.body,
        language=post.language,
        direction=post.direction,
        key=post.key,
        breaking=post.breaking,
        pinned=post.pinned,
        tags=post.tags,
        authors=post.authors,
        source=post.source,
        media=post.media,
        published_at=post.published_at,
        correction=None if note is None else CorrectionNote(note.note),
    )


def order(post: Post) -> int:
    """Where the post stands: `published_at` in milliseconds since 1970."""
    return parse_instant(post.published_at)


def check_feed(draft: FeedInput) -> FeedInput:
    """The draft with its times in canonical form. Raises Invalid."""
    if not draft.title.strip():
        raise Invalid("title", "is blank")
    if draft.timezone not in time_zones():
        raise Invalid(
            "timezone",
            f"{draft.timezone!r} is no time zone of the IANA list, "
            "such as Europe/Istanbul or UTC",
        )
    start = _canonical(draft.coverage_start, "coverage_start")
    end = _canonical(draft.coverage_end, "coverage_end")
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
    values = {name: getattr(draft, name) for name in FeedInput.__struct_fields__}
    return Feed(slug=slug, **values, **made_here)


def editable_feed(feed: Feed) -> FeedInput:
    """The draft that `feed` could have been made from."""
    return FeedInput(
        **{name: getattr(feed, name) for name in FeedInput.__struct_fields__}
    )


@functools.cache
def time_zones() -> frozenset[str]:
    """The time zones a feed may have: those that browsers know too."""
    return frozenset(zoneinfo.available_timezones()) - {"Factory", "localtime"}


def _canonical(text: str | None, field: str) -> str | None:
    return None if text is None else canonical_time(text, field)


def canonical_time(text: str, field: str) -> str:
    """The time in its canonical form. Raises Invalid."""
    try:
        moment = parse_instant(text)
    except (ValueError, OverflowError) as wrong:
        raise Invalid(field, str(wrong)) from None
    if not 0 <= moment <= _LAST_MS:
        raise Invalid(field, f"{text!r} lies outside the years 1970 to 9999")
    return instant(moment)
