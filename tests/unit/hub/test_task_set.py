"""The tasks of one owner."""

from __future__ import annotations

import asyncio
import logging

import pytest

from stoppress.domain.errors import Unavailable
from stoppress.hub.task_set import TaskSet

pytestmark = pytest.mark.asyncio


async def test_a_finished_task_is_dropped() -> None:
    """It is held while it runs, as the loop alone holds no task."""
    tasks, go = TaskSet(), asyncio.Event()
    task = tasks.start(go.wait())
    assert len(tasks) == 1
    go.set()
    assert await task is True
    await asyncio.sleep(0)
    assert len(tasks) == 0


async def test_all_end_with_their_owner() -> None:
    """Those too that take a while to end."""
    ended: list[int] = []

    async def work(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(number)

    tasks = TaskSet()
    for number in range(3):
        tasks.start(work(number))
    await asyncio.sleep(0)
    await tasks.stop()
    assert sorted(ended) == [0, 1, 2]


async def test_a_fault_is_logged_and_an_expected_error_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A caller that awaits the task gets the error anyway."""

    async def fail(error: Exception) -> None:
        raise error

    tasks = TaskSet()
    with caplog.at_level(logging.ERROR):
        for error in (Unavailable("Redis is away"), KeyError("a fault")):
            task = tasks.start(fail(error))
            with pytest.raises(type(error)):
                await task
            await asyncio.sleep(0)
    (reported,) = caplog.records
    assert reported.exc_info is not None and isinstance(reported.exc_info[1], KeyError)
