"""What a worker does around the serving."""

from __future__ import annotations

import asyncio
import os

import pytest
import uvicorn

from stoppress.app import ServerProcess
from stoppress.bench import process_stats
from stoppress.process.worker import WorkerServer, give_back
from stoppress.settings import Settings
from tests.faults import virtual_clock

PIECES = 50_000


def test_holes_are_given_back() -> None:
    """Where something still in use lies behind them, they would stay."""
    pieces = [bytes(1000) for _ in range(PIECES)]
    held = process_stats.rss([os.getpid()])
    last = pieces[-1]
    pieces.clear()
    give_back()
    assert process_stats.rss([os.getpid()]) < held - PIECES * 800
    assert len(last) == 1000


@pytest.mark.parametrize("failed", [False, True], ids=["told to end", "failed"])
def test_a_worker_wakes_once_a_second_until_it_is_over(failed: bool) -> None:
    """And ends in that very moment, not at the next tick."""
    ticks: list[float] = []

    class Watched(WorkerServer):
        async def on_tick(self, counter: int) -> bool:
            ticks.append(asyncio.get_running_loop().time())
            return await super().on_tick(counter)

    async def live() -> float:
        serving = ServerProcess(Settings())
        server = Watched(uvicorn.Config(serving.app), serving, -1)
        server.config.load()
        loop = asyncio.get_running_loop()
        loop.call_later(59.5, serving.over.set if failed else server._stop)
        await server.main_loop()
        return loop.time()

    ended = virtual_clock.run(live())
    assert len(ticks) == 60
    assert ended == pytest.approx(59.5)
