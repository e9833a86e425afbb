"""What a browser keeps of a sign-in that is under way."""

from __future__ import annotations

import base64
import hashlib

import pytest

from stoppress.identity.pending_sign_in import (
    MAX_PENDING_BYTES,
    PENDING_S,
    begin,
    from_cookie,
)

NOW = 1_800_000_000_000


def test_a_cookie_brings_it_back() -> None:
    """In time, and small enough for every browser and proxy."""
    pending = begin("quay", NOW)
    cookie = pending.to_cookie()
    assert from_cookie(cookie, NOW + PENDING_S * 1000 - 1) == pending
    assert from_cookie(cookie, NOW + PENDING_S * 1000) is None
    assert len(begin("x" * 10_000, NOW).to_cookie()) < MAX_PENDING_BYTES


def test_each_pending_sign_in_is_random() -> None:
    """256 bits of each; the challenge is S256."""
    one, two = begin("", NOW), begin("", NOW)
    assert len({one.state, two.state, one.nonce, two.nonce}) == 4
    assert 43 <= len(one.verifier) <= 128 and len(one.state) == 43
    hashed = hashlib.sha256(one.verifier.encode()).digest()
    assert one.challenge() == base64.urlsafe_b64encode(hashed).decode().rstrip("=")


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "x",
        "e30",
        "bnVsbA",
        "é",
        "A" * 2000,
        base64.urlsafe_b64encode(
            b'{"state":"","nonce":"","verifier":"","feed":"","ends_at":1800000000001}'
        ).decode(),
        base64.urlsafe_b64encode(
            b'{"state":"s","nonce":"n","verifier":"v","feed":"","ends_at":9900000000000}'
        ).decode(),
    ],
)
def test_an_invalid_cookie_is_no_sign_in(cookie: str) -> None:
    """Empty ones, and those that would never end."""
    assert from_cookie(cookie, NOW) is None
