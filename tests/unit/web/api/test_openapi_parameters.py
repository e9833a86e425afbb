"""What calls take beside a body."""

from __future__ import annotations

import pytest

from stoppress.web.api.openapi_operations import CALLS
from stoppress.web.api.openapi_parameters import PARAMETERS


@pytest.mark.parametrize("name", PARAMETERS)
def test_each_parameter_has_a_place_and_a_description(name: str) -> None:
    """A parameter in the path is always required."""
    parameter = PARAMETERS[name]
    assert parameter["in"] in ("path", "query", "header")
    assert parameter["description"] and parameter["schema"]
    is_needed = parameter["in"] == "path" or name == "IfMatchRequired"
    assert parameter.get("required", False) is is_needed


def test_each_parameter_is_used() -> None:
    """A parameter that no call takes is not described."""
    taken = {name for call in CALLS for name in call.parameters}
    in_paths = {
        name
        for name, one in PARAMETERS.items()
        if one["in"] == "path" and any(f"{{{name}}}" in call.path for call in CALLS)
    }
    assert taken | in_paths == PARAMETERS.keys()
