"""The Python reader: a feed's events, each once and in order, across disconnects.

    async for message in follow("http://127.0.0.1:8000", "harbour-flood"):
        print(message)

Rules:
- It yields events and resets. A reset carries a snapshot (`snapshot`) that replaces
  the state so far; the events that follow continue from it. `domain.fold` makes a
  state of both.
- After a disconnect it reconnects by itself, from its cursor, after a wait with full
  jitter over a bound that the server gives and that grows with each failure.
- An event that does not follow the last one ends the connection and is not yielded.
- During a reset the connection is not read: the server's ring keeps later events.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing

import httpx

from stoppress.client.check_arguments import server_address, usable_environment
from stoppress.client.line_credential import LineCredential, TicketSource
from stoppress.client.line_messages import Message
from stoppress.client.transports import (
    CONNECT_S,
    LineRefused,
    LiveLine,
    Transport,
)
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Gap
from stoppress.domain.fold import ReaderState, fold

__all__ = ["Message", "LineRefused", "TicketSource", "Transport", "follow"]

RETRY_MS = 4000
"""The spread of a reconnect, until the server gives one."""
LONGEST_RETRY_MS = 60_000
_CONTROL = frozenset({"hello", "reset", "beat", "readers", "bye", "error"})


async def follow(
    url: str,
    feed: str,
    *,
    since: str | None = None,
    token: str | None = None,
    tickets: TicketSource | None = None,
    transport: Transport = "websocket",
) -> AsyncGenerator[Message, None]:
    """The events of `feed` at the server `url`, from the cursor `since` (None: now).

    `tickets` returns a reader's ticket for a private feed: before the first connection,
    before the last one's end, and once after a refusal.

    Never ends by itself. Raises LineRefused when the server says that reconnecting
    is useless, or if another server is at `url`; MalformedCursor for a `since` that is
    not a cursor; InvalidArgument for what no request can carry.
    """
    with usable_environment():
        client = httpx.AsyncClient(base_url=server_address(url), timeout=CONNECT_S)
    async with client as http:
        reader = _Reader(LiveLine(http, feed, LineCredential(token, tickets)), since)
        while True:
            async with aclosing(reader.connect(transport)) as messages:
                async for message in messages:
                    yield message
            await asyncio.sleep(reader.pause_s())


class _Reader:
    """One reader's cursor, and its wait before the next connection."""

    def __init__(self, line: LiveLine, since: str | None) -> None:
        self._line = line
        self._cursor = Cursor.parse(since) if since is not None else None
        self._retry_ms = RETRY_MS
        self._failures = 0
        self._told_ms: int | None = None

    async def connect(self, transport: Transport) -> AsyncGenerator[Message, None]:
        """The messages of one connection, until it ends."""
        since = str(self._cursor) if self._cursor else None
        async with aclosing(self._line.open(transport, since)) as messages:
            async for message in messages:
                kind = message["type"]
                if kind == "hello":
                    self._greeted(message)
                elif kind == "bye":
                    self._told_ms = message["retry_ms"]
                elif kind == "reset":
                    snapshot = await self._after_reset(message)
                    if snapshot is None:
                        return
                    yield {**message, "snapshot": snapshot}
                elif kind not in _CONTROL and "cursor" in message:
                    # An event, also one of an unknown type.
                    before = self._cursor
                    try:
                        self._cursor = _after(before, message)
                    except Gap:
                        return
                    if self._cursor != before:
                        yield message

    def _greeted(self, hello: Message) -> None:
        self._failures = 0
        self._retry_ms = hello.get("retry_ms", self._retry_ms)
        self._cursor = self._cursor or Cursor.parse(hello["cursor"])

    async def _after_reset(self, reset: Message) -> Message | None:
        """The snapshot to continue from, after the wait that the reset gives."""
        self._failures = 0
        await asyncio.sleep(random.uniform(0, reset["retry_ms"]) / 1000)  # noqa: S311 (spreads load, no secret)
        snapshot = await self._line.snapshot(reset["cursor"])
        if snapshot is not None:
            self._cursor = Cursor.parse(snapshot["cursor"])
        return snapshot

    def pause_s(self) -> float:
        """The wait: the server's, or a random part of a growing spread."""
        told_ms, self._told_ms = self._told_ms, None
        if told_ms is not None:
            return told_ms / 1000
        spread_ms = min(self._retry_ms << min(self._failures, 10), LONGEST_RETRY_MS)
        self._failures += 1
        return random.uniform(0, spread_ms) / 1000  # noqa: S311 (spreads load, no secret)


def _after(cursor: Cursor | None, message: Message) -> Cursor:
    """The cursor after the event; the same if it is a repeat. Raises Gap."""
    if cursor is None:
        return Cursor.parse(message["cursor"])
    return fold(ReaderState(feed={}, cursor=cursor), message).cursor
