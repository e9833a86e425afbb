"""A desk log has a name that no feed has."""

from __future__ import annotations

import pytest

from stoppress.domain.desk_log_name import desk_log_of, feed_behind, is_desk_log
from stoppress.domain.errors import Invalid
from stoppress.domain.feed import check_slug


def test_a_desk_log_leads_back_to_its_feed() -> None:
    """And a feed to itself."""
    name = desk_log_of("quay")
    assert is_desk_log(name) and not is_desk_log("quay") and not is_desk_log("desk")
    assert feed_behind(name) == feed_behind("quay") == "quay"


def test_no_slug_is_the_name_of_a_desk_log() -> None:
    """What takes a slug from a request can't reach it."""
    with pytest.raises(Invalid):
        check_slug(desk_log_of("quay"))
