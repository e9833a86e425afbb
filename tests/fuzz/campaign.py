"""Feeds each target a million inputs that are nearly right, and says what came of it.

    python -m tests.fuzz.campaign [--inputs N] [--targets a,b] [--seed S]
                                  [--session N] [--write FILE]

Inputs come in sessions of 500, each drawn from the seed and its own number, so that
what fails is repeated by `--targets T --seed S --session N`, alone. A session may take
HANG_S seconds; what a process holds may grow by GROWN_MB after its first tenth.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from tests.faults.report_sections import put
from tests.fuzz import bodies, calls, cursors, frames

INPUTS = 1_000_000
SESSION = 500
HANG_S = 60.0
GROWN_MB = 32.0
SAID_S = 10.0
"""How often progress is told."""
CLIENT = Path(__file__).with_name("client.mjs")
STEP = 100
"""Sessions of the client's between two of its lines."""

INTRODUCTION = """\
`make fuzz` feeds the parsers of foreign bytes with inputs that are nearly valid:
mutated in bytes, in the structure of their JSON, in the order of frames. Only the named
errors may be raised, nothing may hang, and memory has a bound; what else has to
hold, each file in `tests/fuzz` says. Seed {seed}; to repeat one session of it:
`make fuzz ARGS="--targets T --seed S --session N"`.

"""

Session = Callable[[random.Random, int], Counter[str]]
Step = tuple[int, Counter[str], float]
"""Inputs, what was seen of them, and the MB that the process holds."""


class Found(Exception):
    """A session in which something did not hold."""

    def __init__(self, session: int, what: str) -> None:
        super().__init__(f"session {session}: {what}")
        self.session = session


@dataclass(slots=True)
class Result:
    """What came of one target."""

    name: str
    inputs: int = 0
    seconds: float = 0.0
    mb: list[float] = field(default_factory=list)
    """What the process held after each step."""
    seen: Counter[str] = field(default_factory=Counter)
    fault: str = ""
    session: int = 0

    @property
    def early_mb(self) -> float:
        """What it held when everything was warm: the most in the first tenth."""
        return max(self.mb[: max(1, len(self.mb) // 10)], default=0.0)

    @property
    def most_mb(self) -> float:
        """The most it held."""
        return max(self.mb, default=0.0)


def steps(session: Session, seed: int, first: int, hang_s: float) -> Iterator[Step]:
    """One session after the other, in this process."""

    def hung(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"it takes longer than {hang_s:.0f} s")

    before = signal.signal(signal.SIGALRM, hung)
    number = first
    try:
        while True:
            signal.setitimer(signal.ITIMER_REAL, hang_s)
            try:
                seen = session(random.Random(f"{seed}/{number}"), SESSION)
            except Exception as error:
                raise Found(number, repr(error)[:2000]) from error
            signal.setitimer(signal.ITIMER_REAL, 0)
            yield SESSION, seen, _resident_mb()
            number += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _resident_mb() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # only Linux tells
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def client_steps(seed: int, first: int, sessions: int, hang_s: float) -> Iterator[Step]:
    """Sessions of the page's reader, each some hundred a step, under node."""
    while True:
        numbers = [str(n) for n in (seed, first, sessions, SESSION)]
        try:
            done = subprocess.run(
                ["node", str(CLIENT), *numbers],
                capture_output=True,
                text=True,
                timeout=hang_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Found(
                first, f"{sessions} sessions took over {hang_s:.0f} s"
            ) from None
        for line in done.stdout.splitlines():
            told = json.loads(line)
            if "error" in told:
                raise Found(told["session"], told["error"])
            seen = Counter(told["seen"])
            inputs = sum(n for name, n in seen.items() if name.endswith(" inputs"))
            yield inputs, seen, told["rss"] / 1e6
        if done.returncode:
            raise Found(first, done.stderr[-2000:])
        first += sessions


PYTHON: dict[str, Session] = {
    "frames": frames.session,
    "cursors": cursors.session,
    "bodies": bodies.session,
    "calls": calls.session,
}
TARGETS = {
    "frames": "frames, fragments and ops of a reader on a WebSocket",
    "cursors": "cursors, marks of pages, feeds of a live line",
    "bodies": "bodies of posts, feeds, tokens, patches and copies",
    "calls": "requests to the whole API, over ASGI",
    "client": "the page's reader: messages on all transports, and snapshots",
}


def fuzzed(
    name: str, going: Iterator[Step], inputs: int, say: Callable[[str], None]
) -> Result:
    """Feed a target until it had so many inputs, or something did not hold."""
    result = Result(name)
    began = told = time.monotonic()
    try:
        for count, seen, mb in going:
            now = time.monotonic()
            result.inputs += count
            result.seen += seen
            result.mb.append(mb)
            if result.inputs >= inputs:
                break
            if now - told > SAID_S:
                say(f"{name}: {result.inputs:,} inputs, {mb:.0f} MB")
                told = now
    except Found as found:
        result.fault, result.session = str(found), found.session
    result.seconds = time.monotonic() - began
    grown = result.most_mb - result.early_mb
    if not result.fault and grown > GROWN_MB:
        result.fault = f"holds {grown:.0f} MB more than after a tenth"
    return result


def table(results: list[Result], seed: int) -> str:
    """What the report says of them."""
    rows = [
        "| target | inputs | a second | MB (after a tenth) | seen most | result |",
        "| --- | --: | --: | --: | --- | --- |",
    ]
    for one in results:
        seen = ", ".join(f"{n:,} {name}" for name, n in one.seen.most_common(4))
        rows.append(
            f"| {one.name}: {TARGETS[one.name]} | {one.inputs:,} "
            f"| {one.inputs / max(one.seconds, 1e-9):,.0f} "
            f"| {one.most_mb:.0f} ({one.early_mb:.0f}) | {seen} "
            f"| {'**' + one.fault[:200] + '**' if one.fault else 'all held'} |"
        )
    return INTRODUCTION.format(seed=seed) + "\n".join(rows) + "\n"


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def main() -> None:
    """Run from the command line; exit 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=INPUTS, help="of each target")
    parser.add_argument("--targets", default=",".join(TARGETS), help="with commas")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 20))
    parser.add_argument("--session", type=int, default=None, help="this one alone")
    parser.add_argument("--write", type=Path, default=None, help="a report to write")
    given = parser.parse_args()
    results: list[Result] = []
    first = given.session or 0
    inputs = 1 if given.session is not None else given.inputs
    for name in given.targets.split(","):
        if name not in TARGETS:
            raise SystemExit(
                f"error: no target {name!r}; there are {', '.join(TARGETS)}"
            )
        if name == "client":
            many = 1 if given.session is not None else STEP * 10
            going = client_steps(given.seed, first, many, HANG_S * 5)
        else:
            going = steps(PYTHON[name], given.seed, first, HANG_S)
        result = fuzzed(name, going, inputs, _say)
        results.append(result)
        _say(
            f"{name}: SEED={given.seed} {result.fault or 'ok'}: {result.inputs:,} "
            f"inputs in {result.seconds:.0f} s, {result.most_mb:.0f} MB, "
            f"{dict(result.seen)}"
        )
        if result.fault:
            _say(
                f'again: make fuzz ARGS="--targets {name} --seed {given.seed} '
                f'--session {result.session}"'
            )
    if given.write is not None:
        page = given.write.read_text() if given.write.exists() else ""
        given.write.write_text(put(page, "Fuzzing", table(results, given.seed)))
    sys.exit(1 if any(one.fault for one in results) else 0)


if __name__ == "__main__":
    main()
