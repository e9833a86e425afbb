"""A live line that HTTP has read already, in the arrival queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from stoppress.web.line.arrivals import (
    ArrivalOutcome,
    ArrivalQueue,
    QueuePlace,
    has_left,
)

if TYPE_CHECKING:
    from stoppress.web.line.http_protocol import LiveHttp

WAITING_BYTES = 8 << 10
"""What a request that waits holds, with its parser and its headers."""


class QueuedRequest:
    """Its place, and what it says there."""

    __slots__ = ("_arrival_queue", "_go_on", "_http", "_place", "_said")

    def __init__(
        self,
        http: LiveHttp,
        arrival_queue: ArrivalQueue,
        go_on: Callable[[bytes], None],
    ) -> None:
        self._http = http
        self._arrival_queue = arrival_queue
        self._go_on = go_on
        self._said = b""
        self._place: QueuePlace | None = None

    def come(self) -> None:
        """Enter the arrival queue: go on now, or wait."""
        self._place = self._arrival_queue.come(self, WAITING_BYTES)

    def say(self, data: bytes) -> None:
        """What was on its way when we stopped reading."""
        self._said += data
        if self._place is not None:
            self._arrival_queue.say(self._place, len(data))

    def leave(self) -> None:
        """The connection is gone."""
        if self._place is not None:
            self._arrival_queue.leave(self._place)

    # In the arrival queue

    def pause(self) -> None:
        """Read no more of it."""
        self._http.transport.pause_reading()

    def go_in(self, waited_s: float) -> ArrivalOutcome:
        """Let it in."""
        http, waited = self._http, self._place is not None
        http.waiter = None
        if waited and has_left(http.transport, waited_s):
            http.transport.abort()
            return ArrivalOutcome.GONE
        if waited:
            http.transport.resume_reading()
        self._go_on(self._said)
        return ArrivalOutcome.PLAIN

    def cut(self) -> None:
        """Close it."""
        self._http.transport.abort()
