"""Every call of the API as data."""

from __future__ import annotations

import re

import pytest

from stoppress.web.api.openapi_call import RESPONSES, ApiCall
from stoppress.web.api.openapi_operations import CALLS
from stoppress.web.api.openapi_parameters import PARAMETERS

IDS = [one.name for one in CALLS]


def test_each_call_is_described_once() -> None:
    """By its name, and by its address and method."""
    assert len(set(IDS)) == len(CALLS)
    assert len({(one.path, one.method) for one in CALLS}) == len(CALLS)


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_refusals_and_parameters_of_each_call_exist(call: ApiCall) -> None:
    """Each is named once."""
    assert set(call.refusals) <= RESPONSES.keys()
    assert len(set(call.refusals)) == len(call.refusals)
    assert set(call.parameters) <= PARAMETERS.keys()
    assert set(re.findall(r"{(\w+)}", call.path)) <= PARAMETERS.keys()
    assert call.answers and not call.answers.keys() & set(call.refusals)


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_each_operation_lists_its_refusals(call: ApiCall) -> None:
    """A call with a body lists 413 too."""
    if call.scope:
        assert {"401", "403"} <= set(call.refusals)
    if call.takes:
        assert {"413", "415"} <= set(call.refusals)
        assert call.method in ("POST", "PUT", "PATCH")
