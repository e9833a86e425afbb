"""Bidirectional controls end with the text that they are in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoppress.domain.close_bidi_controls import closed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("\u202babc\u202c \u2067x\u2069", "\u202babc\u202c \u2067x\u2069"),
        ("\u202eabc", "\u202eabc\u202c"),
        ("\u2067a\u202eb", "\u2067a\u202eb\u202c\u2069"),
        ("\u2067a\u202eb\u2069c", "\u2067a\u202eb\u2069c"),
        ("a\u202cb\u2069", "ab"),
        ("\u2067a\u202cb\u2069", "\u2067ab\u2069"),
        ("\u202ea\nb", "\u202ea\u202c\nb"),
        ("\u200ea\u200f\u061c", "\u200ea\u200f\u061c"),
    ],
)
def test_closed(text: str, expected: str) -> None:
    """What is open is closed, what closes nothing is dropped; marks stay."""
    assert closed(text) == expected


@given(st.text(alphabet="ab\n\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))
def test_a_closed_text_is_not_changed(text: str) -> None:
    """Closing twice changes nothing, and no letter is lost."""
    once = closed(text)
    assert closed(once) == once
    assert [c for c in once if c in "ab\n"] == [c for c in text if c in "ab\n"]
