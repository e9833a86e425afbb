"""Who may store what is shown of a feed."""

from __future__ import annotations

import pytest

from stoppress.domain.feed import Visibility
from stoppress.web import cache_control


@pytest.mark.parametrize("visibility", ["unlisted", "private"])
def test_only_a_public_feed_may_be_stored_by_others(visibility: Visibility) -> None:
    """For a second, then it is asked for again."""
    assert "s-maxage=1" in cache_control.shown("public")["cache-control"]
    kept = cache_control.shown(visibility)["cache-control"]
    assert "no-store" in kept and "private" in kept


def test_answers_for_editors_are_stored_by_no_cache() -> None:
    """And sets itself apart by the two credentials there are."""
    assert cache_control.FULL["cache-control"] == "private, no-store"
    assert cache_control.FULL["vary"] == "Authorization, Cookie"
