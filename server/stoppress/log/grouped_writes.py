"""Writes that are ready at the same time go to Redis together.

Rules:
- Writes that are asked for in one turn of the event loop, or while a connection is
  awaited, are one group: one connection, one round trip, one fsync, one WAIT.
- After a group of several writes the next one waits one turn more: editors who were
  answered together write again together. The write of a lone editor does not wait.
- Each write has its own answer or refusal. If the connection fails, the outcome of
  every write of the group is unknown.
- A group holds at most MAX_GROUP writes; further writes are a new group.
- A group lasts as long as its round trip, which the pool bounds. A write is made even
  if its caller has left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from redis.exceptions import ResponseError

from stoppress.domain.errors import Unavailable
from stoppress.log.redis_commands_scripts_and_durability import RedisCommands, ScriptRun
from stoppress.log.redis_errors import unavailable

MAX_GROUP = 64
"""Writes per round trip: with posts of 300 bytes, 5 ms of Redis."""

Prepare = Callable[[RedisCommands], ScriptRun]
"""Makes a script's call for a connection: it contains the data's lineage."""


class _Group:
    """Writes that are sent together, each with the answer that its caller awaits."""

    __slots__ = ("answers", "prepared")

    def __init__(self) -> None:
        self.prepared: list[Prepare] = []
        self.answers: list[asyncio.Future[Any]] = []

    def add(self, prepare: Prepare) -> asyncio.Future[Any]:
        """Add a write; returns its future answer."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.prepared.append(prepare)
        self.answers.append(answer)
        return answer

    def settle(self, answers: list[Any]) -> None:
        """Set the answers of Redis, in the order of the writes."""
        for waiting, answer in zip(self.answers, answers, strict=True):
            if not waiting.done():
                waiting.set_result(answer)

    def fail(self, wrong: Exception) -> None:
        """Set this error for every write that has no answer yet."""
        for waiting in self.answers:
            if not waiting.done():
                waiting.set_exception(wrong)


class GroupedWrites:
    """The writes of one pool. `borrow` borrows a connection of it."""

    def __init__(
        self, borrow: Callable[[], AbstractAsyncContextManager[RedisCommands]]
    ) -> None:
        self._borrow = borrow
        self._open: _Group | None = None
        """The group that still takes writes."""
        self._running: set[asyncio.Task[None]] = set()
        self._had_company = False
        """Whether the last group had several writes."""

    async def write(self, prepare: Prepare) -> Any:
        """The answer of a script. Raises Unavailable, ResponseError."""
        group = self._open
        if group is None or len(group.prepared) >= MAX_GROUP:
            group = self._open = _Group()
            task = asyncio.get_running_loop().create_task(self._send(group))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        answer = await group.add(prepare)
        if isinstance(answer, ResponseError):
            with unavailable():
                raise answer
        return answer

    async def aclose(self) -> None:
        """Wait for the groups that were sent; each of them has a timeout."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _send(self, group: _Group) -> None:
        try:
            if self._had_company:
                # Requests that are ready in this turn have their writes in the next.
                await asyncio.sleep(0)
            async with self._borrow() as redis:
                self._end(group)
                self._had_company = len(group.prepared) > 1
                runs = [prepare(redis) for prepare in group.prepared]
                answers = await redis.write_each(runs)
                group.settle(answers)
                for answer in answers:
                    if isinstance(answer, ResponseError):
                        # Raised for the pool, which logs it and closes the connections
                        # if the server is a replica.
                        raise answer
        except asyncio.CancelledError:
            group.fail(Unavailable("the link to Redis is closed"))
            raise
        except Exception as wrong:
            group.fail(wrong)
        finally:
            self._end(group)

    def _end(self, group: _Group) -> None:
        """Close the group to further writes."""
        if self._open is group:
            self._open = None
