"""The background tasks of one owner: each is referenced, and all end with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from stoppress.domain.errors import StopPressError

T = TypeVar("T")

log = logging.getLogger("stoppress.hub")


class TaskSet:
    """Background tasks that are cancelled by `stop`, and whose failures are logged."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work` as a task."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    async def stop(self) -> None:
        """Cancel the running tasks, and wait until they have ended."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            problem = task.exception()  # an awaiting caller gets it too
            if problem is not None and not isinstance(problem, StopPressError):
                log.error("a background task of the hub failed", exc_info=problem)
