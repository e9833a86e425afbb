"""The range of a close code says whether to come back."""

from __future__ import annotations

import re
from pathlib import Path

from stoppress.wire.close_codes import CloseCode, is_final


def test_the_range_decides() -> None:
    """40xx come back, 44xx stop; what WebSocket itself sends is not final."""
    assert [code for code in CloseCode if not is_final(code)] == [
        CloseCode.BYE,
        CloseCode.SLOW,
        CloseCode.TOO_MANY,
    ]
    assert not is_final(1006)


def test_the_protocol_page_holds_the_same_table() -> None:
    """docs/protocol.md lists every close code with its name, and no other."""
    page = Path(__file__).parents[3] / "docs" / "protocol.md"
    rows = re.findall(r"^\| (\d{4}) \| ([A-Z_]+) \|", page.read_text(), re.MULTILINE)
    assert {(int(code), name) for code, name in rows} == {
        (code.value, code.name) for code in CloseCode
    }
