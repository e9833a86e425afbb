"""A live request in the arrival queue whose head HTTP has parsed already."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from stoppress.guard.open_connections import address_among
from stoppress.web.line.arrival_queue import (
    ArrivalOutcome,
    ArrivalQueue,
    QueuePlace,
    has_left,
)

if TYPE_CHECKING:
    from stoppress.web.line.http_protocol import LiveHttp

QUEUED_REQUEST_BYTES = 8 << 10
"""Memory counted per queued request, with its parser and headers."""


class QueuedLiveRequest:
    """The queue entry of one request, and the bytes received meanwhile."""

    __slots__ = ("_arrival_queue", "_go_on", "_http", "_place", "_received")

    def __init__(
        self,
        http: LiveHttp,
        arrival_queue: ArrivalQueue,
        go_on: Callable[[bytes], None],
    ) -> None:
        self._http = http
        self._arrival_queue = arrival_queue
        self._go_on = go_on
        self._received = b""
        self._place: QueuePlace | None = None

    def enter(self) -> None:
        """Enter the arrival queue: the request goes on now, or waits."""
        http = self._http
        address = address_among(http.server_state.connections, http.transport)
        self._place = self._arrival_queue.enter(self, QUEUED_REQUEST_BYTES, address)

    def add_bytes(self, data: bytes) -> None:
        """Keep bytes that were in flight when reading was paused."""
        self._received += data
        if self._place is not None:
            self._arrival_queue.add_bytes(self._place, len(data))

    def leave(self) -> None:
        """Leave the queue: the connection is closed."""
        if self._place is not None:
            self._arrival_queue.leave(self._place)

    # In the arrival queue

    def pause(self) -> None:
        """Stop reading from the connection."""
        self._http.transport.pause_reading()

    def admit(self, waited_s: float) -> ArrivalOutcome:
        """Continue with the request, unless the peer has closed."""
        http, waited = self._http, self._place is not None
        http.queued_live_request = None
        if waited and has_left(http.transport, waited_s):
            http.transport.abort()
            return ArrivalOutcome.GONE
        if waited:
            http.transport.resume_reading()
        self._go_on(self._received)
        return ArrivalOutcome.PLAIN

    def close(self) -> None:
        """Close the connection without an answer."""
        self._http.transport.abort()
