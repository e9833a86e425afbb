"""Bodies of the API, through the functions that read, check and merge them.

Holds: each is taken, or refused with a named error whose text is short; what is taken
can be kept, and reads as the same when it is read again.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import msgspec

from stoppress.desk.feed_from_and_to_input import (
    FeedCopy,
    check_feed,
    editable_feed,
    edited_feed,
    new_feed,
)
from stoppress.desk.feeds import read_new_feed
from stoppress.desk.json_input import convert, read, read_object
from stoppress.desk.merge_patch import merge
from stoppress.desk.post_from_and_to_input import (
    PostCopy,
    check_draft,
    editable_post,
    edited,
    new_post,
)
from stoppress.desk.token_record import TokenInput
from stoppress.desk.write_outcome_and_checks import encode
from stoppress.domain.errors import Malformed
from stoppress.domain.feed import Feed, FeedInput
from stoppress.domain.post import Post, PostInput
from tests.fuzz import samples
from tests.fuzz.mutate import json_of

T = TypeVar("T")
LONGEST_ERROR = 4096
NOW = 1_795_339_800_000
_draft = msgspec.json.Decoder(PostInput)
_post = msgspec.json.Decoder(Post)
_feed = msgspec.json.Decoder(Feed)
_token = msgspec.json.Decoder(TokenInput)
_post_copy = msgspec.json.Decoder(PostCopy)
_feed_copy = msgspec.json.Decoder(FeedCopy)


def _publish(raw: bytes) -> None:
    post = new_post(check_draft(read(raw, _draft)), samples.POST_ID, "<p>", NOW)
    assert _post.decode(encode(post)) == post


def _edit(raw: bytes) -> None:
    held = editable_post(_HELD_POST)
    merged = merge(msgspec.to_builtins(held), read_object(raw))
    post = edited(_HELD_POST, check_draft(convert(merged, PostInput)), "<p>", NOW)
    assert _post.decode(encode(post)) == post


def _make(raw: bytes) -> None:
    given = read_new_feed(raw)
    feed = new_feed(check_feed(given), given.slug, NOW)
    assert _feed.decode(encode(feed)) == feed


def _change(raw: bytes) -> None:
    held = editable_feed(_HELD_FEED)
    merged = merge(msgspec.to_builtins(held), read_object(raw))
    feed = edited_feed(_HELD_FEED, check_feed(convert(merged, FeedInput)), NOW)
    assert _feed.decode(encode(feed)) == feed


def _of(decoder: msgspec.json.Decoder[T]) -> Callable[[bytes], None]:
    def take(raw: bytes) -> None:
        value = read(raw, decoder)
        assert decoder.decode(encode(value)) == value

    return take


_HELD_POST = new_post(
    check_draft(convert(samples.POST, PostInput)), samples.POST_ID, "<p>", NOW
)
_HELD_FEED = new_feed(check_feed(convert(samples.FEED, FeedInput)), "quay", NOW)
TAKERS: tuple[tuple[str, dict[str, object], Callable[[bytes], None]], ...] = (
    ("post", samples.POST, _publish),
    ("post patch", samples.POST, _edit),
    ("feed", samples.NEW_FEED, _make),
    ("feed patch", samples.FEED, _change),
    ("token", samples.TOKEN, _of(_token)),
    ("post copy", samples.POST_COPY, _of(_post_copy)),
    ("feed copy", samples.FEED_COPY, _of(_feed_copy)),
)


def session(chance: random.Random, inputs: int) -> Counter[str]:
    """So many bodies, each for one of the calls."""
    seen: Counter[str] = Counter()
    for _ in range(inputs):
        name, right, take = chance.choice(TAKERS)
        taken(name, take, json_of(chance, right), seen)
    return seen


def taken(
    name: str, take: Callable[[bytes], None], raw: bytes, seen: Counter[str]
) -> None:
    """One body, for one call."""
    try:
        take(raw)
    except Malformed as wrong:
        text = str(wrong)
        assert len(text) <= LONGEST_ERROR, f"an error of {len(text)} characters"
        text.encode()
        seen[f"{name} {type(wrong).__name__}"] += 1
    else:
        seen[f"{name} taken"] += 1
