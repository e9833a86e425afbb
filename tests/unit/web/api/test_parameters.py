"""What calls take beside a body."""

from __future__ import annotations

from typing import Any

import pytest

from stoppress.web.api.call_table import CALLS
from stoppress.web.api.parameters import PARAMETERS


@pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=list(PARAMETERS))
def test_each_says_where_it_is_and_what_it_means(parameter: dict[str, Any]) -> None:
    """What is in the path is needed, always."""
    assert parameter["in"] in ("path", "query", "header")
    assert parameter["description"] and parameter["schema"]
    assert parameter.get("required", False) is (parameter["in"] == "path")


def test_each_is_used() -> None:
    """What no call takes is not described."""
    taken = {name for call in CALLS for name in call.parameters}
    in_paths = {
        name
        for name, one in PARAMETERS.items()
        if one["in"] == "path" and any(f"{{{name}}}" in call.path for call in CALLS)
    }
    assert taken | in_paths == PARAMETERS.keys()
