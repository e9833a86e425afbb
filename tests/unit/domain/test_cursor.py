"""A cursor is read back as it was written, and nothing else is a cursor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoppress.domain.cursor import MAX_SEQ, Cursor
from stoppress.domain.errors import MalformedCursor

epochs = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=32)


@given(epochs, st.integers(0, MAX_SEQ))
def test_a_cursor_survives_its_text(epoch: str, seq: int) -> None:
    """Writing and reading a cursor gives the same cursor."""
    assert Cursor.parse(str(Cursor(epoch, seq))) == Cursor(epoch, seq)


@given(st.text(max_size=60))
def test_any_text_is_a_cursor_or_malformed(text: str) -> None:
    """No text makes the parser fail in another way, or reads as two cursors."""
    try:
        cursor = Cursor.parse(text)
    except MalformedCursor:
        return
    assert str(cursor) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "k3v9",
        "k3v9-",
        "-7",
        "k3v9-07",
        "k3v9--7",
        "k3v9-7 ",
        "k3v9-+7",
        "K3v9-7",
        "k3v9-7\n",
        "k3v9-٣",
        f"k3v9-{MAX_SEQ + 1}",
        "k3v9-99999999999999999",
        "e" * 33 + "-1",
    ],
)
def test_a_malformed_cursor_is_refused(text: str) -> None:
    """What differs from `<epoch>-<seq>` in any way is refused, and named."""
    with pytest.raises(MalformedCursor, match="is invalid"):
        Cursor.parse(text)
