"""A request that waits for its turn, so that many at once delay nobody else's.

Rules:
- A slice begins as many requests as a millisecond is enough for, by what the last ones
  took; at least one.
- Only requests of a crowd wait: of an address with more than CROWD connections, or,
  where a proxy forwards for others, while that many requests are in progress. Others
  begin at once: writes that come together are one call to the store.
- The addresses take turns, so many requests of one address delay only that address.
- A connection has at most one request here: a pipelined one comes after the answer.
- Its body is read meanwhile, within uvicorn's bounds, and a client that has ended its
  side is answered all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from stoppress.guard.client_address import client_of, header_value
from stoppress.guard.open_connections import OpenConnections, address_among
from stoppress.metric_instruments import NO_METER, Meter
from stoppress.web.line.arrival_queue import (
    ArrivalMetrics,
    ArrivalOutcome,
    ArrivalQueue,
    QueuePlace,
    call_later,
)

if TYPE_CHECKING:
    from stoppress.web.line.http_protocol import LiveHttp

WAITING_REQUEST_BYTES = 1024
"""Memory counted per waiting request: what is more than its connection."""
MAX_TURNS_APART_S = 0.005
"""Longest time between two slices: four turns, of which a publish takes ten."""


CROWD = 128
"""Connections of one address, or requests through proxies, that begin without waiting.
More than a browser or a publishing system has, and less than delays anybody much."""


class RequestQueueMetrics(ArrivalMetrics):
    """The counters of the queue of requests."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.waited = meter.total(
            "stoppress_requests_waited",
            "Requests that waited for their turn, behind others of the same moment.",
        )
        self.rejected = meter.counter(
            "stoppress_requests_shut_out",
            "Requests whose connections were closed because too many waited, or for "
            "too long.",
        )


def new_request_queue(metrics: RequestQueueMetrics) -> ArrivalQueue:
    """The queue of all requests that are no reader's."""
    return ArrivalQueue(
        call_later, metrics, max_pause_s=MAX_TURNS_APART_S, measures_cost=True
    )


def is_crowd(connections: object, address: str) -> bool:
    """Whether an address has so many connections that its requests wait for a turn."""
    if not address or not isinstance(connections, OpenConnections):
        return False
    return connections.count(address) > CROWD


def waits_for_turn(http: LiveHttp, queue: ArrivalQueue) -> bool:
    """Whether the next request of a connection waits for its turn."""
    connections = cast(object, http.connections)
    if address := address_among(connections, http.transport):
        return is_crowd(connections, address)
    return len(queue) > 0 or len(http.tasks) > CROWD


class QueuedRequest:
    """A request whose head is read, until its turn."""

    __slots__ = ("_http", "_place", "_queue", "_start")

    def __init__(
        self, http: LiveHttp, queue: ArrivalQueue, start: Callable[[], None]
    ) -> None:
        self._http = http
        self._queue = queue
        self._start = start
        self._place: QueuePlace | None = None

    def enter(self, scope: Mapping[str, Any]) -> None:
        """Enter the queue: the request starts now, or waits."""
        http, connections = self._http, cast(object, self._http.connections)
        address = address_among(connections, http.transport)
        if not address and not self._queue.is_free:
            # A proxy forwards it for a client, whose turn it is to be.
            if isinstance(connections, OpenConnections):
                headers, trusted = header_value(scope), connections.networks
                address = client_of(http.client, headers, trusted).key
        self._place = self._queue.enter(self, WAITING_REQUEST_BYTES, address)

    def leave(self) -> None:
        """Leave the queue: the connection is closed."""
        if self._place is not None:
            self._queue.leave(self._place)

    # In the queue

    def pause(self) -> None:
        """Nothing: uvicorn pauses a long body."""

    def admit(self, waited_s: float) -> ArrivalOutcome:
        """Start the request, unless its connection is closed."""
        self._http.queued_request = None
        if self._http.transport.is_closing():
            return ArrivalOutcome.GONE
        self._start()
        return ArrivalOutcome.PLAIN

    def close(self) -> None:
        """Close the connection without an answer."""
        self._http.transport.abort()
