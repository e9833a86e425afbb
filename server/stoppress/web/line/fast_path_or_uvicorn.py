"""The protocol of a new connection until its first segment selects the next one.

A handshake of the live line goes to the fast path; every other connection, and one
that the fast path declines, goes to uvicorn's protocol with all its bytes, in the same
turn of the loop.

Rules:
- It is small and slotted: on the fast path a reader costs only this object and its own.
- It inspects only the first segment. A handshake in several segments takes the plain
  path.
- Live requests wait in the arrival queue if there are many, as this small object; all
  other first segments of an address with a crowd of connections, or of one that goes
  on although it is refused, wait in a queue of their own. So a publish or a probe
  waits for no reader, and for no requests but those of its own address. If the first
  segment does not decide, `LiveHttp` queues the request later. What a proxy sends is
  queued by `LiveHttp` alone, which knows for whom the proxy forwards.
- A connection over its address' limit is refused by its first segment: a live request
  passes its queue, and is refused by its transport's own means; any other gets a 429.
- A client that speaks TLS on a plain port gets a 400, and the log one line.
- `head_limits.py` limits the time to the first segment; after it, that of `LiveHttp`.
- It is in uvicorn's `connections`, so that the server's shutdown finds it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from stoppress.guard.open_connections import (
    OVER_LIMIT,
    OpenConnections,
    address_among,
)
from stoppress.guard.refusal_log import RefusalLog
from stoppress.guard.request_context import new_request_id
from stoppress.guard.unread_answers import UnreadAnswers
from stoppress.hub.socket_readers import Registry
from stoppress.web.line.arrival_queue import (
    ArrivalOutcome,
    ArrivalQueue,
    QueuePlace,
    call_later,
    has_left,
)
from stoppress.web.line.fast_websocket_handshake import FastPath
from stoppress.web.line.head_checks import (
    TOO_MANY,
    TOO_MANY_HEADERS,
    TOO_MANY_TEXT,
    refusal_response,
)
from stoppress.web.line.head_limits import HeadLimits
from stoppress.web.line.http_protocol import LiveHttp
from stoppress.web.line.lingering_close import LingeringClose
from stoppress.web.line.queued_ordinary_request import RequestQueues

LOGGED_EVERY_S = 60.0
"""Seconds between two log lines about clients that speak TLS here."""

_TLS = b"\x16\x03"
"""The first bytes of a TLS connection: a handshake record of version 3.x."""

log = logging.getLogger(__name__)


class ProtocolSelection:
    """The factory of each new connection's protocol: uvicorn's `http=`."""

    def __init__(
        self,
        fast_path: FastPath,
        arrival_queue: ArrivalQueue,
        head_limits: HeadLimits,
        refusals: RefusalLog | None = None,
        unread_answers: UnreadAnswers | None = None,
        lingering_close: LingeringClose | None = None,
        request_queues: RequestQueues | None = None,
    ) -> None:
        self._fast_path = fast_path
        self._live = tuple(b"GET %b/v1/live?" % root for root in fast_path.roots)
        self._feeds = tuple(b"GET %b/v1/feeds/" % root for root in fast_path.roots)
        self.arrival_queue = arrival_queue
        self.request_queues = request_queues or RequestQueues()
        self.head_limits = head_limits
        self._logged_at = -LOGGED_EVERY_S
        self._refusals = refusals
        self._unread_answers = unread_answers
        if lingering_close is None:
            lingering_close = LingeringClose(call_later)
        self.lingering_close = lingering_close

    def __call__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> NewConnection:
        """The protocol of one new connection."""
        return NewConnection(self, config, server_state, app_state)

    def is_reader(self, data: bytes) -> bool:
        """Whether a first segment is a live request, which is queued."""
        if data.startswith(self._live):
            return True
        return data.startswith(self._feeds) and b"text/event-stream" in data

    def admit(
        self,
        connection: NewConnection,
        data: bytes,
        *,
        was_queued: bool = False,
        has_turn: bool = False,
    ) -> ArrivalOutcome:
        """Admit a connection by the fast path, or give it to uvicorn.

        `was_queued`, `has_turn`: it has passed the queue of live requests, or of all
        others, and is not queued there again.
        """
        transport, registry = connection.transport, connection.registry
        registry.discard(connection)
        # `LiveHttp` measures, and refuses, a head that may be too long.
        if (
            data.startswith(self._live)
            and self.head_limits.allows(len(data))
            and self._fast_path.enter(data, transport, registry, connection.peer)
        ):
            return ArrivalOutcome.WHOLE
        if data.startswith(_TLS):
            self._log_tls(transport)
        http = LiveHttp(
            connection.config, connection.server_state, connection.app_state
        )
        http.arrival_queue, http.was_queued, http.head_limits = (
            self.arrival_queue,
            was_queued,
            self.head_limits,
        )
        http.request_queues = self.request_queues
        http.refusals = self._refusals
        http.unread_answers = self._unread_answers
        http.lingering_close = self.lingering_close
        transport.set_protocol(http)
        http.connection_made(transport)
        http.has_turn = has_turn
        http.data_received(data)
        http.has_turn = False
        return ArrivalOutcome.PLAIN

    def admit_request(
        self, connection: NewConnection, data: bytes, *, has_turn: bool
    ) -> ArrivalOutcome:
        """Give a connection that is no reader's to uvicorn, or refuse it."""
        address = address_among(connection.registry, connection.transport)
        if address == OVER_LIMIT or self.request_queues.is_in_debt(address):
            self.refuse(connection)
            return ArrivalOutcome.WHOLE
        return self.admit(connection, data, has_turn=has_turn)

    def _log_tls(self, transport: asyncio.Transport) -> None:
        now = time.monotonic()
        if now - self._logged_at < LOGGED_EVERY_S:
            return
        self._logged_at = now
        log.warning(
            "a client speaks TLS on %s, which is plain: it needs http://, or this "
            "server tls_cert and tls_key",
            transport.get_extra_info("sockname"),
        )

    def refuse(self, connection: NewConnection) -> None:
        """Answer 429 to a request that is not parsed: its address is over a limit."""
        request_id = new_request_id()
        if self._refusals is not None:
            peer = connection.peer
            client = str(peer[0]) if isinstance(peer, tuple) else ""
            self._refusals.add("too-many", request_id, status=429, client=client)
        headers = TOO_MANY_HEADERS + b"X-Request-ID: %b\r\n" % request_id.encode()
        connection.transport.write(refusal_response(TOO_MANY, TOO_MANY_TEXT, headers))
        self.lingering_close.close(connection.transport, connection)


class NewConnection(asyncio.Protocol):
    """A connection before its first segment, or in the arrival queue."""

    __slots__ = (
        "app_state",
        "config",
        "peer",
        "place",
        "protocol_selection",
        "queue",
        "received",
        "registry",
        "server_state",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(
        self,
        protocol_selection: ProtocolSelection,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
    ) -> None:
        self.protocol_selection = protocol_selection
        self.config = config
        self.server_state = server_state
        self.app_state = app_state
        self.registry: Registry = cast(Any, server_state.connections)
        self.peer: object = None
        """The address of the peer, which is asked for once."""
        self.received = b""
        self.queue: ArrivalQueue = protocol_selection.arrival_queue
        """The queue that it waits in, if it does."""
        self.place: QueuePlace | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection and start its head limits."""
        self.transport = transport  # type: ignore[assignment]  # as asyncio says it
        self.peer = peer = transport.get_extra_info("peername")
        registry = self.registry
        if isinstance(registry, OpenConnections):
            if not registry.enter(transport, peer):
                self.protocol_selection.refuse(self)
                return
        registry.add(self)
        address = address_among(registry, transport)
        self.protocol_selection.head_limits.begin(self, address)

    def data_received(self, data: bytes) -> None:
        """Queue the connection, or admit it, by its first segment."""
        selection = self.protocol_selection
        selection.head_limits.end(self)
        if self.place is not None:  # in flight when reading was paused
            self.received += data
            self.queue.add_bytes(self.place, len(data))
            return
        address = address_among(self.registry, self.transport)
        if not selection.is_reader(data):
            queue = selection.request_queues.of_address(self.registry, address)
            if queue is None:
                selection.admit_request(self, data, has_turn=bool(address))
                return
            self.queue = queue
        self.received = data
        self.place = self.queue.enter(self, len(data), address)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the queue and the head limits: the peer closed early."""
        self.received = b""
        self.protocol_selection.head_limits.end(self)
        if self.place is not None:
            self.queue.leave(self.place)
            self.place = None
        self.registry.discard(self)

    def head_timed_out(self) -> None:
        """Abort: no bytes arrived in time."""
        self.transport.abort()

    # In the arrival queue

    def pause(self) -> None:
        """Stop reading from the connection."""
        self.transport.pause_reading()

    def admit(self, waited_s: float) -> ArrivalOutcome:
        """Continue with the received bytes, unless the peer has closed."""
        data, self.received = self.received, b""
        selection = self.protocol_selection
        is_reader = self.queue is selection.arrival_queue
        if self.place is not None:
            self.place = None
            # Whoever has closed only their side is no reader, but gets an answer.
            if has_left(self.transport, waited_s if is_reader else 0.0):
                self.transport.abort()
                return ArrivalOutcome.GONE
            self.transport.resume_reading()
        if is_reader:
            return selection.admit(self, data, was_queued=True)
        return selection.admit_request(self, data, has_turn=True)

    def close(self) -> None:
        """Close the connection without an answer."""
        self.transport.abort()

    def shutdown(self) -> None:
        """Close: the web server shuts down, and no request has arrived."""
        self.transport.close()
