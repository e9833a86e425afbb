"""Converts an editor's post input to the stored post, and back for editing.

Pure: the same input, id, HTML and time give the same post. Rules:
- A post needs a headline, a body or media. A text of spaces and invisible characters
  alone counts as none, and so does markup around it.
- `external_id` is set when the post is created, and never changes. It is not `.` or
  `..`; posts that have it from before keep it.
- A correction gets the current time when its note is new.
- An uploaded picture is stored by its path, without the site's address, and with its
  size unless the editor gave one.
- Times are stored in canonical form (`domain.timestamps`), between 1970 and 9999.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from stoppress.desk.input_normalization import (
    check_addresses,
    normalized,
    time_or_none,
)
from stoppress.domain.errors import Invalid
from stoppress.domain.invisible_text import is_blank, shows_nothing
from stoppress.domain.picture_address import UploadedPicture
from stoppress.domain.post import Correction, CorrectionNote, Media, Post, PostInput
from stoppress.domain.timestamps import instant, parse_instant

T = TypeVar("T", bound=PostInput)

_CONTENT = frozenset(PostInput.__struct_fields__) - {
    *("external_id", "published_at", "language", "direction"),
    *("key", "breaking", "pinned", "tags"),
}
"""The content of a post: `updated_at` changes with these fields only."""


class PostCopy(Post, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole post, as another server exported it. `url` and `html` are ignored."""

    url: str = ""


def check_draft(
    draft: T,
    before: PostInput | None = None,
    site: str = "",
    *,
    may_be_empty: bool = False,
) -> T:
    """Validate the draft, and normalize its texts, time and tags. Raises Invalid.

    `before`: the stored post, whose addresses are not checked again. `site`: the site's
    address, with which the addresses of its uploaded pictures begin.
    """
    draft = normalized(draft)
    check_addresses(draft, before)
    if draft.headline and is_blank(draft.headline):
        draft = msgspec.structs.replace(draft, headline=None)
    is_empty = not (draft.media or draft.headline) and is_blank(draft.body)
    if is_empty and not may_be_empty:
        raise Invalid("", "a post needs a headline, a body or media")
    for index, media in enumerate(draft.media):
        _check_media(media, f"media[{index}]")
    if draft.media:
        sized = tuple(_with_size(one, site) for one in draft.media)
        if sized != draft.media:
            draft = msgspec.structs.replace(draft, media=sized)
    for index, tag in enumerate(draft.tags):
        if not tag.strip():
            raise Invalid(f"tags[{index}]", "is blank: remove it")
    if draft.published_at is None and len(draft.tags) < 2:
        return draft
    return msgspec.structs.replace(
        draft,
        tags=tuple(dict.fromkeys(draft.tags)),
        published_at=time_or_none(draft.published_at, "published_at"),
    )


def check_new_external_id(draft: PostInput) -> None:
    """Raises Invalid for an id of a new post that no address can contain."""
    if draft.external_id in (".", ".."):
        raise Invalid(
            "external_id",
            f"{draft.external_id!r} can't be in an address, as clients and proxies "
            "resolve it: use another id",
        )


def check_shown(draft: PostInput, html: str) -> None:
    """Raises Invalid if a post has nothing but markup around nothing."""
    if not (draft.media or draft.headline) and shows_nothing(html):
        raise Invalid("body", "shows nothing: write what readers are to see")


def _check_media(media: Media, path: str) -> None:
    if media.type == "quote":
        if not (media.text or media.caption):
            raise Invalid(f"{path}.text", "is missing: a quote needs text or caption")
    elif media.url is None:
        raise Invalid(f"{path}.url", f"is missing: media of type {media.type} needs it")


def _with_size(media: Media, site: str) -> Media:
    """The medium; if it is an uploaded picture, by its path and with its size."""
    url = media.url or ""
    if site and url.startswith(f"{site}/media/"):
        url = url[len(site) :]
    picture = UploadedPicture.at(url) if media.type == "image" else None
    if picture is None or url != picture.path:
        return media
    if media.width is None and media.height is None:
        size = {"width": picture.width, "height": picture.height}
        return msgspec.structs.replace(media, url=url, **size)
    return media if url == media.url else msgspec.structs.replace(media, url=url)


def new_post(draft: PostInput, name: str, html: str, now_ms: int) -> Post:
    """The first revision of a post, from a checked draft."""
    now = instant(now_ms)
    note = draft.correction
    published = draft.published_at or now
    given = members_of(draft) | {
        "published_at": published,
        "correction": None if note is None else Correction(note=note.note, at=now),
    }
    return Post(id=name, html=html, updated_at=min(published, now), rev=1, **given)


def edited(post: Post, draft: PostInput, html: str, now_ms: int) -> Post:
    """The next revision of `post`, from a checked draft. Raises Invalid."""
    if draft.external_id != post.external_id:
        raise Invalid("external_id", "is fixed once the post is published")
    if draft.published_at is None:
        raise Invalid("published_at", "is required: send another time instead of null")
    correction, note = post.correction, draft.correction
    after = new_post(draft, post.id, html, now_ms)
    if correction is not None and note is not None and note.note == correction.note:
        after = msgspec.structs.replace(after, correction=correction)
    updated = after.updated_at
    if any(getattr(after, name) != getattr(post, name) for name in _CONTENT):
        updated = instant(now_ms)
    elif post.updated_at is not None and post.updated_at > post.published_at:
        updated = post.updated_at
    return msgspec.structs.replace(after, updated_at=updated, rev=post.rev + 1)


def unpinned(post: Post) -> Post:
    """The next revision of `post`, unpinned because another post was pinned.

    `updated_at` is unchanged, as the content is.
    """
    return msgspec.structs.replace(post, pinned=False, rev=post.rev + 1)


def editable_post(post: Post) -> PostInput:
    """The fields of `post` that an editor may set, as a draft."""
    note = post.correction
    given = members_of(post) | {
        "correction": None if note is None else CorrectionNote(note=note.note)
    }
    return PostInput(**given)


def members_of(post: PostInput) -> dict[str, Any]:
    """The members of `post` that an editor may set."""
    if type(post) is PostInput:
        return msgspec.structs.asdict(post)
    return {name: getattr(post, name) for name in PostInput.__struct_fields__}


def order(post: Post) -> int:
    """The post's sort key: `published_at` in milliseconds since 1970."""
    return parse_instant(post.published_at)
