"""Everything of one feed stands under its tag; names say nothing they shouldn't."""

from __future__ import annotations

from stoppress.domain.store_requests_and_results import Idempotency
from stoppress.log import redis_keys


def test_one_feed_one_slot() -> None:
    """A cluster reads what stands in the braces."""
    idem = redis_keys.idem_key("a-feed", Idempotency("t", "k", "f"))
    for name in (
        *redis_keys.feed_keys("a-feed"),
        idem,
        redis_keys.idem_key("a-feed", None),
    ):
        assert name.startswith("stoppress:{a-feed}:")
    for name in (
        redis_keys.FEEDS,
        redis_keys.TOKENS,
        redis_keys.NODE,
        redis_keys.INBOX,
        redis_keys.PROBE,
    ):
        assert "{" not in name


def test_idempotency_keys_don_t_meet() -> None:
    """Not those of two owners, whatever they are made of."""
    pairs = [("a", "bc"), ("ab", "c"), ("a", "b\0c"), ("a\0b", "c"), ("", "x" * 200)]
    names = {redis_keys.idem_key("x", Idempotency(*pair, "f")) for pair in pairs}
    assert len(names) == len(pairs)
    assert not any("x" * 200 in name for name in names)
