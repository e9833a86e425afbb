"""A slug is fit for an address, a Redis key and a file name."""

from __future__ import annotations

import pytest

from stoppress.domain.errors import Invalid
from stoppress.domain.feed import check_slug


@pytest.mark.parametrize("slug", ["a", "7", "flood", "flood-2026", "a-b-c", "x" * 80])
def test_a_slug_is_itself(slug: str) -> None:
    """Lower-case letters, digits and single hyphens pass."""
    assert check_slug(slug) == slug


@pytest.mark.parametrize(
    "slug",
    ["", "-a", "a-", "a--b", "A", "a_b", "a b", "ı", "a/b", "a{b}", "x" * 81, "a\n"],
)
def test_anything_else_is_refused_with_the_rule(slug: str) -> None:
    """The refusal names the field and tells the rule."""
    with pytest.raises(Invalid, match="lower-case letters") as refused:
        check_slug(slug)
    assert refused.value.field == "slug"
