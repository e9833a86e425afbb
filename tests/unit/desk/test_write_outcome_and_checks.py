"""What every command of the desk shares."""

from __future__ import annotations

import time

import msgspec
import pytest

from stoppress.desk import write_outcome_and_checks
from stoppress.desk.write_outcome_and_checks import (
    check_names,
    check_revision,
    names_of,
    now_ms,
)
from stoppress.domain.errors import Invalid, StaleRevision


class Inner(msgspec.Struct):
    name: str
    url: str | None = None


class Outer(msgspec.Struct):
    title: str
    source: Inner | None = None


NAMES = names_of(Outer, source=Inner)


def test_names_are_those_of_the_struct() -> None:
    """Of an object in it too, where that is named."""
    assert NAMES == {"title": None, "source": {"name": None, "url": None}}
    assert names_of(Outer) == {"title": None, "source": None}


def test_an_unknown_name_is_told_with_its_path() -> None:
    """Wherever it stands; what may be sent is let through, null too."""
    check_names({"title": "x", "source": {"name": "y"}}, NAMES)
    check_names({"source": None}, NAMES)
    wrong: list[tuple[dict[str, object], str]] = [
        ({"titel": "x"}, "titel"),
        ({"source": {"nam": 1}}, "nam"),
    ]
    for patch, path in wrong:
        with pytest.raises(Invalid) as refused:
            check_names(patch, NAMES)
        assert refused.value.field.endswith(path)


def test_a_revision_that_is_not_expected_is_refused() -> None:
    """With the one that is there; nobody who expects none is."""
    check_revision(None, 7, b"{}")
    check_revision(frozenset({6, 7}), 7, b"{}")
    check_revision(frozenset({5}), 7, b"{}", range(5, 8))
    with pytest.raises(StaleRevision) as refused:
        check_revision(frozenset({3, 5}), 7, b"{}")
    assert (refused.value.expected, refused.value.rev) == (5, 7)
    with pytest.raises(StaleRevision):
        check_revision(frozenset(), 7, b"{}")


def test_now_is_in_milliseconds() -> None:
    before = time.time()
    assert before * 1000 - 1 <= now_ms() <= time.time() * 1000 + 1


def test_a_write_is_tried_a_bounded_number_of_times() -> None:
    """Who loses every time is told, rather than kept."""
    assert 1 < write_outcome_and_checks.WRITE_ATTEMPTS < 20
