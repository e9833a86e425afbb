"""A few slots for expensive work, given to clients in turn.

Rules:
- At most `slots` requests hold a slot at once. That bounds their memory, and the event
  loop has turns for other work.
- Waiting requests are served in turn by client: a thousand requests of one client
  delay another client's by one.
- At most `most_waiting` requests wait, at most a quarter of them of one client, each
  for at most WAIT_S; others are refused.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

WAIT_S = 5.0
"""Longest wait for a slot."""


class NoSlot(Exception):
    """Too many requests wait already, or this one waited too long."""


class FairSlots:
    """Slots in turn by client. `slots` 0: no limit."""

    def __init__(self, slots: int, most_waiting: int) -> None:
        self._free = slots
        self.is_limited = slots > 0
        self._most = most_waiting
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._count = 0

    @asynccontextmanager
    async def slot(self, client: str) -> AsyncIterator[None]:
        """Wait for a slot, and hold it for the block. Raises NoSlot."""
        if not self.is_limited:
            yield
            return
        if self._free:
            self._free -= 1
        else:
            await self._wait(client)
        try:
            yield
        finally:
            self._hand_on()

    async def _wait(self, client: str) -> None:
        line = self._waiting.get(client)
        of_client = 0 if line is None else len(line)
        if self._count >= self._most or of_client >= max(1, self._most // 4):
            raise NoSlot
        if line is None:
            line = self._waiting[client] = deque()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(turn)
        self._count += 1
        try:
            async with asyncio.timeout(WAIT_S):
                await turn
        except TimeoutError:
            if turn.done() and not turn.cancelled():
                return  # the slot was given at the same moment
            self._leave(client, turn)
            raise NoSlot from None
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._hand_on()  # the slot was given at the same moment
            else:
                self._leave(client, turn)
            raise

    def _leave(self, client: str, turn: asyncio.Future[None]) -> None:
        line = self._waiting.get(client)
        if line is not None and turn in line:
            line.remove(turn)
            self._count -= 1
            if not line:
                del self._waiting[client]

    def _hand_on(self) -> None:
        """Give the slot to the next client in turn, or keep it free."""
        while self._waiting:
            client, line = self._waiting.popitem(last=False)
            turn = line.popleft()
            self._count -= 1
            if line:
                self._waiting[client] = line
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
