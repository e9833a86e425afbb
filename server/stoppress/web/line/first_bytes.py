"""The protocol of a new connection until its first segment selects the next one.

A handshake of the live line goes to the fast path; every other connection, and one
that the fast path declines, goes to uvicorn's protocol with all its bytes, in the same
turn of the loop.

Rules:
- It is small and slotted: on the fast path a reader costs only this object and itself.
- It inspects only the first segment. A handshake in several segments takes the plain
  path.
- Live requests wait in the arrival queue if there are many, as this small object; a
  publish or a probe on a new connection does not wait. If the first segment does not
  decide, `LiveHttp` queues a live request later.
- `head_limits.py` limits the time to the first segment; after it, that of `LiveHttp`.
- It is in uvicorn's `connections`, so that the server's shutdown finds it.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from stoppress.hub.socket_readers import Registry
from stoppress.web.line.arrival_queue import (
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
    """The factory of each new connection's protocol: uvicorn's `http=`."""

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

    def admit(
        self, connection: NewConnection, data: bytes, *, was_queued: bool
    ) -> ArrivalOutcome:
        """Admit a connection by the fast path, or give it to uvicorn.

        `was_queued`: it has passed the queue, and is not queued again.
        """
        transport = connection.transport
        registry = cast(Registry, connection.server_state.connections)
        registry.discard(connection)
        # `LiveHttp` measures, and refuses, a head that may be too long.
        if (
            data.startswith(_LIVE)
            and self.head_limits.allows(len(data))
            and self._fast_path.enter(data, transport, registry)
        ):
            return ArrivalOutcome.WHOLE
        http = LiveHttp(
            connection.config, connection.server_state, connection.app_state
        )
        http.arrival_queue, http.was_queued, http.head_limits = (
            self.arrival_queue,
            was_queued,
            self.head_limits,
        )
        transport.set_protocol(http)
        http.connection_made(transport)
        http.data_received(data)
        return ArrivalOutcome.PLAIN


class NewConnection(asyncio.Protocol):
    """A connection before its first segment, or in the arrival queue."""

    __slots__ = (
        "app_state",
        "config",
        "place",
        "first_bytes",
        "received",
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
        self.received = b""
        self.place: QueuePlace | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection and start its head limits."""
        self.transport = cast(asyncio.Transport, transport)
        cast(Registry, self.server_state.connections).add(self)
        self.first_bytes.head_limits.begin(self)

    def data_received(self, data: bytes) -> None:
        """Queue the connection, or admit it, by its first segment."""
        self.first_bytes.head_limits.end(self)
        if self.place is not None:  # in flight when reading was paused
            self.received += data
            self.first_bytes.arrival_queue.add_bytes(self.place, len(data))
        elif is_reader(data):
            self.received = data
            self.place = self.first_bytes.arrival_queue.enter(self, len(data))
        else:
            self.first_bytes.admit(self, data, was_queued=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the queue and the head limits: the peer closed early."""
        self.received = b""
        self.first_bytes.head_limits.end(self)
        if self.place is not None:
            self.first_bytes.arrival_queue.leave(self.place)
            self.place = None
        cast(Registry, self.server_state.connections).discard(self)

    def head_timed_out(self) -> None:
        """Abort: no bytes arrived in time."""
        self.transport.abort()

    # In the arrival queue

    def pause(self) -> None:
        """Stop reading from the connection."""
        self.transport.pause_reading()

    def admit(self, waited_s: float) -> ArrivalOutcome:
        """Go on with the received bytes, unless the peer has closed."""
        data, self.received = self.received, b""
        if self.place is not None:
            self.place = None
            if has_left(self.transport, waited_s):
                self.transport.abort()
                return ArrivalOutcome.GONE
            self.transport.resume_reading()
        return self.first_bytes.admit(self, data, was_queued=True)

    def close(self) -> None:
        """Close the connection without an answer."""
        self.transport.abort()

    def shutdown(self) -> None:
        """Close: the web server shuts down, and no request has arrived."""
        self.transport.close()


def is_reader(data: bytes) -> bool:
    """Whether a first segment is a live request, which is queued."""
    if data.startswith(_LIVE):
        return True
    return data.startswith(_FEEDS) and b"text/event-stream" in data
