"""The parsers again, led by what their inputs reach: atheris, where it installs.

    python -m tests.fuzz.guided [--inputs N] [--targets a,b] [--seed S] [--write FILE]
    python -m tests.fuzz.guided --repeat FILE --targets T

libFuzzer keeps each input that reaches code none before it reached, and goes on from
those. An input is read in one of two ways: as it is, by the parser; or as the chance
that the target's own generator draws from, so that bending its bytes bends what is
drawn. What has to hold is what each target says, in both.

Each target has a process of its own, as libFuzzer ends the one it runs in. It stops
at the first input that fails, or takes HANG_S, or makes it hold MOST_MB; the input is
kept in a file, to be repeated.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from tests.faults.report_sections import put

INPUTS = 1_000_000
LONGEST = 1024
RARE = 0.002
"""What is as rare as this is left to the generator: messages in thousands of pieces
reach much, so that half of all inputs would be such, at 50 a second."""
HANG_S = 60
MOST_MB = 512
TARGETS = ("frames", "cursors", "bodies")
TRACED = ["stoppress", "websockets"]
"""Whose code counts as reached."""
TITLE = "Fuzzing led by coverage"
INTRODUCTION = """\
`make guided`: the same parsers under atheris (libFuzzer), which continues from
inputs that reach new code; bytes are used as they are, and as the random choices of
the generator above. Seed {seed}. Edges and features of `stoppress` and `websockets`
that were reached, after the first inputs and at the end.

"""


class Drawn(random.Random):
    """Chance that is bytes: every draw takes some; when they are used up, a seed's."""

    def __new__(cls, data: bytes) -> Drawn:
        return super().__new__(cls)

    def __init__(self, data: bytes) -> None:
        super().__init__(crc32(data))
        self._data = data
        self._at = 0

    def getrandbits(self, k: int, /) -> int:
        """The next `k` bits."""
        size = (k + 7) // 8
        if self._at + size > len(self._data):
            return super().getrandbits(k)
        piece = self._data[self._at : self._at + size]
        self._at += size
        return int.from_bytes(piece, "little") & ((1 << k) - 1)

    def random(self) -> float:
        """The next two bytes, as a share of one; never as little as RARE."""
        return RARE + (1 - RARE) * self.getrandbits(16) / (1 << 16)


Check = Callable[[bytes], Counter[str]]


def checks() -> dict[str, tuple[Check, Check]]:
    """Of each target: how bytes are read as they are, and as chance."""
    from tests.fuzz import bodies, cursors, frames

    def frames_as_they_are(data: bytes) -> Counter[str]:
        seen: Counter[str] = Counter()
        deflated, said = bool(data[:1] > b"\x7f"), data[1:]
        frames.heard(random.Random(len(data)), said, deflated, seen)
        return seen

    def cursors_as_they_are(data: bytes) -> Counter[str]:
        seen: Counter[str] = Counter()
        cursors.read(random.Random(len(data)), data.decode(errors="replace"), seen)
        return seen

    def bodies_as_they_are(data: bytes) -> Counter[str]:
        seen: Counter[str] = Counter()
        name, _, take = bodies.TAKERS[sum(data[:1]) % len(bodies.TAKERS)]
        bodies.taken(name, take, data[1:], seen)
        return seen

    return {
        "frames": (frames_as_they_are, lambda data: frames.session(Drawn(data), 1)),
        "cursors": (cursors_as_they_are, lambda data: cursors.session(Drawn(data), 1)),
        "bodies": (bodies_as_they_are, lambda data: bodies.session(Drawn(data), 1)),
    }


def check(target: str) -> Callable[[bytes], None]:
    """One input of a target, in the way that its first byte says."""
    as_they_are, as_chance = checks()[target]

    def one(data: bytes) -> None:
        if data:
            (as_chance if data[0] & 1 else as_they_are)(data[1:])

    return one


def fuzz(target: str, options: list[str]) -> None:
    """Fuzz in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(include=TRACED, enable_loader_override=False):
        one = check(target)
    atheris.Setup([target, *options], one)
    atheris.Fuzz()


class Led(NamedTuple):
    """What came of one target."""

    target: str
    inputs: int
    seconds: int
    reached: tuple[int, int]
    """Edges after the first inputs, and at the end."""
    features: tuple[int, int]
    kept: int
    """Inputs that reached something new."""
    mb: int
    fault: str


_LINE = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)/.* rss: (\d+)Mb")
_DONE = re.compile(r"Done (\d+) runs in (\d+) second")


def led(target: str, inputs: int, seed: int, folder: Path) -> Led:
    """Fuzz a target in a process of its own."""
    corpus = folder / target
    corpus.mkdir(parents=True)
    options = [
        f"-runs={inputs}",
        f"-seed={seed}",
        f"-max_len={LONGEST}",
        "-len_control=10",  # lengths grow fast: two bytes reach little
        f"-timeout={HANG_S}",
        f"-rss_limit_mb={MOST_MB}",
        f"-artifact_prefix={folder}/{target}-",
        str(corpus),
    ]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.guided", "--run", target, *options],
        capture_output=True,
        text=True,
        check=False,
    )
    said = ran.stdout + ran.stderr
    seen = [tuple(map(int, one)) for one in _LINE.findall(said)] or [(0, 0, 0, 0)]
    done = _DONE.search(said)
    first, last = seen[0], seen[-1]
    return Led(
        target,
        int(done[1]) if done else 0,
        int(done[2]) if done else 0,
        (first[0], last[0]),
        (first[1], last[1]),
        last[2],
        max(one[3] for one in seen),
        "" if done and not ran.returncode else said[-4000:],
    )


def table(found: list[Led], seed: int) -> str:
    """What the report says of them."""
    rows = [
        "| target | inputs | a second | edges | features | kept | MB | result |",
        "| --- | --: | --: | --- | --- | --: | --: | --- |",
    ]
    for one in found:
        result = "**failed**" if one.fault else "all held"
        rows.append(
            f"| {one.target} | {one.inputs:,} | {one.inputs // max(one.seconds, 1):,} "
            f"| {one.reached[0]:,} to {one.reached[1]:,} "
            f"| {one.features[0]:,} to {one.features[1]:,} "
            f"| {one.kept:,} | {one.mb} | {result} |"
        )
    return INTRODUCTION.format(seed=seed) + "\n".join(rows) + "\n"


def main() -> None:
    """Run from the command line; exit 1 if anything was found."""
    if sys.argv[1:2] == ["--run"]:
        fuzz(sys.argv[2], sys.argv[3:])
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=INPUTS, help="of each target")
    parser.add_argument("--targets", default=",".join(TARGETS), help="with commas")
    parser.add_argument("--seed", type=int, default=random.randrange(1, 1 << 20))
    parser.add_argument("--repeat", type=Path, default=None, help="this input alone")
    parser.add_argument("--write", type=Path, default=None, help="a report to write")
    given = parser.parse_args()
    targets = given.targets.split(",")
    if unknown := set(targets) - set(TARGETS):
        names = ", ".join(TARGETS)
        raise SystemExit(f"error: no target {unknown.pop()!r}; there are {names}")
    if given.repeat is not None:
        check(targets[0])(given.repeat.read_bytes())
        return
    if find_spec("atheris") is None:
        raise SystemExit(
            "error: atheris is not installed (Linux alone): pip install '.[fuzz]'"
        )
    folder = Path(tempfile.mkdtemp(prefix="stop-press-fuzz-"))
    found = []
    for target in targets:
        one = led(target, given.inputs, given.seed, folder)
        found.append(one)
        _say(f"{one._replace(fault='')} SEED={given.seed}")
        if one.fault:
            _say(f"{one.fault}\nagain: one of {folder}/{target}-*, as --repeat")
    if given.write is not None:
        page = given.write.read_text() if given.write.exists() else ""
        given.write.write_text(put(page, TITLE, table(found, given.seed)))
    sys.exit(1 if any(one.fault for one in found) else 0)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
