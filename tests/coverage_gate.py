"""Holds each package to its share of covered branches and lines.

    python -m tests.coverage_gate REPORT

`REPORT` is the JSON that coverage writes. Prints a row for each package, and for
those that are below their gate what is not covered. Exits with 1 if any is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

GATES = {"domain": 95, "wire": 95, "hub": 95, "desk": 95, "log": 95}
"""Percent of lines and branches together, for each package that has a gate."""
PACKAGE = "stoppress"


@dataclass
class Covered:
    """What is covered of a package."""

    covered: int = 0
    total: int = 0
    missing: list[str] = field(default_factory=list)

    @property
    def percent(self) -> float:
        """Of lines and branches; a package without any is covered."""
        return 100.0 * self.covered / self.total if self.total else 100.0


def by_package(report: Mapping[str, Any]) -> dict[str, Covered]:
    """Each package of the report; a module that is in none counts as one."""
    packages: dict[str, Covered] = {}
    for name, file in sorted(report["files"].items()):
        parts = PurePath(name).parts
        inside = parts[parts.index(PACKAGE) + 1 :]
        package = packages.setdefault(inside[0].removesuffix(".py"), Covered())
        summary = file["summary"]
        package.covered += summary["covered_lines"] + summary["covered_branches"]
        package.total += summary["num_statements"] + summary["num_branches"]
        lines = set(file["missing_lines"])
        branches = [
            f"{start}->{end if end > 0 else 'exit'}"
            for start, end in file["missing_branches"]
            if start not in lines and end not in lines
        ]
        if lines or branches:
            told = ", ".join([*ranges(sorted(lines)), *branches])
            package.missing.append(f"{'/'.join(inside)}: {told}")
    return packages


def ranges(lines: Iterable[int]) -> list[str]:
    """Line numbers in order, those that follow on each other as `first-last`."""
    found: list[list[int]] = []
    for line in lines:
        if found and line == found[-1][1] + 1:
            found[-1][1] = line
        else:
            found.append([line, line])
    return [str(a) if a == b else f"{a}-{b}" for a, b in found]


def below(packages: Mapping[str, Covered], gates: Mapping[str, float]) -> list[str]:
    """The packages that are below their gate, or are not in the report at all."""
    return [
        name
        for name, gate in gates.items()
        if name not in packages or packages[name].percent < gate
    ]


def main() -> None:
    """Print what is covered; exit with 1 if that is too little."""
    packages = by_package(json.loads(Path(sys.argv[1]).read_text()))
    failed = below(packages, GATES)
    for name, package in sorted(packages.items()):
        gate = f"at least {GATES[name]}" if name in GATES else ""
        _say(f"{name:12} {package.percent:6.1f} %  {gate}")
    for name in failed:
        _say(f"error: {name} is below {GATES[name]} %; not covered:")
        for line in packages.get(name, Covered()).missing:
            _say(f"    {line}")
    sys.exit(1 if failed else 0)


def _say(text: str) -> None:
    print(text)  # noqa: T201


if __name__ == "__main__":
    main()
