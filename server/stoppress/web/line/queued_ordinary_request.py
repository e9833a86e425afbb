"""A request that waits for its turn, so that many at once delay nobody else's.

Rules:
- A slice begins as many requests as a millisecond is enough for, by what the last ones
  took; at least one.
- Only requests of a crowd wait: of an address with more than CROWD connections, or,
  where a proxy forwards for others, while that many requests are in progress. Others
  begin at once: writes that come together are one call to the store.
- The addresses take turns, so many requests of one address delay only that address.
- An address that goes on although it is refused has a queue with a small share of the
  time, and what it sends on connections it keeps is refused without being looked at.
- A connection has at most one request here: a pipelined one comes after the answer.
- Its body is read meanwhile, within uvicorn's bounds, and a client that has ended its
  side is answered all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from stoppress.guard.client_address import client_of, header_value
from stoppress.guard.limits import NO_LIMITS, Limits
from stoppress.guard.open_connections import (
    OVER_LIMIT,
    OpenConnections,
    address_among,
)
from stoppress.metric_instruments import NO_METER, Meter
from stoppress.web.line.arrival_queue import (
    ArrivalMetrics,
    ArrivalOutcome,
    ArrivalQueue,
    QueuePlace,
    call_later,
)
from stoppress.web.line.head_checks import (
    TOO_MANY,
    TOO_MANY_HEADERS,
    TOO_MANY_TEXT,
)
from stoppress.web.line.refuse_after_pending_answers import refuse

if TYPE_CHECKING:
    from stoppress.web.line.http_protocol import LiveHttp

WAITING_REQUEST_BYTES = 1024
"""Memory counted per waiting request: what is more than its connection."""
MAX_TURNS_APART_S = 0.005
"""Longest time between two slices: four turns, of which a publish takes ten."""
REFUSED_SLICE_S, REFUSED_REST_S = 0.0001, 0.002
"""A slice of refusals, and the shortest time to the next one: a tenth of a core."""

CROWD = 32
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


class RequestQueues:
    """The queues of requests that are no reader's: of crowds, and of the refused."""

    def __init__(
        self, metrics: RequestQueueMetrics | None = None, limits: Limits = NO_LIMITS
    ) -> None:
        metrics = metrics or RequestQueueMetrics()
        self._limits = limits
        self.crowd = ArrivalQueue(
            call_later, metrics, max_pause_s=MAX_TURNS_APART_S, measures_cost=True
        )
        self.refused = ArrivalQueue(
            call_later, metrics, slice_s=REFUSED_SLICE_S, rest_s=REFUSED_REST_S
        )

    def of_address(self, connections: object, address: str) -> ArrivalQueue | None:
        """The queue in which requests of an address wait; None: they begin at once."""
        if not address or not isinstance(connections, OpenConnections):
            return None
        if address == OVER_LIMIT or self._limits.is_refused_often(address):
            return self.refused
        return self.crowd if connections.count(address) > CROWD else None

    def of_request(self, http: LiveHttp) -> ArrivalQueue | None:
        """The queue of the next request of a connection; None: it begins at once."""
        connections = cast(object, http.connections)
        if address := address_among(connections, http.transport):
            return self.of_address(connections, address)
        is_busy = len(self.crowd) > 0 or len(http.tasks) > CROWD
        return self.crowd if is_busy else None

    def is_in_debt(self, address: str) -> bool:
        """Whether an address was refused so often that its requests are not read."""
        return bool(address) and self._limits.is_in_debt(address)


class QueuedRequest:
    """A request whose head is read, until its turn."""

    __slots__ = ("_address", "_http", "_place", "_queue", "_start")

    def __init__(
        self, http: LiveHttp, queue: ArrivalQueue, start: Callable[[], None]
    ) -> None:
        self._address = ""
        self._http = http
        self._queue = queue
        self._start = start
        self._place: QueuePlace | None = None

    def enter(self, scope: Mapping[str, Any]) -> None:
        """Enter the queue: the request starts now, or waits."""
        http, connections = self._http, cast(object, self._http.connections)
        address = self._address = address_among(connections, http.transport)
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
        """Start the request, or refuse it, unless its connection is closed."""
        http = self._http
        http.queued_request = None
        if http.transport.is_closing():
            return ArrivalOutcome.GONE
        queues = http.request_queues
        if queues is not None and queues.is_in_debt(self._address):
            http.cycle = None  # type: ignore[assignment]  # as before a first request
            http.last_refusal = None  # it would wait for the answer that is not given
            refuse(http, TOO_MANY, TOO_MANY_TEXT, TOO_MANY_HEADERS)
            return ArrivalOutcome.WHOLE
        self._start()
        return ArrivalOutcome.PLAIN

    def close(self) -> None:
        """Close the connection without an answer."""
        self._http.transport.abort()
