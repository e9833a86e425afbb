"""One run, from the crowd that comes to what is counted."""

from __future__ import annotations

import os

import pytest

from stoppress.bench import process_stats
from stoppress.bench.run import _shares, need_room
from stoppress.bench.run_plan_and_result import BenchFailed


@pytest.mark.parametrize(
    ("readers", "loaders", "shares"),
    [(10, 3, [4, 3, 3]), (2, 5, [1, 1]), (7, 1, [7]), (0, 4, [0])],
)
def test_readers_are_shared_out_evenly(
    readers: int, loaders: int, shares: list[int]
) -> None:
    """No process without a reader, and no reader without one."""
    assert _shares(readers, loaders) == shares


def test_a_server_without_room_is_told_before_anyone_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And where to raise the limit; one that is elsewhere can't be asked."""
    monkeypatch.setattr(process_stats, "room", lambda pids: 100 if pids else None)
    need_room([os.getpid()], 100)
    need_room([], 1_000_000)
    with pytest.raises(BenchFailed, match="100 more files, too few for 101 readers"):
        need_room([os.getpid()], 101)
