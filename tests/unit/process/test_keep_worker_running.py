"""One worker is started, replaced and ended, with real processes.

What workers that serve do: tests/contract/server/test_restart.py and test_workers.py.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from typing import Any

import pytest

from stoppress.process.keep_worker_running import WorkerDidNotStart, WorkerSlot

pytestmark = pytest.mark.asyncio


async def test_a_worker_that_ends_before_it_is_ready_is_an_error() -> None:
    """It is reported as ended, and no other is started."""
    ended: list[int] = []
    slot = WorkerSlot([], os.environ | {"STOPPRESS_PORT": "no port"})
    with pytest.raises(WorkerDidNotStart):
        await slot.keep(ended.append)
    assert len(ended) == 1 and not slot.ready.is_set()


async def test_a_killed_worker_is_replaced_until_the_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also one that was not ready yet: somebody else ended it."""
    start = asyncio.create_subprocess_exec

    async def sleep(*_: str, **named: Any) -> asyncio.subprocess.Process:
        process = await start("sleep", "60", **named)
        started.put_nowait(process.pid)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", sleep)
    started: asyncio.Queue[int] = asyncio.Queue()
    ended: list[int] = []
    slot = WorkerSlot([], dict(os.environ))
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(slot.keep(ended.append))
        first = await started.get()
        os.kill(first, signal.SIGKILL)
        second = await started.get()
        slot.stop()
    assert ended == [first, second]


async def test_a_stop_closes_the_sockets_and_starts_no_process() -> None:
    """While one is open, the kernel accepts connections that nothing serves."""
    listener = socket.create_server(("127.0.0.1", 0))
    slot = WorkerSlot([listener], {})
    slot.stop()
    await slot.keep(lambda pid: pytest.fail(f"{pid} was started"))
    assert listener.fileno() == -1
