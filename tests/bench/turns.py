"""Servers that take turns, and what is said of them: medians, ratios, claims.

Rules:
- A row has subjects. In each round every subject has its turn, on a server of its
  own; what is compared are medians over the rounds.
- The first subject is Stop Press on a plain WebSocket. Its bytes a delivery are
  what the peers after it are given to send.
- A claim is held against a limit and says whether it holds; it ends nothing.
"""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from stoppress.bench.report import Figures
from tests.bench.measures import Measure, Scale
from tests.bench.servers import Server
from tests.bench.stage import Stage, folder, loader_core, running
from tests.ports import reserve_port

_HEADER = 4
"""Bytes of a frame's header, for any text of these benchmarks."""

Runs = dict[str, list[Figures]]
"""Of each subject, one entry a round."""
Medians = Mapping[str, Mapping[str, float]]


class Subject(NamedTuple):
    """One server, and what is done with it."""

    name: str
    server: Server
    measure: Measure


class Claim(NamedTuple):
    """A figure of the medians, and the most (or least) that it may be."""

    what: str
    figure: Callable[[Medians], float]
    limit: float
    is_least: bool = False

    def held(self, shown: Medians) -> dict[str, Any]:
        """What is so; `figure` is None where there is nothing to compare."""
        try:
            figure = self.figure(shown)
        except (KeyError, ZeroDivisionError):
            return {"what": self.what, "limit": self.limit, "figure": None}
        holds = figure >= self.limit if self.is_least else figure <= self.limit
        least = {"at_least" if self.is_least else "at_most": self.limit}
        return {"what": self.what, "figure": figure, **least, "holds": holds}


class Row(NamedTuple):
    """One row: `drawn` is the figure that the plot shows."""

    name: str
    title: str
    subjects: tuple[Subject, ...]
    claims: tuple[Claim, ...]
    drawn: str
    rounds: int = 5


def of(subject: str, figure: str) -> Callable[[Medians], float]:
    """A figure of one subject."""
    return lambda shown: shown[subject][figure]


def ratio(figure: str, over: str, under: str) -> Callable[[Medians], float]:
    """A subject's figure as a multiple of another's."""
    return lambda shown: shown[over][figure] / shown[under][figure]


def take_turns(
    row: Row, scale: Scale, rounds: int, only: set[str], say: Callable[[str], object]
) -> Runs:
    """Measure every subject (of those named in `only`, if any) in every round."""
    found: Runs = {}
    subjects = []
    for subject in row.subjects:
        if only and subject.name not in only:
            continue
        if missing := subject.server.missing():
            say(f"left out: {subject.name} is not here ({missing})")
            continue
        subjects.append(subject)
    with loader_core() as core:
        for turn in range(rounds):
            size = scale.size
            for subject in subjects:
                figures = _one(subject, scale, size, core)
                if subject is row.subjects[0]:
                    size = round(float(figures.get("bytes_a_delivery") or size))
                    size -= _HEADER
                found.setdefault(subject.name, []).append(figures)
                say(f"round {turn + 1} of {rounds}, {subject.name}: {_brief(figures)}")
    return found


def _one(subject: Subject, scale: Scale, size: int, core: int) -> Figures:
    server, port = subject.server, reserve_port()
    if server.target.is_ours:
        size = scale.size
    else:
        size -= server.around
    with folder() as place:
        command = server.start(place, port)
        stage = Stage(server.target, port, size, server.tls, command.hub_port)
        with running(command, port, place, core):
            return subject.measure(stage, scale)


def _brief(figures: Figures) -> str:
    shown = [
        f"{name} {value:,.2f}"
        for name, value in figures.items()
        if isinstance(value, float)
    ]
    if "note" in figures:
        shown.append(f"NOTE: {figures['note']}")
    return ", ".join(shown)


def medians(runs: Runs) -> dict[str, dict[str, float]]:
    """Of each subject, the median of each of its figures."""
    shown: dict[str, dict[str, float]] = {}
    for subject, rounds in runs.items():
        for name in rounds[0]:
            values = [row.get(name) for row in rounds]
            numbers = [value for value in values if isinstance(value, int | float)]
            if numbers:
                shown.setdefault(subject, {})[name] = statistics.median(numbers)
    return shown


def report(row: Row, scale: Scale, runs: Runs) -> dict[str, Any]:
    """What the row's file says."""
    shown = medians(runs)
    return {
        "row": row.name,
        "title": row.title,
        "drawn": row.drawn,
        "machine": machine(),
        "scale": scale._asdict(),
        "rounds": max(map(len, runs.values()), default=0),
        "claims": [claim.held(shown) for claim in row.claims],
        "medians": shown,
        "runs": runs,
    }


def machine() -> dict[str, str | int]:
    """Where this is measured."""
    processor = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return {
        "processor": processor,
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def lines(told: Mapping[str, Any]) -> list[str]:
    """The row's claims, one a line, and its medians."""
    shown = [f"{told['title']} (medians of {told['rounds']})"]
    for claim in told["claims"]:
        if claim["figure"] is None:
            shown.append(f"  not measured: {claim['what']}")
            continue
        sign, limit = (
            ("≥", claim.get("at_least"))
            if "at_least" in claim
            else ("≤", claim.get("at_most"))
        )
        verdict = "holds" if claim["holds"] else "FALLS SHORT"
        shown.append(
            f"  {claim['what']}: {claim['figure']:,.2f} ({sign} {limit:g}) {verdict}"
        )
    for subject, figures in told["medians"].items():
        value = figures.get(told["drawn"])
        if value is not None:
            name = told["drawn"].replace("_", " ")
            shown.append(f"    {subject:28} {value:>14,.2f} {name}")
    return shown
