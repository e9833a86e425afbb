"""A post: what an editor writes, and what a reader gets.

`PostInput` is what an editor may send, `Post` what is kept, and `Post` with its
address, but without what is PRIVATE, what readers get. Rules:
- Absent means null, false or empty, in each of them.
- Bounds are in characters unless they say bytes; a post as a whole is bounded by
  the 64 KiB of a request body. Posts that were kept are read through them: a bound
  may be raised, never lowered.
- Order in a feed: `published_at` descending, then the newest made, which is the
  greater id (`new_post_id`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

Text = Annotated[str, Meta(max_length=500)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Url = Annotated[
    str,
    Meta(
        max_length=2000,
        pattern=r"^(https?://[^\s<>\"]+|/[^\s<>\"/\\][^\s<>\"]*)$(?!\n)",
    ),
]
Headline = Annotated[str, Meta(max_length=300)]
Tag = Annotated[str, Meta(min_length=1, max_length=60)]
Language = Annotated[
    str, Meta(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$(?!\n)", max_length=35)
]
Direction = Literal["ltr", "rtl", "auto"]
Pixels = Annotated[int, Meta(ge=1, le=20_000)]

PRIVATE = frozenset({"body", "external_id"})
"""Members of a post that only callers get that may publish on its feed."""


class Author(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who wrote it."""

    name: Name
    url: Url | None = None


class Source(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where the news came from."""

    name: Name
    url: Url | None = None


class Media(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A picture, quote, link card, or third-party embed (loaded on a click)."""

    type: Literal["image", "quote", "link", "embed"]
    url: Url | None = None
    width: Pixels | None = None
    height: Pixels | None = None
    alt: Annotated[str, Meta(max_length=1000)] | None = None
    caption: Annotated[str, Meta(max_length=1000)] | None = None
    credit: Text | None = None
    title: Text | None = None
    text: Annotated[str, Meta(max_length=5000)] | None = None
    image: Url | None = None
    provider: Text | None = None


class CorrectionNote(Struct, frozen=True, forbid_unknown_fields=True):
    """What an editor says of a correction."""

    note: Annotated[str, Meta(min_length=1, max_length=1000)]


class Correction(CorrectionNote, frozen=True, forbid_unknown_fields=False):
    """What readers see of a correction."""

    at: str


class PostInput(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What an editor may send. A post needs a headline, a body or media.

    Each field of a post that an editor fills in is listed here and nowhere else; what
    it says of itself is said by the command line and by the API's description.
    """

    external_id: Annotated[
        Name | None, Meta(description="Its id in your system; it can be used once.")
    ] = None
    headline: Annotated[Headline | None, Meta(description="The headline.")] = None
    body: Annotated[str, Meta(max_length=65_536, description="Its text: Markdown.")] = (
        ""
    )
    language: Annotated[
        Language | None, Meta(description="If not the feed's, such as en or pt-BR.")
    ] = None
    direction: Annotated[
        Direction | None, Meta(description="If not the language's.")
    ] = None
    key: Annotated[bool, Meta(description="A key event.")] = False
    breaking: Annotated[bool, Meta(description="Breaking news.")] = False
    pinned: Annotated[bool, Meta(description="Pin it on top.")] = False
    tags: Annotated[
        tuple[Tag, ...], Meta(max_length=20, description="What it is about.")
    ] = ()
    authors: Annotated[
        tuple[Author, ...], Meta(max_length=20, description="Who wrote it.")
    ] = ()
    source: Annotated[Source | None, Meta(description="Where the news came from.")] = (
        None
    )
    location: Annotated[Name | None, Meta(description="Where it happens.")] = None
    media: Annotated[
        tuple[Media, ...], Meta(max_length=20, description="What is attached.")
    ] = ()
    published_at: Annotated[
        str | None, Meta(description="When, if not now: RFC 3339 with an offset.")
    ] = None
    correction: Annotated[
        CorrectionNote | None, Meta(description="What readers are told of a change.")
    ] = None


class Post(PostInput, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """One entry of a feed, as it is kept. Its `url` is added on the way out.

    `updated_at` is None while it is `published_at`.
    """

    id: str
    html: str = ""
    published_at: str
    updated_at: str | None = None
    correction: Correction | None = None
    rev: int

    def __post_init__(self) -> None:
        # Earlier releases kept it also where the two are equal.
        if self.updated_at == self.published_at:
            structs.force_setattr(self, "updated_at", None)


_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: sorts as it counts


def new_post_id(made_ms: int, counter: int) -> str:
    """An id that sorts by when it was made: 10 digits of time, 4 of `counter`.

    `counter` (20 bits) is the caller's: monotonic within a millisecond, and
    starting at a random number so that two processes don't meet.
    """
    value = made_ms << 20 | counter & 0xFFFFF
    return "".join(_DIGITS[value >> shift & 31] for shift in range(65, -1, -5))
