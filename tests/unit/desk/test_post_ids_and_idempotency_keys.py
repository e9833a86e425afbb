"""Ids sort by when they were made; keys stand for one request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoppress.desk.post_ids_and_idempotency_keys import (
    PostIds,
    Requester,
    check_idempotency_key,
    idempotency_of,
)
from stoppress.domain.errors import Malformed


@given(st.lists(st.integers(0, 2**41), min_size=2, max_size=50))
def test_ids_grow_even_if_the_clock_is_set_back(times: list[int]) -> None:
    """Within a millisecond, and when the clock is set back."""
    ids = PostIds()
    made = [ids.next(now) for now in times]
    assert made == sorted(set(made))


def test_ids_grow_when_the_counter_is_used_up() -> None:
    """More than a million posts in one millisecond still sort."""
    ids = PostIds()
    ids.next(1000)
    ids._counter = 0xFFFFE
    made = [ids.next(1000) for _ in range(4)]
    assert made == sorted(set(made))


@pytest.mark.parametrize("key", ["a", "x" * 200, "8e03978e-40d5 'quoted'"])
def test_a_good_key(key: str) -> None:
    """Any printable ASCII, up to 200 bytes."""
    assert check_idempotency_key(key) == key


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb", "é", "a\nb"])
def test_a_bad_key_is_refused(key: str) -> None:
    """With the rule."""
    with pytest.raises(Malformed, match="1 to 200 printable"):
        check_idempotency_key(key)


def test_the_fingerprint_is_of_the_whole_request() -> None:
    """Method, path and content count; without a key there is none."""
    asked = Requester("editor", "k")
    first = idempotency_of(asked, "POST", "/v1/feeds/a/posts", b"{}")
    assert first is not None
    assert first == idempotency_of(asked, "POST", "/v1/feeds/a/posts", b"{}")
    others = [
        idempotency_of(asked, "PATCH", "/v1/feeds/a/posts", b"{}"),
        idempotency_of(asked, "POST", "/v1/feeds/b/posts", b"{}"),
        idempotency_of(asked, "POST", "/v1/feeds/a/posts", b"{ }"),
    ]
    assert first.fingerprint not in [other and other.fingerprint for other in others]
    assert idempotency_of(Requester("editor"), "POST", "/", b"") is None
