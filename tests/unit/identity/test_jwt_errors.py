"""A refusal has a word to count it by, and more for the log."""

from __future__ import annotations

from stoppress.identity.jwt_errors import RefusedJwt


def test_a_refusal_says_why() -> None:
    """In one line."""
    assert str(RefusedJwt("expired")) == "expired"
    refused = RefusedJwt("wrong algorithm", "'none'")
    assert (refused.reason, str(refused)) == (
        "wrong algorithm",
        "wrong algorithm: 'none'",
    )
