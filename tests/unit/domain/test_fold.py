"""The one reducer, held to the fixtures that its JavaScript twin reads too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stoppress.domain.errors import Gap
from stoppress.domain.fold import ReaderState, fold, from_snapshot, with_page

FIXTURES = Path(__file__).parents[2] / "fixtures"
CASES: list[dict[str, Any]] = json.loads((FIXTURES / "fold.json").read_text("utf-8"))


def run(case: dict[str, Any]) -> ReaderState:
    """The state after the case's snapshot and all its steps."""
    state = from_snapshot(case["snapshot"])
    for step in case["steps"]:
        state = with_page(state, step["page"]) if "page" in step else fold(state, step)
    return state


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_fixture(case: dict[str, Any]) -> None:
    """Snapshot and steps give the state (or the gap) that the fixture says."""
    expect = case["expect"]
    if "error" in expect:
        with pytest.raises(Gap, match="fetch a snapshot"):
            run(case)
        return
    state = run(case)
    assert str(state.cursor) == expect["cursor"]
    assert state.ordered() == expect["posts"]
    assert (state.pinned and state.pinned["id"]) == expect["pinned"]
    assert (state.floor and list(state.floor)) == expect["floor"]
    assert state.feed["title"] == expect["title"]


def test_a_state_is_never_changed_in_place() -> None:
    """An older state stays what it was when newer events are folded."""
    case = next(case for case in CASES if case["name"] == "withdrawn")
    before = from_snapshot(case["snapshot"])
    fold(before, case["steps"][0])
    assert before == from_snapshot(case["snapshot"])
