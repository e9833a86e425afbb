"""A sink that writes down what it is given, and holds the follower to its promise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import Event
from stoppress.domain.store_requests_and_results import LogWindow
from tests.waiting import WITHIN_S


class Recorder:
    """Takes events; anything but the next seq is an error at once."""

    def __init__(self) -> None:
        self.windows: list[LogWindow] = []
        self.events: list[Event] = []
        self.cursor = Cursor("", 0)
        self.ended = False
        self.notices: list[bytes] = []
        self._moved = asyncio.Event()

    def fill(self, window: LogWindow) -> None:
        """Start again."""
        seqs = [event.seq for event in window.events]
        assert seqs == list(range(window.first, window.cursor.seq + 1))
        self.windows.append(window)
        self.events = list(window.events)
        self.cursor = window.cursor
        self._moved.set()

    def push(self, event: Event) -> None:
        """Take the next event."""
        assert not self.ended
        assert event.seq == self.cursor.seq + 1
        self.events.append(event)
        self.cursor = self.cursor._replace(seq=event.seq)
        self._moved.set()

    def end(self) -> None:
        """The feed was deleted."""
        assert not self.ended
        self.ended = True
        self._moved.set()

    def notice(self, payload: bytes) -> None:
        """A message that is no event."""
        self.notices.append(payload)
        self._moved.set()

    async def until(self, arrived: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(WITHIN_S):
            while not arrived():
                self._moved.clear()
                await self._moved.wait()

    async def at(self, cursor: Cursor) -> None:
        """Wait until it has come to a cursor."""
        await self.until(lambda: self.cursor == cursor)
