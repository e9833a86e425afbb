"""Request ids."""

from __future__ import annotations

import pytest

from stoppress.guard.request_context import is_request_id, new_request_id


def test_ids_are_valid_and_differ() -> None:
    """Two are never the same."""
    ids = {new_request_id() for _ in range(1000)}
    assert len(ids) == 1000 and all(map(is_request_id, ids))


@pytest.mark.parametrize(
    "text", ["", "short", "a b c d e f", "x" * 129, "id\r\nset-cookie: a", "ünsichtbar"]
)
def test_an_id_that_could_break_a_log_or_a_header_is_refused(text: str) -> None:
    """From a trusted proxy too."""
    assert not is_request_id(text)
