"""The calls that only the desk needs."""

from __future__ import annotations

import pytest

from stoppress.web.api.openapi_call import ApiCall
from stoppress.web.api.openapi_desk_operations import DESK_CALLS
from stoppress.web.api.openapi_operations import CALLS


@pytest.mark.parametrize("call", DESK_CALLS, ids=lambda call: call.name)
def test_each_desk_call_is_in_the_table_and_needs_a_scope(call: ApiCall) -> None:
    """No call of the desk is public."""
    assert call in CALLS
    # Every caller may list its own feeds: the answer may be empty.
    assert call.scope or call.name == "listDeskFeeds"
    assert "401" in call.refusals
