"""The order in which the tests are run."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.order import LAST, LONGEST, TESTS, TRACED, is_traced, ordered

UNIT, BROWSER, STORE = "unit/test_a.py", "browser/test_a.py", "contract/store/test_a.py"


def items(*modules: tuple[str, int]) -> list[pytest.Item]:
    """As many tests of each module; only their path is looked at."""
    made = [
        SimpleNamespace(path=TESTS / name, number=number)
        for name, count in modules
        for number in range(count)
    ]
    return cast("list[pytest.Item]", made)


def names(order: list[pytest.Item]) -> list[str]:
    return [str(item.path.relative_to(TESTS)) for item in order]


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 7])
def test_every_test_is_run_once(workers: int) -> None:
    """Whatever the shares, and wherever a test lives."""
    given = items((UNIT, 9), (BROWSER, 30), (STORE, 2), (LONGEST[0], 4), (LAST, 5))
    elsewhere = cast(pytest.Item, SimpleNamespace(path=Path("/elsewhere/test_x.py")))
    order = ordered([*given, elsewhere], workers)
    assert sorted(map(id, order)) == sorted(map(id, [*given, elsewhere]))


def test_each_share_begins_with_what_takes_long() -> None:
    """And ends with what is short; what is read from a file comes last of all."""
    given = items((UNIT, 10), (STORE, 1), (LAST, 2), (LONGEST[1], 2), (LONGEST[0], 1))
    assert names(ordered(given, 2)) == [
        *(LONGEST[0], STORE, *[UNIT] * 6),
        *[LONGEST[1]] * 2,
        *[UNIT] * 4,
        *[LAST] * 2,
    ]


def test_a_module_stays_in_one_piece_and_in_its_own_order() -> None:
    """Its tests share a browser or a server."""
    order = ordered(items((BROWSER, 3), (STORE, 3), (UNIT, 6)), 2)
    kept = [getattr(one, "number", -1) for one in order if names([one]) == [BROWSER]]
    assert kept == [0, 1, 2]
    assert names(order)[:3] == [BROWSER] * 3 and names(order)[6:9] == [STORE] * 3


def test_the_long_modules_are_there() -> None:
    """A name that is left behind would order nothing."""
    assert [name for name in (*LONGEST, LAST) if not (TESTS / name).exists()] == []


def test_coverage_is_measured_by_what_has_to_cover() -> None:
    """The tests that `make coverage` runs; no other is slowed down by a tracer."""
    targets = (TESTS.parent / "Makefile").read_text()
    (line,) = [one for one in targets.splitlines() if "$(COVERED) tests/" in one]
    assert [f"tests/{folder}".rstrip("/") for folder in TRACED] == [
        word for word in line.split() if word.startswith("tests/")
    ]
    assert is_traced(TESTS / "unit" / "hub" / "test_ring.py")
    assert not is_traced(Path(__file__)) and sys.gettrace() is None
