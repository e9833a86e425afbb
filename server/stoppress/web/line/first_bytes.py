"""Where a connection stands until its first bytes tell what it wants.

A handshake of the live line goes to the fast path; everything else, and what the
fast path declines, becomes uvicorn's with every byte, in the same turn.

Rules:
- It is small and slotted: a reader that comes in by the fast path never costs
  more than this and what it becomes.
- It looks at the first segment alone. A handshake in pieces takes the plain path.
- A live line waits in the arrival queue if there is a crowd, as small as it is here;
  a publish or a probe on a new connection does not. If the first segment does not
  decide, `LiveHttp` queues what turns out to be a live line.
- It is waited for (`head_limits.py`) until its first segment; then `LiveHttp` is, if
  need be.
- It stands in uvicorn's `connections`, so that the server's end finds it.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from stoppress.hub.socket_readers import Registry
from stoppress.web.line.arrivals import (
    ArrivalOutcome,
    ArrivalQueue,
    QueuePlace,
    has_left,
)
from stoppress.web.line.fast_path import TARGET, FastPath
from stoppress.web.line.head_limits import HeadLimits
from stoppress.web.line.http_protocol import LiveHttp

_LIVE = b"GET " + TARGET
_FEEDS = b"GET /v1/feeds/"


class FirstBytes:
    """Makes the protocol of each new connection: what uvicorn calls as `http=`."""

    def __init__(
        self, fast_path: FastPath, arrival_queue: ArrivalQueue, head_limits: HeadLimits
    ) -> None:
        self._fast_path = fast_path
        self.arrival_queue = arrival_queue
        self.head_limits = head_limits

    def __call__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> NewConnection:
        """The protocol of one new connection."""
        return NewConnection(self, config, server_state, app_state)

    def let_in(
        self, connection: NewConnection, data: bytes, *, passed: bool
    ) -> ArrivalOutcome:
        """Let a connection in by the fast path, or give it to uvicorn.

        `passed`: it has been queued, and need not be again.
        """
        transport = connection.transport
        registry = cast(Registry, connection.server_state.connections)
        registry.discard(connection)
        # A head that may be too long is measured, and refused, by `LiveHttp`.
        if (
            data.startswith(_LIVE)
            and self.head_limits.allows(len(data))
            and self._fast_path.enter(data, transport, registry)
        ):
            return ArrivalOutcome.WHOLE
        http = LiveHttp(
            connection.config, connection.server_state, connection.app_state
        )
        http.arrival_queue, http.passed, http.head_limits = (
            self.arrival_queue,
            passed,
            self.head_limits,
        )
        transport.set_protocol(http)
        http.connection_made(transport)
        http.data_received(data)
        return ArrivalOutcome.PLAIN


class NewConnection(asyncio.Protocol):
    """A connection that has not said anything yet."""

    __slots__ = (
        "app_state",
        "config",
        "place",
        "first_bytes",
        "said",
        "server_state",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(
        self,
        first_bytes: FirstBytes,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
    ) -> None:
        self.first_bytes = first_bytes
        self.config = config
        self.server_state = server_state
        self.app_state = app_state
        self.said = b""
        self.place: QueuePlace | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is here."""
        self.transport = cast(asyncio.Transport, transport)
        cast(Registry, self.server_state.connections).add(self)
        self.first_bytes.head_limits.begin(self)

    def data_received(self, data: bytes) -> None:
        """It has said what it wants."""
        self.first_bytes.head_limits.end(self)
        if self.place is not None:  # what was on its way when we stopped reading
            self.said += data
            self.first_bytes.arrival_queue.say(self.place, len(data))
        elif is_reader(data):
            self.said = data
            self.place = self.first_bytes.arrival_queue.come(self, len(data))
        else:
            self.first_bytes.let_in(self, data, passed=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """It left without a word, or while it waited."""
        self.said = b""
        self.first_bytes.head_limits.end(self)
        if self.place is not None:
            self.first_bytes.arrival_queue.leave(self.place)
            self.place = None
        cast(Registry, self.server_state.connections).discard(self)

    def too_late(self) -> None:
        """It came, and said nothing."""
        self.transport.abort()

    # In the arrival queue

    def pause(self) -> None:
        """Read no more of it."""
        self.transport.pause_reading()

    def go_in(self, waited_s: float) -> ArrivalOutcome:
        """Let it in."""
        data, self.said = self.said, b""
        if self.place is not None:
            self.place = None
            if has_left(self.transport, waited_s):
                self.transport.abort()
                return ArrivalOutcome.GONE
            self.transport.resume_reading()
        return self.first_bytes.let_in(self, data, passed=True)

    def cut(self) -> None:
        """Close it."""
        self.transport.abort()

    def shutdown(self) -> None:
        """The web server ends: it asked for nothing yet."""
        self.transport.close()


def is_reader(data: bytes) -> bool:
    """Whether a first segment asks for a live line, and so is queued."""
    if data.startswith(_LIVE):
        return True
    return data.startswith(_FEEDS) and b"text/event-stream" in data
