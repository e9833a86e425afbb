"""Posts and feeds for the model: as they would be kept, with texts from a seed."""

from __future__ import annotations

import random
from functools import lru_cache

import msgspec

from stoppress.domain.feed import Feed
from stoppress.domain.post import Post
from stoppress.domain.timestamps import instant

_post = msgspec.json.Decoder(Post)
_encode = msgspec.json.encode
_HOUR_MS = 3_600_000


class _Time(msgspec.Struct):
    published_at: str


_time = msgspec.json.Decoder(_Time)


@lru_cache(maxsize=10_000)  # asked for each post, each time that they are ordered
def publish_time(body: bytes) -> str:
    """The `published_at` of a post's kept JSON."""
    return _time.decode(body).published_at


def make_post(
    chance: random.Random, name: str, before: bytes | None, at: int, pinned: bool
) -> bytes:
    """The kept JSON of a new post, or of one changed from `before`.

    Few posts have a time of their own, and some come with the same time as others.
    """
    former = None if before is None else _post.decode(before)
    published = instant(at - at % 5000)
    if former is not None and chance.random() < 0.8:
        published = former.published_at
    elif chance.random() < 0.2:
        published = instant(at - chance.randrange(_HOUR_MS))
    text = chance.choice(("", "gale ", "flood ", "ğüşöç ", "نص "))
    text *= chance.choice((1, 5, 60, 600))
    return _encode(
        Post(
            id=name,
            external_id=None,
            headline=f"{name} at {at}",
            body=text,
            html=f"<p>{text}</p>",
            language=None,
            direction=None,
            key=chance.random() < 0.1,
            breaking=False,
            pinned=pinned,
            tags=(),
            authors=(),
            source=None,
            media=(),
            published_at=published,
            updated_at=instant(at),
            correction=None,
            rev=1 if former is None else former.rev + 1,
        )
    )


def make_feed(slug: str, rev: int, at: int) -> bytes:
    """The kept JSON of a feed."""
    return _encode(
        Feed(
            slug=slug,
            title=f"The feed {slug}, revision {rev}",
            standfirst="",
            summary=None,
            status="live",
            language="en",
            direction="ltr",
            timezone="UTC",
            visibility="public",
            coverage_start=None,
            coverage_end=None,
            links=(),
            share=(),
            image=None,
            show_readers=rev % 3 == 0,
            rev=rev,
            created_at=instant(at),
            updated_at=instant(at),
        )
    )
