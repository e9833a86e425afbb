"""The gate that holds each package to its share of covered branches and lines."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.coverage_gate import GATES, Covered, below, by_package, main, ranges


def file(covered: int, total: int, lines: list[int] | None = None) -> dict[str, Any]:
    """A module of a report, half of whose items are branches."""
    return {
        "summary": {
            "covered_lines": covered,
            "covered_branches": covered,
            "num_statements": total,
            "num_branches": total,
        },
        "missing_lines": lines or [],
        "missing_branches": [[1, -1], [4, 9]],
    }


def test_modules_are_added_up_by_package() -> None:
    """Lines and branches together; what is missed is told once."""
    report = {
        "files": {
            "server/stoppress/hub/ring.py": file(9, 10, [3, 4, 5, 8]),
            "server/stoppress/hub/line/deep.py": file(1, 10),
            "server/stoppress/app.py": file(10, 10),
        }
    }
    packages = by_package(report)
    assert {name: one.percent for name, one in packages.items()} == {
        "hub": 50.0,
        "app": 100.0,
    }
    assert packages["hub"].missing == [
        "hub/line/deep.py: 1->exit, 4->9",
        "hub/ring.py: 3-5, 8, 1->exit",
    ]


def test_lines_in_a_row_are_a_range() -> None:
    assert ranges([]) == []
    assert ranges([1, 3, 4, 5, 9]) == ["1", "3-5", "9"]


def test_a_package_that_is_not_there_is_below() -> None:
    """A package that was renamed does not lose its gate in silence."""
    packages = {"hub": Covered(95, 100), "log": Covered(94, 100)}
    gates = {"hub": 95, "log": 95, "gone": 95}
    assert below(packages, gates) == ["log", "gone"]


@pytest.mark.parametrize(("covered", "code"), [(95, 0), (94, 1)])
def test_it_says_what_is_missing_and_fails(
    covered: int,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By its exit code, for make."""
    files = {f"stoppress/{name}/x.py": file(covered, 100, [7]) for name in GATES}
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"files": files}))
    monkeypatch.setattr(sys, "argv", ["coverage_gate", str(report)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    said = capsys.readouterr().out
    assert ("error: hub is below 95 %" in said) is (code == 1)
    assert ("hub/x.py: 7, 1->exit" in said) is (code == 1)
