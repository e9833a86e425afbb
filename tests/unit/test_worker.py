"""What a worker does around the serving."""

from __future__ import annotations

import os

from stoppress.bench import machine
from stoppress.worker import give_back

PIECES = 50_000


def test_holes_are_given_back() -> None:
    """Where something still in use lies behind them, they would stay."""
    pieces = [bytes(1000) for _ in range(PIECES)]
    held = machine.rss([os.getpid()])
    last = pieces[-1]
    pieces.clear()
    give_back()
    assert machine.rss([os.getpid()]) < held - PIECES * 800
    assert len(last) == 1000
