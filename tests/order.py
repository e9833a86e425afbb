"""In which order the tests are run, so that all workers end at about the same time.

xdist gives each worker an equal share, cut from the list in one piece, and lets one
that has nothing left take from the end of another's. So each share begins with
modules that take long, dealt out in turn, and ends with many short tests. A module
stays in one piece: it shares servers and browsers. What is made beside the session
is read last of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, islice
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LONGEST = (
    "faults/test_reader_crowd.py",
    "bench/test_rows.py",
    "browser/test_long_day.py",
    "faults/test_faults.py",
    "foreign/test_proxies.py",
    "foreign/test_rolling_restart.py",
    "contract/server/test_workers.py",
    "contract/server/test_kept_sets.py",
    "browser/test_engines.py",
    "browser/test_bad_input.py",
    "browser/test_others.py",
    "contract/server/test_cli.py",
    "browser/test_desk.py",
    "foreign/test_clients.py",
    "contract/store/test_cluster.py",
    "contract/server/test_archive.py",
    "contract/store/test_sentinels.py",
    "contract/server/test_restart.py",
)
SHORT = ("unit/", "property/", "fuzz/")
LAST = "faults/test_kinds.py"
TRACED = ("unit/", "property/", "contract/store/")
"""What has to cover the packages that have a gate; `make coverage` runs just these."""


def ordered(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """The same tests, long modules dealt out to the beginnings of the shares."""
    modules = [
        (_name(path), list(group))
        for path, group in groupby(items, lambda one: one.path)
    ]
    long = [one for one in modules if not one[0].startswith(SHORT) and one[0] != LAST]
    long.sort(key=lambda one: _rank(one[0]))
    short = [
        item for name, group in modules if name.startswith(SHORT) for item in group
    ]
    last = [item for name, group in modules if name == LAST for item in group]
    shares: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for number, (_, group) in enumerate(long):
        shares[number % workers] += group
    rest, unshared = iter(short + last), len(items)
    for number, share in enumerate(shares):
        size = unshared // (workers - number)  # as xdist cuts them
        share += islice(rest, max(0, size - len(share)))
        unshared -= size
    return [item for share in shares for item in share] + list(rest)


def is_traced(path: Path) -> bool:
    """Whether the coverage of this file's tests counts."""
    return _name(path).startswith(TRACED)


def _name(path: Path) -> str:
    return str(path.relative_to(TESTS)) if path.is_relative_to(TESTS) else ""


def _rank(name: str) -> int:
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)
