"""Writes that are ready at the same time go to Redis together.

Rules:
- Writes that are asked for in one turn of the event loop, or while a connection is
  awaited, are one group: one connection, one round trip, one fsync, one WAIT. Those of
  one feed are one call of its script.
- After a group of several writes the next one waits one turn more: editors who were
  answered together write again together. The write of a lone editor does not wait.
- Each write has its own answer or refusal. If the connection fails, the outcome of
  every write of the group is unknown.
- A group holds at most MAX_GROUP writes; further writes are a new group. A call holds
  at most CALL_BYTES, or one write: Redis does nothing else until it is done.
- A group lasts as long as its round trip, which the pool bounds. A write is made even
  if its caller has left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from redis.exceptions import ResponseError

from stoppress.domain.errors import Unavailable
from stoppress.log.redis_commands_scripts_and_durability import RedisCommands, ScriptRun
from stoppress.log.redis_errors import unavailable

MAX_GROUP = 64
"""Writes per round trip: with posts of 300 bytes, 4 ms of Redis."""
CALL_BYTES = 256 << 10
"""Bytes of posts per call of a script: 2 ms of Redis."""


class GroupedWrite(Protocol):
    """One write."""

    @property
    def together(self) -> str:
        """Writes for which this is equal may be made by one call."""

    @property
    def size(self) -> int:
        """Its bytes, approximately."""

    @staticmethod
    def run(redis: RedisCommands, writes: Any, /) -> ScriptRun:
        """The call that makes these writes; it returns an answer for each of them."""


class _Group:
    """Writes that are sent together, each with the answer that its caller awaits."""

    __slots__ = ("answers", "asked")

    def __init__(self) -> None:
        self.asked: list[GroupedWrite] = []
        self.answers: list[asyncio.Future[Any]] = []

    def add(self, asked: GroupedWrite) -> asyncio.Future[Any]:
        """Add a write; returns its future answer."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.asked.append(asked)
        self.answers.append(answer)
        return answer

    def calls(self) -> list[list[int]]:
        """The places of the writes that one call makes, for each call."""
        calls: list[list[int]] = []
        open_calls: dict[str, tuple[list[int], int]] = {}
        for place, asked in enumerate(self.asked):
            call, size = open_calls.get(asked.together, ([], 0))
            size += asked.size
            if not call or size > CALL_BYTES:
                call, size = [], asked.size
                calls.append(call)
            call.append(place)
            open_calls[asked.together] = call, size
        return calls

    def settle(self, places: Sequence[int], answers: Sequence[Any]) -> None:
        """Set the answers of the writes at these places."""
        for place, answer in zip(places, answers, strict=True):
            waiting = self.answers[place]
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

    async def write(self, asked: GroupedWrite) -> Any:
        """The answer to a write. Raises Unavailable, ResponseError."""
        group = self._open
        if group is None or len(group.asked) >= MAX_GROUP:
            group = self._open = _Group()
            task = asyncio.get_running_loop().create_task(self._send(group))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        answer = await group.add(asked)
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
                self._had_company = len(group.asked) > 1
                refused = await self._make(redis, group)
                if refused is not None:
                    # Raised for the pool, which logs it and closes the connections if
                    # the server is a replica.
                    raise refused
        except asyncio.CancelledError:
            group.fail(Unavailable("the link to Redis is closed"))
            raise
        except Exception as wrong:
            group.fail(wrong)
        finally:
            self._end(group)

    async def _make(self, redis: RedisCommands, group: _Group) -> ResponseError | None:
        """Make the writes and set their answers; returns a refusal if there is one."""
        calls = group.calls()
        runs = []
        for places in calls:
            writes = [group.asked[place] for place in places]
            runs.append(writes[0].run(redis, writes))
        refused = None
        for places, answer in zip(calls, await redis.write_each(runs), strict=True):
            is_refused = isinstance(answer, ResponseError)
            answers = [answer] * len(places) if is_refused else answer
            group.settle(places, answers)
            for one in answers:
                if isinstance(one, ResponseError):
                    refused = refused or one
        return refused

    def _end(self, group: _Group) -> None:
        """Close the group to further writes."""
        if self._open is group:
            self._open = None
