"""Ids of posts sort by when they were made."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stoppress.domain.post import new_post_id

made = st.tuples(st.integers(0, 2**48 - 1), st.integers(0, 2**20 - 1))


@given(made, made)
def test_ids_order_as_they_were_made(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    """The later millisecond, then the higher count, has the greater id."""
    assert (new_post_id(*one) < new_post_id(*other)) == (one < other)
    assert len(new_post_id(*one)) == 14
