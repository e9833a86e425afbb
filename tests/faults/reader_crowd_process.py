"""A crowd of readers in a process of its own, controlled over a pipe.

An editor under measurement must not share its interpreter with 18,000 readers.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import resource
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import cast

from stoppress.domain.cursor import Cursor
from tests.faults.reader_crowd import ReaderCrowd, peak

AT_ONCE = 200
"""Concurrent handshakes, unless all readers are to connect at once."""


@dataclass(slots=True)
class Count:
    """The state of a crowd."""

    readers: int = 0
    connected: int = 0
    at_goal: int = 0
    """How many have reached the goal."""
    handshakes: int = 0
    peak: int = 0
    """The most handshakes within any second, since `forget`."""
    first_s: float = 0.0
    last_s: float = 0.0
    """The first and the last handshake, on the monotonic clock."""
    seen: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    first_faults: list[str] = field(default_factory=list)
    """The first faults."""


class ReaderCrowdProcess:
    """The controlling end of a crowd."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._asked = 0

    async def come(self, places: Sequence[Cursor | None], at_once: bool) -> None:
        """Add a reader at each of these cursors."""
        await self._ask("come", list(places), at_once)

    async def forget(self) -> None:
        """Reset the counts of handshakes and messages."""
        await self._ask("forget")

    async def count(self, goal: Cursor | None = None) -> Count:
        """The state now; `goal` is counted in `at_goal`."""
        found = await self._ask("count", goal)
        assert isinstance(found, Count)
        return found

    async def until_in(self, within_s: float) -> Count:
        """Wait until every reader is connected. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while True:
                now = await self.count()
                if now.connected == now.readers:
                    return now
                await asyncio.sleep(0.1)

    async def until_at(self, goal: Cursor, within_s: float) -> Count:
        """Wait until every reader is at `goal`. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while True:
                now = await self.count(goal)
                if now.at_goal == now.readers:
                    return now
                await asyncio.sleep(0.1)

    async def _ask(self, *words: object) -> object:
        self._asked += 1
        self._pipe.send((self._asked, *words))
        while True:
            while not self._pipe.poll():  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.01)
            number, answer = self._pipe.recv()
            if number == self._asked:  # else to who gave up waiting
                return cast(object, answer)


@asynccontextmanager
async def reader_crowd_process(
    address: tuple[str, int], feed: str, seed: int
) -> AsyncIterator[ReaderCrowdProcess]:
    """A crowd of readers of that address, closed at the end."""
    context = multiprocessing.get_context("spawn")
    near, far = context.Pipe()
    process = context.Process(target=_run, args=(far, address, feed, seed), daemon=True)
    process.start()
    far.close()
    try:
        yield ReaderCrowdProcess(near)
    finally:
        near.close()
        process.join(5)
        process.kill()


def _run(pipe: Connection, address: tuple[str, int], feed: str, seed: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.disable()  # what is made here are numbers
    crowd = ReaderCrowd(address, feed, seed)
    coming: list[Cursor | None] = []
    try:
        while True:
            crowd.run_once(0.005)
            if coming and len(crowd.readers) - crowd.connected < AT_ONCE:
                for place in coming[:AT_ONCE]:
                    crowd.add(place)
                del coming[:AT_ONCE]
            elif not coming and pipe.poll():
                number, *words = pipe.recv()
                pipe.send((number, _answer(crowd, coming, words)))
    except (EOFError, ConnectionError):
        crowd.close()


def _answer(
    crowd: ReaderCrowd, coming: list[Cursor | None], words: Sequence[object]
) -> Count | None:
    if words[0] == "come":
        places = words[1]
        assert isinstance(places, list)
        if not words[2]:
            coming += places
            return None
        for number, place in enumerate(places):
            crowd.add(place)
            if number % 64 == 0:
                crowd.run_once(0)  # those that are through may ask
        return None
    if words[0] == "forget":
        crowd.handshake_times.clear()
        crowd.seen.clear()
        return None
    goal = words[1]
    handshake_times = crowd.handshake_times
    return Count(
        readers=len(crowd.readers),
        connected=crowd.connected,
        at_goal=crowd.at(goal) if isinstance(goal, Cursor) else 0,
        handshakes=len(handshake_times),
        peak=peak(handshake_times),
        first_s=min(handshake_times, default=time.monotonic()),
        last_s=max(handshake_times, default=time.monotonic()),
        seen=crowd.seen,
        faults=len(crowd.faults),
        first_faults=crowd.faults[:5],
    )
