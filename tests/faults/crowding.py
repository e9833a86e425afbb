"""A throng in a process of its own, told what to do over a pipe.

An editor that is measured must not share its interpreter with 18,000 readers.
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
from tests.faults.throng import Throng, peak

AT_ONCE = 200
"""Handshakes under way at a time, where a crowd is not to come all at once."""


@dataclass(slots=True)
class Count:
    """How a throng stands."""

    members: int = 0
    size_in: int = 0
    there: int = 0
    """How many are at the goal."""
    handshakes: int = 0
    peak: int = 0
    """The most handshakes within a second, since `forget`."""
    first_s: float = 0.0
    last_s: float = 0.0
    """From when to when they were, on the monotonic clock."""
    seen: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    told: list[str] = field(default_factory=list)
    """The first faults."""


class Crowding:
    """The near end of a throng."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._asked = 0

    async def come(self, places: Sequence[Cursor | None], at_once: bool) -> None:
        """So many readers come, from these places."""
        await self._ask("come", list(places), at_once)

    async def forget(self) -> None:
        """Count handshakes anew."""
        await self._ask("forget")

    async def count(self, goal: Cursor | None = None) -> Count:
        """How it stands."""
        found = await self._ask("count", goal)
        assert isinstance(found, Count)
        return found

    async def until_in(self, within_s: float) -> Count:
        """Wait until everybody is on a line. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while True:
                now = await self.count()
                if now.size_in == now.members:
                    return now
                await asyncio.sleep(0.1)

    async def until_at(self, goal: Cursor, within_s: float) -> Count:
        """Wait until everybody is there. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while True:
                now = await self.count(goal)
                if now.there == now.members:
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
async def crowding(
    address: tuple[str, int], feed: str, seed: int
) -> AsyncIterator[Crowding]:
    """A throng at that address, which is gone afterwards."""
    context = multiprocessing.get_context("spawn")
    near, far = context.Pipe()
    process = context.Process(target=_run, args=(far, address, feed, seed), daemon=True)
    process.start()
    far.close()
    try:
        yield Crowding(near)
    finally:
        near.close()
        process.join(5)
        process.kill()


def _run(pipe: Connection, address: tuple[str, int], feed: str, seed: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.disable()  # what is made here are numbers
    throng = Throng(address, feed, seed)
    coming: list[Cursor | None] = []
    try:
        while True:
            throng.turn(0.005)
            if coming and len(throng.members) - throng.size_in < AT_ONCE:
                for place in coming[:AT_ONCE]:
                    throng.come(place)
                del coming[:AT_ONCE]
            elif not coming and pipe.poll():
                number, *words = pipe.recv()
                pipe.send((number, _answer(throng, coming, words)))
    except (EOFError, ConnectionError):
        throng.close()


def _answer(
    throng: Throng, coming: list[Cursor | None], words: Sequence[object]
) -> Count | None:
    if words[0] == "come":
        places = words[1]
        assert isinstance(places, list)
        if not words[2]:
            coming += places
            return None
        for number, place in enumerate(places):
            throng.come(place)
            if number % 64 == 0:
                throng.turn(0)  # those that are through may ask
        return None
    if words[0] == "forget":
        throng.entered.clear()
        throng.seen.clear()
        return None
    goal = words[1]
    entered = throng.entered
    return Count(
        members=len(throng.members),
        size_in=throng.size_in,
        there=throng.at(goal) if isinstance(goal, Cursor) else 0,
        handshakes=len(entered),
        peak=peak(entered),
        first_s=min(entered, default=time.monotonic()),
        last_s=max(entered, default=time.monotonic()),
        seen=throng.seen,
        faults=len(throng.faults),
        told=throng.faults[:5],
    )
