"""Converts the input of an editor or contributor to the stored draft, and a draft to a
post.

Pure: the same input, persons and time give the same draft. The permissions are in
`draft_permissions.py`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from stoppress.desk.caller import Caller
from stoppress.desk.input_normalization import time_or_none
from stoppress.desk.post_from_and_to_input import (
    check_draft,
    check_new_external_id,
    members_of,
)
from stoppress.domain.draft import (
    MAX_COMMENTS,
    Comment,
    Draft,
    DraftInput,
    Person,
)
from stoppress.domain.errors import Invalid
from stoppress.domain.post import PostInput
from stoppress.domain.timestamps import instant, parse_instant

WORDS = PostInput.__struct_fields__
"""The fields of a draft that its post gets."""


def person_behind(caller: Caller) -> Person:
    """The caller as a person of a draft."""
    return Person(caller.id, caller.name, caller.kind == "token")


def check_draft_input(
    given: DraftInput, before: Draft | None = None, site: str = ""
) -> DraftInput:
    """Validate and normalize a draft's input. Raises Invalid.

    `before`: the stored draft, whose addresses are not checked again.
    """
    checked = check_draft(given, before, site, may_be_empty=given.state == "draft")
    if before is None or before.external_id != checked.external_id:
        check_new_external_id(checked)
    due = time_or_none(checked.publish_at, "publish_at")
    if checked.state == "scheduled" and due is None:
        raise Invalid("publish_at", "is missing: a scheduled draft needs a time")
    if checked.state != "scheduled" and due is not None:
        raise Invalid(
            "publish_at", f"needs the state scheduled; the state is {checked.state}"
        )
    if checked.base is not None and checked.external_id is not None:
        raise Invalid("external_id", "is fixed once the post is published")
    return msgspec.structs.replace(checked, publish_at=due)


def due_ms(draft: DraftInput) -> int | None:
    """When a draft is due, in milliseconds since 1970; None if it is not scheduled."""
    return None if draft.publish_at is None else parse_instant(draft.publish_at)


def new_draft(given: DraftInput, name: str, by: Person, now_ms: int) -> Draft:
    """The first revision of a draft, from checked input."""
    now = instant(now_ms)
    return Draft(
        id=name,
        owner=by,
        edited_by=by,
        approved_by=by if _is_approved(given) else None,
        created_at=now,
        updated_at=now,
        rev=1,
        **_given(given),
    )


def edited_draft(before: Draft, given: DraftInput, by: Person, now_ms: int) -> Draft:
    """The next revision of a draft, from checked input."""
    is_new = any(getattr(given, name) != getattr(before, name) for name in WORDS)
    approved_by = before.approved_by
    if not _is_approved(given):
        approved_by = None
    elif is_new or not _is_approved(before) or approved_by is None:
        approved_by = by
    return msgspec.structs.replace(
        before,
        edited_by=by if is_new else before.edited_by,
        approved_by=approved_by,
        refusal=None,
        commented_revs=None,
        updated_at=instant(now_ms),
        rev=before.rev + 1,
        **_given(given),
    )


def commented_draft(
    before: Draft, text: str, name: str, by: Person, now_ms: int
) -> Draft:
    """The next revision of a draft, with one more comment. Raises Invalid."""
    if len(before.comments) >= MAX_COMMENTS:
        raise Invalid(
            "text", f"a draft has {MAX_COMMENTS} comments at most: remove one first"
        )
    comment = Comment(name, by, instant(now_ms), text)
    return _with_comments(before, (*before.comments, comment), now_ms)


def uncommented_draft(before: Draft, comment: str, now_ms: int) -> Draft:
    """The next revision of a draft, without one of its comments."""
    left = tuple(one for one in before.comments if one.id != comment)
    return _with_comments(before, left, now_ms)


def _with_comments(before: Draft, comments: tuple[Comment, ...], now_ms: int) -> Draft:
    return msgspec.structs.replace(
        before,
        comments=comments,
        commented_revs=(equal_revs(before).start, before.rev + 1),
        updated_at=instant(now_ms),
        rev=before.rev + 1,
    )


def equal_revs(draft: Draft) -> range:
    """The revisions that differ from the draft in comments alone, and its own."""
    first, last = draft.commented_revs or (draft.rev, draft.rev)
    return range(first if last == draft.rev else draft.rev, draft.rev + 1)


def refused_draft(before: Draft, reason: str, now_ms: int) -> Draft:
    """The next revision of a scheduled draft that could not be published: approved."""
    return msgspec.structs.replace(
        before,
        state="approved",
        publish_at=None,
        refusal=reason[:500],
        commented_revs=None,
        updated_at=instant(now_ms),
        rev=before.rev + 1,
    )


def same_input(before: Draft, given: DraftInput) -> bool:
    """Whether a draft already has this input."""
    return all(getattr(before, name) == value for name, value in _given(given).items())


def post_input(draft: Draft) -> PostInput:
    """The post's input that a draft contains, checked. Raises Invalid."""
    words = PostInput(**members_of(draft))
    return check_draft(words, words)


def _given(given: DraftInput) -> dict[str, Any]:
    return {name: getattr(given, name) for name in DraftInput.__struct_fields__}


def _is_approved(draft: DraftInput) -> bool:
    return draft.state in ("approved", "scheduled")
