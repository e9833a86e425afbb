"""Readers whose bytes somebody else carries: the plain path, and the long poll.

Rules:
- The sweep gives a `RelayedReader` what one visit has; until its task has carried
  that away the reader is blocked, like a socket that takes no more.
- A `LongPoll` follows without a word until anything happens, and then is done.
- Here a reader has a task, the one that its request has anyway: slower, with the
  same messages and cursors.
"""

from __future__ import annotations

import asyncio
import random

from stoppress.hub.feed_state import ReadRights
from stoppress.hub.follow import Follow
from stoppress.hub.reader import MAX_WAITING, Reader, ReaderOwner
from stoppress.hub.ring import Bytes, Parts
from stoppress.wire import frames
from stoppress.wire.close_codes import CloseCode
from stoppress.wire.wire_formats import WireFormat

TASK_VISITS = 7
"""Waking a task costs the turn as much as so many visits more."""


class RelayedReader(Reader):
    """A reader whose task carries its bytes: `await carry()` until it is b""."""

    __slots__ = ("_outbox", "_wake")

    def __init__(
        self, owner: ReaderOwner, wire: WireFormat, rights: ReadRights
    ) -> None:
        super().__init__(owner, wire, rights)
        self.blocked = False
        self._outbox: list[Bytes] = []
        self._wake = asyncio.Event()
        owner.came(self)

    async def carry(self) -> bytes:
        """The next bytes to send; b"" when the line has ended (see `closing`)."""
        if not self._outbox and not self.closing:
            self.drained()
        while not self._outbox and not self.closing:
            self._wake.clear()
            await self._wake.wait()
        data = b"".join(self._outbox)
        self._outbox.clear()
        return data

    def gone(self) -> None:
        """The connection is over."""
        self.closing = self.closing or CloseCode.BYE
        self.leave_all()
        self.owner.went(self)

    def greet(self, hello: bytes) -> None:
        """Say hello; as an event stream, with when to come back."""
        if self.wire is WireFormat.STREAM:
            wait_ms = random.randint(0, self.owner.settings.retry_ms)
            hello = frames.sse_retry(wait_ms) + hello
        self.write(hello)

    def refuse(self, feed: str, code: CloseCode, detail: str) -> None:
        """A follow can't be; an event stream has but one, and ends with it."""
        super().refuse(feed, code, detail)
        if self.wire is WireFormat.STREAM:
            self.close(code)

    def bye(self, retry_ms: int) -> None:
        """Say goodbye; as an event stream, with when to come back."""
        if self.wire is WireFormat.STREAM and not self.closing:
            self.write(frames.sse_retry(retry_ms))
        super().bye(retry_ms)

    def write(self, data: Bytes) -> None:
        """Let bytes wait for the task; who takes none is let go."""
        if self.closing:
            return
        self._outbox.append(data)
        self._wake.set()
        if sum(map(len, self._outbox)) > 2 * MAX_WAITING:
            self.close(CloseCode.SLOW)

    def put(self, follow: Follow, parts: Parts, after: int) -> int:
        """Take one visit's bytes; no more until they are gone."""
        follow.seq = after
        self.blocked = True
        self._outbox.extend(parts)
        self._wake.set()
        return TASK_VISITS

    def lost(self) -> None:
        """Nothing: there is no socket."""

    def _end(self, code: CloseCode) -> None:
        self._wake.set()


class LongPoll(Reader):
    """A request that waits until something happens in a feed."""

    __slots__ = ("happened",)

    def __init__(self, owner: ReaderOwner, rights: ReadRights) -> None:
        super().__init__(owner, WireFormat.LINES, rights)
        self.blocked = False
        self.happened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def write(self, data: Bytes) -> None:
        """Nothing: a beat ends no poll."""

    def put(self, follow: Follow, parts: Parts, after: int) -> int:
        """Something happened."""
        self._remove(follow)
        self.finish()
        return TASK_VISITS

    def lost(self) -> None:
        """Nothing: there is no socket."""

    def _end(self, code: CloseCode) -> None:
        self.finish()

    def finish(self) -> None:
        """Let the request be answered with what there is by now."""
        if not self.happened.done():
            self.happened.set_result(None)
