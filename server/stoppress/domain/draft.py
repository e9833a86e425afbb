"""The draft, a post that is not published yet, as structs. Private to the desk.

`DraftInput` is what an editor or contributor may send, `Draft` is what is stored.
Rules:
- A draft has the fields of a post; while it is a `draft`, it may be empty.
- `publish_at` is set if and only if the state is `scheduled`.
- With `base` it is a change to a published post: publishing the draft updates that
  post, if the post still has that revision.
- `approved_by` approved or scheduled the current text: a change of the text removes it.
  `edited_by` changed the text last.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from stoppress.domain.post import PostInput

DraftState = Literal["draft", "submitted", "approved", "scheduled"]

MAX_COMMENTS = 200
"""Limit of the comments on one draft."""
COMMENT_LENGTH = 2000


class Person(Struct, frozen=True, omit_defaults=True):
    """A person or program at the desk."""

    id: str
    name: str = ""
    program: bool = False
    """Whether it is a token used by a program, not a person who signed in."""


class Comment(Struct, frozen=True, omit_defaults=True):
    """A comment on a draft."""

    id: str
    by: Person
    at: str
    text: str


class CommentInput(Struct, frozen=True, forbid_unknown_fields=True):
    """A comment as a client sends it."""

    text: Annotated[str, Meta(min_length=1, max_length=COMMENT_LENGTH)]


class Base(Struct, frozen=True, forbid_unknown_fields=True):
    """The post that a draft changes, and the revision it was made from."""

    id: Annotated[str, Meta(pattern=r"^[0-9A-Za-z]{1,64}$(?!\n)")]
    rev: Annotated[int, Meta(ge=1)]


class DraftInput(
    PostInput, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """The input of an editor or contributor: the fields of a post and of a draft."""

    state: Annotated[
        DraftState,
        Meta(description="Approved and scheduled need the scope publish."),
    ] = "draft"
    publish_at: Annotated[
        str | None,
        Meta(description="When a scheduled draft goes out: RFC 3339 with an offset."),
    ] = None
    notes: Annotated[str, Meta(max_length=20_000, description="Only for the desk.")] = (
        ""
    )
    base: Annotated[
        Base | None, Meta(description="The post that it changes, at a revision.")
    ] = None


class Draft(DraftInput, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """One draft, as it is stored."""

    id: str
    state: DraftState
    owner: Person
    edited_by: Person
    """The person who wrote the current text."""
    approved_by: Person | None = None
    comments: tuple[Comment, ...] = ()
    commented_revs: tuple[int, int] | None = None
    """The first and the last of the newest revisions that differ in comments alone.

    It counts only while the last one is `rev`: an earlier release does not set it.
    """
    refusal: str | None = None
    """The reason why its scheduled publication failed."""
    created_at: str
    updated_at: str
    rev: int
