"""Broken input is told by its place, wrong input by its field."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoppress.desk.feed_from_and_to_input import NewFeed
from stoppress.desk.json_input import check_json, read, read_object
from stoppress.domain.errors import BrokenJson, Invalid
from stoppress.domain.post import PostInput

DRAFT = msgspec.json.Decoder(PostInput)
FEED = msgspec.json.Decoder(NewFeed)


@pytest.mark.parametrize(
    ("raw", "line", "column"),
    [
        (b"", 1, 1),
        (b'{"headline":', 1, 13),
        (b'{"headline":"x"', 1, 16),
        (b'{\n  "headline": "x",\n  body: 1\n}', 3, 3),
        (b'{"headline": "x"} y', 1, 19),
        (b'{"headline": NaN}', 1, 14),
        (b'{"headline": "\xff"}', 1, 15),
        ('{"headline": "ğü\n'.encode(), 1, 17),
        (b'{"headline": 1, "body": }', 1, 25),
        (b'{"nonsense": }', 1, 14),
        (b'{"headline": "\\ud800"}', 1, 15),
        (b'{"body": "a",\n "body": "a"}', 2, 2),
        (b'{"authors": [{"name": "a", "n\\u0061me": "b"}], "x": 1}', 1, 28),
        ('{"ş": 1, "x": {"ş": 2, "ş": 3}}'.encode(), 1, 24),
        (b'{"body": 1e999, "key": 1, "body": 2}', 1, 27),
        (b"[" * 60_000, 1, 1),
        (b'{"nonsense": ' + b"[" * 60_000, 1, 1),
    ],
)
def test_broken_json_is_told_by_its_place(raw: bytes, line: int, column: int) -> None:
    """Line and column count from 1, in characters; a wrong field comes second."""
    with pytest.raises(BrokenJson) as error:
        read(raw, DRAFT)
    assert (error.value.line, error.value.column) == (line, column)
    assert f"line {line}, column {column}" in str(error.value)


def test_a_key_that_stands_twice_is_named() -> None:
    """As it was meant; the same key in another object is another."""
    with pytest.raises(BrokenJson, match="the key 'body' is a duplicate"):
        read_object(b'{"body": "}{", "x": {"body": 1}, "\\u0062ody": "b"}')
    apart = b'{"a": {"a": [{"a": "a"}, {"a": "\\"a\\":"}]}, "b": {"a": 1}}'
    assert read_object(apart) == msgspec.json.decode(apart)


@pytest.mark.parametrize(
    ("raw", "field", "words"),
    [
        (b'{"headlin": "x"}', "headlin", "unknown field"),
        (b'{"html": "x"}', "html", "the server sets it"),
        (b'{"headline": 1}', "headline", "must be a text or null, not a whole number"),
        (b'{"key": "true"}', "key", "must be true or false, not a text"),
        (b'{"tags": "x"}', "tags", "must be a list, not a text"),
        (b'{"tags": ["a", null]}', "tags[1]", "must be a text, not null"),
        (b'{"authors": [{"name": "a"}, {"nam": "b"}]}', "authors[1].nam", "unknown"),
        (b'{"authors": [{}]}', "authors[0].name", "missing"),
        (
            b'{"authors": [{"name": "a", "url": "javascript:x"}]}',
            "authors[0].url",
            "is invalid: use https://",
        ),
        (
            b'{"media": [{"type": "video"}]}',
            "media[0].type",
            "'video' is invalid: use one of",
        ),
        (b'{"language": "x_"}', "language", "use a language tag"),
        (b'{"source": {"name": ""}}', "source.name", "is empty: use 1 or more char"),
        (b'{"headline": "%b"}' % (b"x" * 301), "headline", "use 300 characters or few"),
        (b'{"tags": [%b"x"]}' % (b'"x",' * 99), "tags", "entries or fewer"),
        (b'{"media": [{"type": "image", "width": 0}]}', "media[0].width", "1 or more"),
        (b'{"correction": {"note": "x", "at": "y"}}', "correction.at", "server"),
        (b'{"media": [{"type": "image", "width": 1e999}]}', "media[0].width", "range"),
        (b"[]", "", "must be an object, not a list"),
        (b"null", "", "must be an object, not null"),
        (b'{"headline": "a\\u0000b"}', "headline", "U+0000"),
        (b'{"tags": ["a", "\\u001b[0m"]}', "tags[1]", "U+001B"),
        ('{"authors": [{"name": "\uffff"}]}'.encode(), "authors[0].name", "U+FFFF"),
        (b'{"source": {"name": "x", "url": "https://x\\n"}}', "source.url", "invalid"),
    ],
)
def test_a_wrong_field_is_named(raw: bytes, field: str, words: str) -> None:
    """Its path is written as one would write it in JavaScript."""
    with pytest.raises(Invalid) as error:
        read(raw, DRAFT)
    assert error.value.field == field
    assert words in error.value.reason


@pytest.mark.parametrize(
    "raw",
    [
        b'{"media": [{"type": "%b"}]}' % (b"x" * 9000),
        b'{"%b": 1}' % (b"x" * 9000),
        b'{"direction": "%b"}' % (b"x" * 9000),
    ],
    ids=["value", "name", "choice"],
)
def test_an_error_repeats_little_of_what_was_sent(raw: bytes) -> None:
    """It is for reading, and answers are not to be as large as what was sent."""
    with pytest.raises(Invalid) as error:
        read(raw, DRAFT)
    assert 80 < len(str(error.value)) < 400


def test_a_missing_member_is_named() -> None:
    """A feed without a slug or a title."""
    with pytest.raises(Invalid) as error:
        read(b'{"title": "x"}', FEED)
    assert (error.value.field, error.value.reason) == ("slug", "is missing")


def test_valid_json_is_read() -> None:
    """Escapes that hide nothing bad are welcome."""
    assert read(b'{"headline": "\\u0041\\n\\ud83c\\udf0a"}', DRAFT).headline == "A\n🌊"
    assert read_object(b'{"a": {"b": null}}') == {"a": {"b": None}}


@pytest.mark.parametrize(
    "raw", [b'{"a": 1e999, "b"', b"[1e999]\xeb\x89", b'{"a": %b' % (b"9" * 5000)]
)
def test_truncated_json_after_a_large_number_is_broken(raw: bytes) -> None:
    """Not a fault of ours."""
    with pytest.raises(BrokenJson):
        read(raw, DRAFT)


@given(
    st.binary(max_size=60) | st.text(alphabet='{}[]":,\\ux01ntruefals ', max_size=40)
)
def test_any_bytes_are_read_or_refused(raw: bytes | str) -> None:
    """Nothing else can come out of reading than a value or these two errors."""
    data = raw.encode() if isinstance(raw, str) else raw
    try:
        read(data, DRAFT)
    except BrokenJson as broken:
        assert broken.line >= 1 and broken.column >= 1
        with pytest.raises(BrokenJson):
            check_json(data)
    except Invalid:
        check_json(data)
