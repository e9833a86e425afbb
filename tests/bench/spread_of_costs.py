"""How what was measured several times is spread, and how that is printed."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence


def spread_of(costs_ms: Sequence[float]) -> dict[str, float]:
    """The least, the median, nine in ten and the worst."""
    sorted_ms = sorted(round(ms, 2) for ms in costs_ms)
    return {
        "least": sorted_ms[0],
        "median": statistics.median_low(sorted_ms),
        "nine in ten": sorted_ms[len(sorted_ms) * 9 // 10 - 1],
        "worst": sorted_ms[-1],
    }


def print_spreads(found: Mapping[str, Mapping[str, float]], *, as_json: bool) -> None:
    """A line for each, for people; or all of it for programs."""
    if as_json:
        print(json.dumps(found))  # noqa: T201
        return
    for name, spread in found.items():
        told = ", ".join(f"{which} {ms:.2f}" for which, ms in spread.items())
        print(f"{name:15} ms: {told}")  # noqa: T201
