"""Marks lead from page to page, and outlive the posts they were made at."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoppress.domain.errors import Invalid
from stoppress.domain.store_requests_and_results import PageMark
from stoppress.web.paginate_posts_as_json import (
    full_posts,
    mark_text,
    next_path,
    parse_mark,
    posts_path,
    public_posts,
)

marks = st.builds(
    PageMark,
    st.integers(0, 253_402_300_799_999),
    st.text(alphabet="0123456789abcdefghjkmnpqrstvwxyz-", min_size=1, max_size=80),
)


@given(marks)
def test_a_mark_is_read_as_it_was_written(mark: PageMark) -> None:
    """In characters that need no escape in an address."""
    text = mark_text(mark)
    assert parse_mark(text) == mark
    assert text.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "text", ["x", "MTIz", "é", "=", "LTEuYQ", "MS4", "MS5hLmI", "*"]
)
def test_a_broken_mark_is_refused(text: str) -> None:
    """Naming `before`."""
    with pytest.raises(Invalid) as error:
        parse_mark(text)
    assert error.value.field == "before"


def test_the_next_path_keeps_the_filters() -> None:
    """And is None after the last page."""
    mark = PageMark(5, "a")
    path = posts_path("quay", mark, limit="2", tag="a&b=c", key="true")
    assert path == "/v1/feeds/quay/posts?before=NS5h&limit=2&tag=a%26b%3Dc&key=true"
    assert next_path("quay", None) is None


@pytest.mark.parametrize("encode", [public_posts, full_posts])
def test_a_damaged_post_is_left_out_of_a_list(
    encode: Callable[[list[bytes], str, str], bytes],
) -> None:
    """The others are shown, and the list is JSON still."""
    bodies = [b"{no JSON", b'{"id":"01","rev":1}', b"\xff", b'{"id":2}', b""]
    bodies += [b'{"x":' + b"[" * 5000, b'{"id":"\xff"}']
    shown = json.loads(encode(bodies, "x", "http://h"))
    assert [post["id"] for post in shown] == ["01"]
    assert json.loads(encode(bodies[:1], "x", "http://h")) == []
