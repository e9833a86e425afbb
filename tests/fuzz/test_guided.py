"""Fuzzing led by coverage: a few inputs where atheris is there, and its chance."""

from __future__ import annotations

import random
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fuzz.guided import TARGETS, Drawn, check, led, table
from tests.fuzz.test_fuzz import SEED

needs_atheris = pytest.mark.skipif(
    find_spec("atheris") is None, reason="atheris is not installed: an extra, `fuzz`"
)


@needs_atheris
@pytest.mark.parametrize("target", TARGETS)
def test_a_target_holds(target: str, tmp_path: Path) -> None:
    """What reaches something new is gone on from."""
    found = led(target, 3000, SEED, tmp_path)
    assert not found.fault
    assert found.inputs == 3000
    assert found.reached[1] > found.reached[0]
    assert "all held" in table([found], SEED)


@needs_atheris
def test_what_fails_is_told(tmp_path: Path) -> None:
    """A process that does not come to its end has found something."""
    found = led("nothing", 3000, SEED, tmp_path)
    assert "nothing" in found.fault
    assert "**failed**" in table([found], SEED)


@pytest.mark.parametrize("target", TARGETS)
def test_an_input_is_repeated_without_it(target: str) -> None:
    """Both ways, by anybody: bytes of any kind hold."""
    one = check(target)
    for length in (0, 1, 2, 40, 400):
        for way in (0, 1):
            one(bytes((way,)) + random.Random(length).randbytes(length))
    one(b"")


def test_its_chance_is_its_bytes() -> None:
    """The same bytes draw the same, others others; used up, it goes on."""

    def drawn(data: bytes) -> list[float]:
        chance = Drawn(data)
        return [chance.randrange(200), chance.random(), chance.choice((1, 2, 3))]

    assert drawn(b"abcdefgh") == drawn(b"abcdefgh")
    assert drawn(b"abcdefgh") != drawn(b"xbcdefgh")
    assert drawn(b"abcdefgh")[0] == ord("a")
    assert drawn(b"") == drawn(b"")
    assert all(0 <= Drawn(bytes((n,) * 2)).random() < 1 for n in range(256))
