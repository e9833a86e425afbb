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
def test_each_target_passes(target: str, tmp_path: Path) -> None:
    """Inputs that reach new code are mutated further."""
    found = led(target, 3000, SEED, tmp_path)
    assert not found.fault
    assert found.inputs == 3000
    assert found.reached[1] > found.reached[0]
    assert "all held" in table([found], SEED)


@needs_atheris
def test_a_failure_is_reported(tmp_path: Path) -> None:
    """So is a process that does not end."""
    found = led("nothing", 3000, SEED, tmp_path)
    assert "nothing" in found.fault
    assert "**failed**" in table([found], SEED)


@pytest.mark.parametrize("target", TARGETS)
def test_an_input_is_repeated_without_the_fuzzer(target: str) -> None:
    """Both ways; any bytes are a valid input."""
    one = check(target)
    for length in (0, 1, 2, 40, 400):
        for way in (0, 1):
            one(bytes((way,)) + random.Random(length).randbytes(length))
    one(b"")


def test_random_choices_come_from_the_input_bytes() -> None:
    """The same bytes give the same choices; used up, it goes on."""

    def drawn(data: bytes) -> list[float]:
        chance = Drawn(data)
        return [chance.randrange(200), chance.random(), chance.choice((1, 2, 3))]

    assert drawn(b"abcdefgh") == drawn(b"abcdefgh")
    assert drawn(b"abcdefgh") != drawn(b"xbcdefgh")
    assert drawn(b"abcdefgh")[0] == ord("a")
    assert drawn(b"") == drawn(b"")
    assert all(0 <= Drawn(bytes((n,) * 2)).random() < 1 for n in range(256))
