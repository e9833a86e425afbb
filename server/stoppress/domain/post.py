"""The post, an entry of a feed, as structs.

`PostInput` is what an editor may send, `Post` is what is stored. Readers get `Post`
with its `url` and without the members in PRIVATE. Rules:
- An absent member means null, false or empty, in each of them.
- Limits are in characters unless they say bytes; a whole post is limited by the
  64 KiB of a request body. Stored posts are checked against the limits when read:
  a limit may be raised, never lowered.
- Order in a feed: `published_at` descending, then newest created first, which is
  the greater id (`new_post_id`).
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
Verification = Literal["single", "confirmed", "disputed"]
"""The verification: one source, several that agree, or sources that contradict."""
Pixels = Annotated[int, Meta(ge=1, le=20_000)]

PRIVATE = frozenset({"body", "external_id"})
"""Members of a post sent only to callers that may publish on its feed."""
IF_THE_FEED_SAYS_SO = frozenset({"verification"})
"""Members of a post sent to readers only where the feed's settings say so."""


class Author(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An author of a post."""

    name: Name
    url: Url | None = None
    role: Name | None = None
    image: Url | None = None


class Source(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The source of a post."""

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
    """A correction as an editor sends it."""

    note: Annotated[str, Meta(min_length=1, max_length=1000)]


class Correction(CorrectionNote, frozen=True, forbid_unknown_fields=False):
    """A correction as readers get it, with its time."""

    at: str


class PostInput(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What an editor may send. A post needs a headline, a body or media.

    Each field of a post that an editor may set is listed only here; the command line
    and the OpenAPI document show its description.
    """

    external_id: Annotated[
        Name | None,
        Meta(description="Its id in your system; can be used once per feed."),
    ] = None
    headline: Annotated[Headline | None, Meta(description="The headline.")] = None
    body: Annotated[str, Meta(max_length=65_536, description="Its text: Markdown.")] = (
        ""
    )
    language: Annotated[
        Language | None,
        Meta(description="Its language, if not the feed's, such as en or pt-BR."),
    ] = None
    direction: Annotated[
        Direction | None,
        Meta(description="Its direction, if not the language's: ltr, rtl or auto."),
    ] = None
    key: Annotated[bool, Meta(description="A key moment.")] = False
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
    verification: Annotated[
        Verification | None,
        Meta(description="How sure it is; readers get it if the feed says so."),
    ] = None
    location: Annotated[Name | None, Meta(description="Where it happens.")] = None
    media: Annotated[
        tuple[Media, ...], Meta(max_length=20, description="What is attached.")
    ] = ()
    published_at: Annotated[
        str | None, Meta(description="Its time, if not now: RFC 3339 with an offset.")
    ] = None
    correction: Annotated[
        CorrectionNote | None,
        Meta(description="A note for readers about the correction."),
    ] = None


class Post(PostInput, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """One entry of a feed, as it is stored. Its `url` is added in every answer.

    `updated_at` is None while it equals `published_at`.
    """

    id: str
    html: str = ""
    published_at: str
    updated_at: str | None = None
    correction: Correction | None = None
    rev: int

    def __post_init__(self) -> None:
        # Earlier releases stored it also if the two are equal.
        if self.updated_at == self.published_at:
            structs.force_setattr(self, "updated_at", None)


_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: sorts as it counts
_PAIRS = tuple(one + other for one in _DIGITS for other in _DIGITS)


def new_post_id(made_ms: int, counter: int) -> str:
    """An id that sorts by creation time: 10 digits of time, 4 of `counter`.

    The caller provides `counter` (20 bits): increasing within a millisecond, and
    starting at a random number so that two processes do not collide.
    """
    value = made_ms << 20 | counter & 0xFFFFF
    return "".join([_PAIRS[value >> shift & 1023] for shift in range(60, -1, -10)])
