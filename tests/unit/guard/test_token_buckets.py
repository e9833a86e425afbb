"""Rates with bursts, in bounded memory."""

from __future__ import annotations

import sys

import pytest

from stoppress.guard.token_buckets import GENERATION_KEYS, TokenBuckets


class Buckets(TokenBuckets):
    """Buckets with a clock that is set by hand."""

    def __init__(self, rate: float, burst_s: float, *, shared: bool = False) -> None:
        self.now = 100.0
        super().__init__(rate, burst_s, lambda: self.now, is_shared=shared)

    def granted(self, key: str, tries: int, cost: float = 1) -> int:
        """How many of some tries at once are granted."""
        return sum(not self.take(key, cost) for _ in range(tries))


def test_a_burst_and_then_the_rate() -> None:
    """10 per second with a burst of 3 s: 30, then 10 each second."""
    buckets = Buckets(10, 3)
    assert buckets.granted("a", 100) == 30
    for _ in range(5):
        buckets.now += 1
        assert buckets.granted("a", 100) == 10
    buckets.now += 100
    assert buckets.granted("a", 100) == 30


def test_the_wait_is_right() -> None:
    """After it the same request is granted, and not before."""
    buckets = Buckets(10, 3)
    buckets.granted("a", 30)
    wait_s = buckets.take("a", 5)
    assert wait_s == pytest.approx(0.5)
    buckets.now += wait_s - 0.01
    assert buckets.take("a", 5) > 0
    buckets.now += 0.011
    assert buckets.take("a", 5) == 0


def test_keys_do_not_share() -> None:
    """And what is refused takes nothing."""
    buckets = Buckets(10, 1)
    assert buckets.granted("a", 1000) == 10
    assert buckets.granted("b", 1000) == 10
    buckets.now += 1
    assert buckets.granted("a", 1000) == 10


def test_a_cost_above_the_burst_is_granted_by_a_full_bucket() -> None:
    """Else it never would be; it is paid for afterwards."""
    buckets = Buckets(10, 1)
    assert buckets.take("a", 40) == 0
    buckets.now += 3
    assert buckets.take("a") > 0
    buckets.now += 0.11
    assert buckets.take("a") == 0


def test_no_rate_is_no_limit() -> None:
    """And keeps nothing."""
    buckets = Buckets(0, 1)
    assert buckets.granted("a", 1000) == 1000
    buckets.charge("a", 1e9)
    assert (buckets.wait_s("a"), len(buckets)) == (0, 0)


def test_a_charge_makes_the_next_one_wait() -> None:
    """What an answer takes is known only afterwards."""
    buckets = Buckets(10, 1)
    assert buckets.wait_s("a") == 0
    buckets.charge("a", 30)
    assert buckets.wait_s("a") == pytest.approx(2.1)
    buckets.now += 2.11
    assert buckets.wait_s("a") == 0


def test_a_hundred_thousand_addresses_take_bounded_memory() -> None:
    """One that is used meanwhile is not forgotten."""
    buckets = Buckets(10, 1)
    assert buckets.granted("mine", 100) == 10
    for n in range(100_000):
        buckets.take(f"2001:db8::{n}")
        if n % 1000 == 0:
            assert buckets.take("mine") > 0
            buckets.charge("mine", 0)
    assert len(buckets) <= 2 * GENERATION_KEYS
    assert sys.getsizeof(buckets._young) + sys.getsizeof(buckets._old) < 2 << 20


def test_taken_tokens_are_collected_once() -> None:
    """In seconds of filling; some keys at a time."""
    buckets = Buckets(10, 1, shared=True)
    for key in ("a", "a", "b", "c"):
        buckets.take(key)
    first = buckets.collect(2)
    assert first == {"a": pytest.approx(0.2), "b": pytest.approx(0.1)}
    assert buckets.collect(2) == {"c": pytest.approx(0.1)}
    assert buckets.collect(2) == {}


def test_tokens_taken_by_others_count_here() -> None:
    """A bucket never gets fuller by what is learnt."""
    buckets = Buckets(10, 1, shared=True)
    buckets.learn("a", 0.95)
    assert buckets.take("a") > 0
    buckets.learn("a", 0.1)
    assert buckets.take("a") > 0
