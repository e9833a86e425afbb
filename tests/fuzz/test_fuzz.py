"""A small share of `make fuzz`, and proof that it finds what is there to be found."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import pytest

from tests.fuzz.campaign import PYTHON, client_steps, fuzzed, steps, table
from tests.fuzz.mutate import bent, json_of

SEED = 11
INPUTS = 4000


def quiet(text: str) -> None:
    """Nobody waits for progress."""


@pytest.mark.parametrize("name", PYTHON)
def test_each_target_passes(name: str) -> None:
    """Some thousand inputs, in sessions like those of `make fuzz`."""
    result = fuzzed(name, steps(PYTHON[name], SEED, 0, 60), INPUTS, quiet)
    assert not result.fault, f"SEED={SEED}: {result.fault}"
    assert result.inputs == INPUTS
    assert len(result.seen) > 4


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_client_passes() -> None:
    """Each session ends with a reader whose state is the hub's."""
    result = fuzzed("client", client_steps(SEED, 0, 10, 60), INPUTS, quiet)
    assert not result.fault, f"SEED={SEED}: {result.fault}"
    assert result.seen["healed"] >= 10


def planted(chance: random.Random, inputs: int) -> Counter[str]:
    """A parser that can't take an input in two thousand."""
    for _ in range(inputs):
        if chance.random() < 1 / 2000:
            raise UnicodeError("planted")
    return Counter(taken=inputs)


def test_a_planted_defect_is_found_and_repeated() -> None:
    """By the seed and the number of its session."""
    found = fuzzed("frames", steps(planted, SEED, 0, 60), 1_000_000, quiet)
    assert "planted" in found.fault
    again = fuzzed("frames", steps(planted, SEED, found.session, 60), 1, quiet)
    assert again.fault == found.fault
    assert again.inputs == 0
    assert f"**{found.fault}**" in table([found], SEED)


def test_a_hang_is_found() -> None:
    """A session that does not end is ended."""

    def hangs(chance: random.Random, inputs: int) -> Counter[str]:
        while True:
            time.sleep(0.01)

    assert "takes longer" in fuzzed("frames", steps(hangs, 1, 0, 0.2), 1, quiet).fault


def test_growing_memory_is_found() -> None:
    """More than its bound above its size after warming up."""
    grows = ((500, Counter[str](), 50.0 + number) for number in range(100))
    assert "MB more" in fuzzed("frames", grows, 50_000, quiet).fault
    stays = ((500, Counter[str](), 90.0) for _ in range(100))
    assert not fuzzed("frames", stays, 50_000, quiet).fault


def test_inputs_depend_only_on_their_seed() -> None:
    """Drawn again they are the same; some are valid, some are not."""

    def drawn() -> list[bytes]:
        chance = random.Random(SEED)
        return [json_of(chance, {"op": "follow", "feed": "x"}) for _ in range(200)]

    assert drawn() == drawn()
    assert len(set(drawn())) > 100
    assert drawn().count(b'{"op": "follow", "feed": "x"}') > 10
    chance = random.Random(SEED)
    assert all(len(one) < 1 << 18 for one in islice(_bent(chance), 1000))


def _bent(chance: random.Random) -> Iterator[bytes]:
    data = b"a" * 1000
    while True:
        data = bent(chance, data)
        yield data
