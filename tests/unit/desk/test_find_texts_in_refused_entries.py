"""Copies of a post among refused entries are found, however they were written."""

from __future__ import annotations

import json

import msgspec
import pytest

from stoppress.desk.find_texts_in_refused_entries import TextSearch, texts_of
from stoppress.desk.input_normalization import normalized
from stoppress.domain.post import PostInput

LONG = "A text of the post, longer than twenty characters."


def entry(post: object, feed: str = "x", reason: str = "r") -> dict[bytes, bytes]:
    """A refused entry; `post` is JSON as bytes, or what is encoded."""
    held = post if isinstance(post, bytes) else json.dumps(post).encode()
    return {b"feed": feed.encode(), b"post": held, b"reason": reason.encode()}


def is_found(post: object, *texts: str, feed: str = "x") -> bool:
    """Whether an entry contains a text of a post of the feed x."""
    return TextSearch("x", texts).is_in(entry(post, feed))


def test_texts_of_a_post_are_those_of_every_member() -> None:
    """The long ones; and its body, headline and external_id. No times, and no HTML."""
    states = (
        {"id": "1", "body": "Short", "html": f"<p>{LONG}</p>", "tags": ["tag"]},
        {"headline": "Head", "external_id": "e", "source": {"name": LONG + "1"}},
        {"media": [{"type": "image", "caption": LONG + "2", "alt": "a"}]},
        {"correction": {"note": LONG + "3", "at": "2026-01-01T00:00:00.000Z"}},
        {"published_at": "2026-01-01T00:00:00.000Z", "later": {"x": [LONG + "4"]}},
    )
    found = texts_of([json.dumps(one).encode() for one in states])
    long = {f"{LONG}{number}" for number in range(1, 5)}
    assert found == {"Short", "Head", "e", *long}


def test_a_short_text_is_found_if_it_is_all_of_a_member() -> None:
    assert is_found({"body": "Short"}, "Short")
    assert is_found({"headline": "Short"}, "Short", feed="misspelt")
    assert not is_found({"body": "Another, in which Short stands."}, "Short")
    assert not is_found({"source": {"name": "Short"}}, "Short")
    assert not is_found({"body": 1}, "1")
    assert not is_found(["Short"], "Short")


def test_an_external_id_counts_in_its_feed_alone() -> None:
    """Another feed may use the same one."""
    assert is_found({"external_id": "e", "headline": 1}, "e")
    assert not is_found({"external_id": "e"}, "e", feed="y")


@pytest.mark.parametrize(
    "post",
    [
        {"body": f"Before. {LONG} After."},
        {"media": [{"caption": LONG}]},
        {"post": {"text": LONG}},
        {LONG: 1},
        f'{{"body":"{LONG}","body":"another"}}'.encode(),
        LONG,
    ],
    ids=["part", "caption", "wrapped", "key", "duplicate", "no object"],
)
def test_a_long_text_is_found_anywhere_in_an_entry(post: object) -> None:
    """Of any feed: a misspelt one is a reason to refuse it."""
    assert is_found(post, LONG)
    assert is_found(post, LONG, feed="misspelt")
    assert not is_found(post, LONG + "!")


def test_a_long_text_is_found_beside_the_post() -> None:
    search = TextSearch("x", [LONG])
    assert search.is_in(entry({}, reason=f"the key {LONG!r} is unknown"))
    assert search.is_in({b"feed": LONG.encode()})
    assert not search.is_in(entry(b""))


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("body", "First line\u2028second line\u2029\x0bthird \x0c line"),
        ("headline", "Open \u202eright to left, \u2067never closed"),
        ("headline", "Stray \u2069closing ones\u202c in a headline"),
        ("headline", "Two\u2028\u2028lines of a headline"),
        ("body", "a\u2028b"),
    ],
)
def test_a_text_is_found_as_it_was_before_its_normalization(
    field: str, text: str
) -> None:
    stored = normalized(msgspec.convert({field: text}, PostInput))
    assert getattr(stored, field) != text
    texts = texts_of([msgspec.json.encode(stored)])
    assert is_found({field: text}, *texts, feed="misspelt")
    assert is_found({field: getattr(stored, field)}, *texts)


@pytest.mark.parametrize(
    "post",
    [
        b"[" * 5000,
        b'{"x":' * 3000,
        b'{"body":"\xff"}',
        b'{"body":"\\u0041 tex',
        '{"body":"x"}'.encode("utf-16"),
        b"no JSON",
    ],
    ids=lambda post: repr(post[:12]),
)
def test_an_entry_that_can_not_be_read_counts_as_a_copy(post: bytes) -> None:
    assert is_found(post, "Short", feed="y")


@pytest.mark.parametrize(
    "post",
    [b"9" * 5000, b'{"body":"\\ud800"}', b"[" * 300 + b"]" * 300, b"1e999", b"{}"],
    ids=lambda post: repr(post[:12]),
)
def test_an_odd_entry_that_can_be_read_is_searched(post: bytes) -> None:
    assert not is_found(post, LONG, "Short")
