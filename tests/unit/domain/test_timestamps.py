"""Times are read with their offset and written in one canonical form."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoppress.domain.timestamps import instant, parse_instant

YEAR_9999_MS = 253_402_300_799_999


@given(st.integers(0, YEAR_9999_MS), st.integers(0, YEAR_9999_MS))
def test_texts_order_as_instants(one: int, other: int) -> None:
    """The order of the texts is the order of the instants."""
    assert (instant(one) < instant(other)) == (one < other)
    assert parse_instant(instant(one)) == one


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2026-11-22T09:30:00+03:00", "2026-11-22T06:30:00.000Z"),
        ("2026-11-22T09:30:00.5Z", "2026-11-22T09:30:00.500Z"),
        ("2026-11-22t09:30:00z", "2026-11-22T09:30:00.000Z"),
        ("2026-11-22 23:59:59.9999-01:00", "2026-11-23T01:00:00.000Z"),
    ],
)
def test_an_offset_is_honoured(text: str, canonical: str) -> None:
    """The same instant, in UTC, to the millisecond."""
    assert instant(parse_instant(text)) == canonical


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-11-22", "2026-11-22T09:30:00", "2026-13-01T00:00:00Z", "１"],
)
def test_a_time_without_an_offset_is_refused(text: str) -> None:
    """A time that could mean two instants is none."""
    with pytest.raises(ValueError):
        parse_instant(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30T00:00:00Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T23:59:60Z",
        "2026-11-22T09:30:00+24:00",
        "0000-01-01T00:00:00Z",
    ],
)
def test_a_moment_that_does_not_exist_is_quoted(text: str) -> None:
    """With the text that was sent, not in words about Python's types."""
    with pytest.raises(
        ValueError, match=re.escape(f"{text!r} is invalid: there is no")
    ):
        parse_instant(text)
