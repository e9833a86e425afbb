"""uvicorn's HTTP protocol, from which a reader can take the transport.

Rules (those of `takeover` beside):
- A handshake is parsed once: what httptools has read is what websockets gets.
- A live line asked for in pieces, or behind other requests, stands at the gate too:
  its handshake, or its request, goes on when the gate says so.
- A request's head has a time and a length (`heads.py`), which uvicorn gives it neither.
- A handshake has no body: one that announces one is refused, not waited for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import (
    HttpToolsProtocol,
    RequestResponseCycle,
)
from websockets.http11 import MAX_LINE_LENGTH, MAX_NUM_HEADERS

from stoppress.hub.socket_readers import Registry
from stoppress.web.line.arrivals import ArrivalQueue
from stoppress.web.line.head_limits import HeadLimits
from stoppress.web.line.pending_upgrade import PendingUpgrade
from stoppress.web.line.queued_request import QueuedRequest
from stoppress.web.line.takeover import (
    TAKEN,
    TAKEOVER,
    LiveWebSocket,
    TransportTaker,
    hide_token,
)
from stoppress.web.line.websocket_handshake import Fields

_BODY = (b"content-length", b"transfer-encoding")
TIMEOUT = b"408 Request Timeout"
TOO_LARGE = b"431 Request Header Fields Too Large"
_REFUSED = (
    b"HTTP/1.1 %b\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)
_AROUND = 32
"""Bytes of a line beside the address, or beside a header's name and value."""

RELIED_ON: dict[type, tuple[str, ...]] = {
    HttpToolsProtocol: (
        "_start_asgi_task",
        "_unset_keepalive_if_required",
        "app",
        "app_state",
        "asgi_version",
        "client",
        "config",
        "connection_lost",
        "connections",
        "cycle",
        "data_received",
        "flow",
        "handle_websocket_upgrade",
        "headers",
        "loop",
        "on_headers_complete",
        "on_message_begin",
        "parser",
        "pipeline",
        "scope",
        "scheme",
        "send_400_response",
        "server",
        "server_state",
        "tasks",
        "timeout_keep_alive_task",
        "transport",
        "url",
    ),
    RequestResponseCycle: (
        "chunked_encoding",
        "disconnected",
        "message_event",
        "on_response",
        "response_complete",
        "response_started",
        "scope",
        "transport",
    ),
}


class LiveHttp(HttpToolsProtocol):
    """uvicorn's HTTP protocol, from which a reader can take the transport."""

    _segment = b""
    waiter: QueuedRequest | None = None
    """Its place at the gate, while it stands there."""
    arrival_queue: ArrivalQueue | None = None
    """Where live lines wait for their turn, if they do."""
    passed = False
    """Whether the first one that is asked for has been at the gate already."""
    head_limits: HeadLimits | None = None
    """Where requests are waited for, if they are."""
    _is_in_head = False
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Remember the segment: a frame may follow on the handshake in it."""
        if self.waiter is not None:
            self.waiter.say(data)
            return
        self._segment = data
        super().data_received(data)
        self._segment = b""
        if self.head_limits is not None:
            self._mind_head(self.head_limits, len(data))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, perhaps while it waited."""
        if self.waiter is not None:
            self.waiter.leave()
        if self.head_limits is not None:
            self.head_limits.end(self)
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._is_in_head = True
        super().on_message_begin()

    def _mind_head(self, head_limits: HeadLimits, size: int) -> None:
        """Wait for the rest of a request that has begun, but not for ever."""
        # None: it is another protocol's connection by now.
        if self.parser is None or self.waiter is not None or not self._owes_a_head():
            self._head_bytes = 0
            head_limits.end(self)
            return
        self._head_bytes += size if self._is_in_head else 0
        if head_limits.is_too_long(self._head_bytes):
            head_limits.end(self)
            self._refuse(TOO_LARGE, b"The head of the request is too long.")
        else:
            head_limits.begin(self)

    def _owes_a_head(self) -> bool:
        if self._is_in_head or self.cycle is None:
            return True
        # Every byte stops uvicorn's own clock for a connection that is kept.
        return self.cycle.response_complete and self.timeout_keep_alive_task is None

    def too_late(self) -> None:
        """The head did not come to its end."""
        self._refuse(TIMEOUT, b"The request did not come to its end.")

    def _refuse(self, status: bytes, text: bytes) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_REFUSED % (status, len(text), text))
            self.transport.close()
        else:  # an answer to what was asked before is on its way
            self.transport.abort()

    def wait(self, go_on: Callable[[bytes], None]) -> None:
        """Go on when the gate says so, with what was said meanwhile."""
        if self.transport.is_closing():
            return
        if self.arrival_queue is None or self.passed:
            self.passed = False
            go_on(b"")
        else:
            self.waiter = QueuedRequest(self, self.arrival_queue, go_on)
            self.waiter.come()

    def handle_websocket_upgrade(self) -> None:
        """Upgrade, in turn, with what follows on the handshake."""
        segment, problem = self._segment, sys.exc_info()[1]
        early = b""
        if isinstance(problem, httptools.HttpParserUpgrade):
            early = segment[problem.args[0] :]
        self.wait(lambda more: self._upgrade(early + more))

    def _upgrade(self, early: bytes) -> None:
        """Give what follows on the handshake to the WebSocket protocol."""
        fields = self._fields()
        upgrade = PendingUpgrade.of(self, fields) if fields is not None else None
        if upgrade is None:
            super().handle_websocket_upgrade()
        else:
            upgrade.begin()
        protocol = self.transport.get_protocol()
        if early and isinstance(protocol, PendingUpgrade | LiveWebSocket):
            protocol.data_received(early)
        # The connection is the other protocol's; this one and its parser are a
        # ring of references.
        self.parser = None  # type: ignore[assignment]  # as uvicorn does

    def _fields(self) -> Fields | None:
        """The headers of a handshake; None if the library has to read it.

        It refuses what is not an ordinary GET, in words of its own.
        """
        headers = self.headers
        if (
            self.scope["method"] != "GET"
            or len(headers) > MAX_NUM_HEADERS
            or not self.url.isascii()
            or len(self.url) > MAX_LINE_LENGTH - _AROUND
        ):
            return None
        fields: dict[bytes, bytes] = {}
        for name, value in headers:
            if name in _BODY or len(name) + len(value) > MAX_LINE_LENGTH - _AROUND:
                return None
            fields[name] = fields[name] + b", " + value if name in fields else value
        return fields

    def on_headers_complete(self) -> None:
        """Hide a secret in the query before the request is looked at."""
        self._is_in_head = False
        super().on_headers_complete()
        if "query_string" in self.scope:
            hide_token(cast("dict[str, Any]", self.scope))
        elif any(name in _BODY and value != b"0" for name, value in self.headers):
            self.send_400_response("A WebSocket handshake has no body: send none.")

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Offer the takeover to the application; a stream begins in its turn."""
        scope = cast("dict[str, Any]", cycle.scope)
        scope["extensions"] = {TAKEOVER: partial(self.take, cycle)}
        if is_stream(scope):
            self.wait(partial(self._start_stream, cycle, app))
        else:
            super()._start_asgi_task(cycle, app)

    def _start_stream(self, cycle: RequestResponseCycle, app: Any, more: bytes) -> None:
        super()._start_asgi_task(cycle, app)
        if more:
            self.data_received(more)

    def take(
        self,
        cycle: RequestResponseCycle,
        reader: TransportTaker,
        begin: Callable[[], None],
    ) -> bool:
        """Make `reader` own the transport. Call it in the turn of the head.

        Requests that wait behind this one are never answered: this one's answer
        has no end.
        """
        transport = self.transport
        if (
            not cycle.response_started
            or cycle.response_complete
            or cycle.disconnected
            or transport.is_closing()
        ):
            return False
        if not cycle.chunked_encoding:
            raise RuntimeError("take an answer of which the length is not told")
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        self.pipeline.clear()
        self.server_state.total_requests += 1
        cycle.response_complete = True  # so that its end is not missed
        cycle.message_event.set()
        self.transport = cycle.transport = TAKEN
        reader.take(transport, cast(Registry, self.connections))
        begin()
        # Rings of references: the parser and this protocol, the scope and the take.
        self.parser = None  # type: ignore[assignment]  # as uvicorn does
        cycle.scope["extensions"].clear()
        return True


def is_stream(scope: dict[str, Any]) -> bool:
    """Whether a request asks for an event stream, and so stands at the gate."""
    path: str = scope["path"]
    return path.endswith("/events") and any(
        name == b"accept" and b"text/event-stream" in value
        for name, value in scope["headers"]
    )
