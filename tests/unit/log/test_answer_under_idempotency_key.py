"""The answers of scripts that take a key; the store's are in tests/contract/store."""

from __future__ import annotations

import pytest

from stoppress.domain.errors import IdempotencyKeyReused, NotFound
from stoppress.domain.store_requests_and_results import Idempotency
from stoppress.log.answer_under_idempotency_key import kept_before

KEY = Idempotency("me", "k", "f1")


def test_a_repeated_key_has_the_kept_value() -> None:
    """None: the key is new, or there is none."""
    assert kept_before([b"ok"], "x", KEY) is None
    assert kept_before([b"none"], "x", None) is None
    assert kept_before([b"repeated", b"", b"3"], "x", KEY) == "3"
    with pytest.raises(IdempotencyKeyReused, match="'k'"):
        kept_before([b"reused"], "x", KEY)
    with pytest.raises(NotFound):
        kept_before([b"nofeed"], "x", KEY)
