"""From what an editor sent of a post to what is kept, and back to what may be edited.

Pure decisions: given the same input, id, HTML and time, the same post. Rules:
- A post needs a headline, a body or media.
- `external_id` belongs to a post from its creation, and never changes.
- A correction is dated when its note is new.
- Times are kept in their canonical form (`domain.timestamps`), between 1970 and 9999.
"""

from __future__ import annotations

from typing import Any

import msgspec

from stoppress.desk.input_normalization import time_or_none, without_blanks
from stoppress.domain.errors import Invalid
from stoppress.domain.post import Correction, CorrectionNote, Media, Post, PostInput
from stoppress.domain.timestamps import instant, parse_instant

_SAID = frozenset(PostInput.__struct_fields__) - {
    *("external_id", "published_at", "language", "direction"),
    *("key", "breaking", "pinned", "tags"),
}
"""What a post says: `updated_at` moves with these, not with marks, tags and the pin."""


class PostCopy(Post, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole post, as another server showed it. Its `url` and `html` don't count."""

    url: str = ""


def check_draft(draft: PostInput) -> PostInput:
    """The draft with its texts, time and tags in canonical form. Raises Invalid."""
    draft = without_blanks(draft)
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
        published_at=time_or_none(draft.published_at, "published_at"),
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
    given = _members(draft) | {
        "published_at": published,
        "correction": None if note is None else Correction(note=note.note, at=now),
    }
    return Post(id=name, html=html, updated_at=min(published, now), rev=1, **given)


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
    elif post.updated_at is not None and post.updated_at > post.published_at:
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
    given = _members(post) | {
        "correction": None if note is None else CorrectionNote(note=note.note)
    }
    return PostInput(**given)


def _members(post: PostInput) -> dict[str, Any]:
    """What an editor may send, as it is in `post`."""
    return {name: getattr(post, name) for name in PostInput.__struct_fields__}


def order(post: Post) -> int:
    """Where the post stands: `published_at` in milliseconds since 1970."""
    return parse_instant(post.published_at)
