"""Merging follows RFC 7396 to the letter."""

from __future__ import annotations

from typing import Any

import pytest

from stoppress.desk.merge_patch import merge, unknown_name


@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [
        # Appendix A of the RFC: all examples whose patch is an object.
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge(target: object, patch: dict[str, Any], merged: object) -> None:
    """The patch changes what it names, and null removes."""
    before = repr(target), repr(patch)
    assert merge(target, patch) == merged
    assert (repr(target), repr(patch)) == before


def test_an_unknown_name_set_to_null_is_found() -> None:
    """A merge would lose it, and with it the editor's typing error."""
    names = {"a": None, "b": {"c": None}}
    assert unknown_name({"a": 1, "b": {"c": None}}, names) is None
    assert unknown_name({"x": None}, names) == "x"
    assert unknown_name({"": None}, names) == ""
    assert unknown_name({"b": {"d": None}}, names) == "b.d"
    assert unknown_name({"b": None, "a": {"x": 1}}, names) is None
