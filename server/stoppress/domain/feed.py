"""The feed (one live blog, identified by its slug) as structs.

`FeedInput` is what an editor may send; `Feed` is what is stored and published.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct

from stoppress.domain.errors import Invalid
from stoppress.domain.post import Direction, Language, Name, Pixels, Text, Url

Status = Literal["upcoming", "live", "paused", "closed"]
Visibility = Literal["public", "unlisted", "private"]

SLUG_RULE = (
    "a slug is 1 to 80 lower-case letters a-z, digits and single hyphens, "
    "and begins and ends with a letter or digit"
)
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_RTL = re.compile(r"(ar|ckb|dv|fa|he|ps|sd|ug|ur|yi)\b", re.IGNORECASE)


def check_slug(slug: str, field: str = "slug") -> str:
    """Return the slug. Raises Invalid, with the rule, if it is not valid."""
    if len(slug) > 80 or not _SLUG.fullmatch(slug):
        raise Invalid(field, f"{slug[:100]!r} is invalid: {SLUG_RULE}")
    return slug


def language_direction(language: str) -> Direction:
    """The direction in which a language is written."""
    return "rtl" if _RTL.match(language) else "ltr"


class RelatedLink(Struct, frozen=True, forbid_unknown_fields=True):
    """A link to a related page."""

    title: Name
    url: Url


class FeedImage(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The feed's picture, for cards and search engines."""

    url: Url
    width: Pixels | None = None
    height: Pixels | None = None
    alt: Annotated[str, Meta(max_length=1000)] | None = None


class FeedInput(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """The fields of a feed that an editor may set, except the slug."""

    title: Annotated[str, Meta(min_length=1, max_length=300)]
    standfirst: Annotated[str, Meta(max_length=5000)] = ""
    summary: Annotated[str, Meta(max_length=10_000)] | None = None
    status: Status = "live"
    language: Language = "en"
    direction: Annotated[
        Direction, Meta(description="By default that of the language.")
    ] = "ltr"
    timezone: Annotated[str, Meta(max_length=64)] = "UTC"
    visibility: Visibility = "public"
    coverage_start: str | None = None
    coverage_end: str | None = None
    links: Annotated[tuple[RelatedLink, ...], Meta(max_length=50)] = ()
    share: Annotated[tuple[Text, ...], Meta(max_length=10)] = ()
    image: FeedImage | None = None
    show_readers: bool = False
    show_verification: bool = False
    """Whether readers get the verification of each post."""
    breaking_needs_two: bool = False
    """Whether a breaking post needs two people, its author and another."""


class Feed(FeedInput, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """One live blog, as it is stored. Its `url` is added in every answer.

    Fields with a default other than null, false or empty are always stored.
    """

    slug: str
    status: Status
    language: Language
    direction: Direction
    timezone: str
    visibility: Visibility
    rev: int
    created_at: str
    updated_at: str
    closed_at: str | None = None
    """When it was closed; None while it is open (also if reopened)."""
