"""Readers whose bytes a task relays over ASGI, and long polls.

Rules:
- The sweep gives a `RelayedReader` the bytes of one visit; until its task has sent
  them the reader is blocked, like a full socket.
- A `LongPoll` gets no messages; it is done as soon as an event arrives.
- Each of these readers has a task, the one of its request: slower than a socket of
  its own, with the same messages and cursors.
"""

from __future__ import annotations

import asyncio
import random

from stoppress.hub.feed_status_and_access import ReadRights
from stoppress.hub.follow_and_round_robin_order import Follow
from stoppress.hub.reader import DETAILS, MAX_WAITING, Reader, ReaderOwner
from stoppress.hub.ring import Bytes
from stoppress.wire import encode_frames
from stoppress.wire.close_codes import CloseCode
from stoppress.wire.wire_formats import WireFormat

TASK_VISITS = 7
"""Waking a task costs the sweep's turn as much as this many more visits."""


class RelayedReader(Reader):
    """A reader whose task sends its bytes: `await next_bytes()` until it is b""."""

    __slots__ = ("_outbox", "_wake")

    def __init__(
        self, owner: ReaderOwner, wire: WireFormat, rights: ReadRights
    ) -> None:
        super().__init__(owner, wire, rights)
        self.blocked = False
        self._outbox: list[Bytes] = []
        self._wake = asyncio.Event()
        owner.reader_opened(self)

    async def next_bytes(self) -> bytes:
        """The next bytes to send; b"" when the connection ends (see `closing`)."""
        if not self._outbox and not self.closing:
            self.drained()
        while not self._outbox and not self.closing:
            self._wake.clear()
            await self._wake.wait()
        data = b"".join(self._outbox)
        self._outbox.clear()
        return data

    def disconnected(self) -> None:
        """End the follows: the connection is closed."""
        self.closing = self.closing or CloseCode.BYE
        self.leave_all()
        self.owner.reader_closed(self)

    def send_hello(self, hello: bytes) -> None:
        """Send `hello`; on an event stream with the reconnection time before it."""
        if self.wire is WireFormat.STREAM:
            wait_ms = random.randint(0, self.owner.settings.retry_ms)  # noqa: S311 (spreads load, no secret)
            hello = encode_frames.sse_retry(wait_ms) + hello
        self.write(hello)

    def refuse(self, feed: str, code: CloseCode, detail: str) -> None:
        """Refuse a follow; an event stream has only one, and ends with it."""
        super().refuse(feed, code, detail)
        if self.wire is WireFormat.STREAM:
            self.close(code)

    def end_follow(self, follow: Follow, code: CloseCode) -> None:
        """End the follow; an event stream first says that the credential is over."""
        is_over = code is CloseCode.UNAUTHENTICATED and not self.closing
        if is_over and self.wire is WireFormat.STREAM:
            super().refuse(follow.feed, code, DETAILS[code])
        super().end_follow(follow, code)

    def bye(self, retry_ms: int) -> None:
        """Send `bye`; on an event stream with the reconnection time before it."""
        if self.wire is WireFormat.STREAM and not self.closing:
            self.write(encode_frames.sse_retry(retry_ms))
        super().bye(retry_ms)

    def write(self, data: Bytes) -> None:
        """Queue bytes for the task; a reader with too many queued is closed."""
        if self.closing:
            return
        self._outbox.append(data)
        self._wake.set()
        if sum(map(len, self._outbox)) > 2 * MAX_WAITING:
            self.close(CloseCode.SLOW)

    def put(self, follow: Follow, data: Bytes, after: int) -> int:
        """Queue one visit's bytes; the reader is blocked until they are sent."""
        follow.seq = after
        self.blocked = True
        self._outbox.append(data)
        self._wake.set()
        return TASK_VISITS

    def write_failed(self) -> None:
        """Do nothing: there is no socket."""

    def _end(self, code: CloseCode) -> None:
        self._wake.set()


class LongPoll(Reader):
    """A request that waits for the next event of a feed."""

    __slots__ = ("happened",)

    def __init__(self, owner: ReaderOwner, rights: ReadRights) -> None:
        super().__init__(owner, WireFormat.LINES, rights)
        self.blocked = False
        self.happened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def write(self, data: Bytes) -> None:
        """Do nothing: a beat does not end a poll."""

    def put(self, follow: Follow, data: Bytes, after: int) -> int:
        """End the wait: an event arrived."""
        self._remove(follow)
        self.finish()
        return TASK_VISITS

    def write_failed(self) -> None:
        """Do nothing: there is no socket."""

    def _end(self, code: CloseCode) -> None:
        self.finish()

    def finish(self) -> None:
        """End the wait: the request is answered with the events so far."""
        if not self.happened.done():
            self.happened.set_result(None)
