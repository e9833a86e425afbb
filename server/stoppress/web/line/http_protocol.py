"""uvicorn's HTTP protocol, from which a reader can take the transport.

Rules (those of `takeover` beside):
- A handshake is parsed once: what httptools has read is what websockets gets.
- A live line asked for in pieces, or behind other requests, is queued too: its
  handshake, or its request, goes on when the arrival queue says so.
- A request's head has a time and a length (`head_limits.py`); uvicorn has neither.
- A handshake has no body: one that announces one is refused, not waited for.
- A handshake that can't be taken is refused from here: the library's own parser has
  other limits, and of a head beyond them it says nothing.
- An upgrade to anything but a WebSocket is ignored (`ignored_upgrade.py`).
- A client may close its side after its request (RFC 9112, section 9.6): it gets its
  answer, and then the connection ends.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import (
    HttpToolsProtocol,
    RequestResponseCycle,
)

from stoppress.hub.socket_readers import Registry
from stoppress.web.line.accept import accepts_event_stream
from stoppress.web.line.arrivals import ArrivalQueue
from stoppress.web.line.head_limits import HeadLimits
from stoppress.web.line.ignored_upgrade import parser_of_the_rest
from stoppress.web.line.pending_upgrade import PendingUpgrade
from stoppress.web.line.queued_request import QueuedRequest
from stoppress.web.line.takeover import (
    HALF_CLOSED,
    TAKEN,
    TAKEOVER,
    UNCHUNKED,
    TransportTaker,
    hide_token,
)
from stoppress.web.line.websocket_handshake import Fields, refusal

_BODY = (b"content-length", b"transfer-encoding")
TIMEOUT = b"408 Request Timeout"
TOO_LARGE = b"431 Request Header Fields Too Large"
_TOO_LARGE = b"The head of the request is too long."
BAD_REQUEST = b"400 Bad Request"
_REFUSED = (
    b"HTTP/1.1 %b\r\n%bConnection: close\r\nContent-Type: text/plain\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)
_AROUND_HEADER = 4
"""Bytes of a header's line beside its name and value."""
_AROUND_TARGET = 16
"""Bytes of a request's first line beside its target, about."""

RELIED_ON: dict[type, tuple[str, ...]] = {
    HttpToolsProtocol: (
        "_get_upgrade",
        "_start_asgi_task",
        "_unset_keepalive_if_required",
        "_unsupported_upgrade_warning",
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
        "on_message_complete",
        "on_response_complete",
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
        "expected_content_length",
        "message_event",
        "more_body",
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
    """Its place in the arrival queue, while it waits there."""
    arrival_queue: ArrivalQueue | None = None
    """Where live lines wait for their turn, if they do."""
    passed = False
    """Whether the first one that is asked for has been queued already."""
    head_limits: HeadLimits | None = None
    """Where requests are waited for, if they are."""
    _is_in_head = False
    _head_bytes = 0
    _unread: bytes | None = None
    """What follows on the head of a request whose upgrade is ignored."""
    _is_half_closed = False
    """Whether the peer has closed its side: no request follows."""
    _half_closed: Callable[[], None] | None = None
    """What an answer that waits wants to be told of it."""

    def data_received(self, data: bytes) -> None:
        """Remember the segment: a frame may follow on the handshake in it."""
        if self.waiter is not None:
            self.waiter.say(data)
            return
        self._segment = data
        super().data_received(data)
        while self._unread is not None and self.parser is not None:
            self._segment, self._unread = self._unread, None
            self.parser = parser_of_the_rest(
                self, self.scope["http_version"], self.headers
            )
            super().data_received(self._segment)
        self._segment = b""
        if self.head_limits is not None:
            self._mind_head(self.head_limits, len(data))

    def _unsupported_upgrade_warning(self) -> None:
        """Read on as if no upgrade had been offered (the parser has stopped)."""
        self._unread = self._after_head()

    def _after_head(self) -> bytes:
        """What follows in this segment on the head at which the parser stopped."""
        problem = sys.exc_info()[1]
        assert isinstance(problem, httptools.HttpParserUpgrade)
        rest: bytes = self._segment[problem.args[0] :]
        return rest

    def _get_upgrade(self) -> bytes | None:
        """`websocket` if that is offered, among others, and may be: not in HTTP/1.0."""
        if self.scope["http_version"] == "1.0":
            return None
        options, offered = [], []
        for name, value in self.headers:
            if name == b"connection":
                options += value.lower().split(b",")
            elif name == b"upgrade":
                offered += value.lower().split(b",")
        is_upgrade = b"upgrade" in map(bytes.strip, options)
        is_websocket = b"websocket" in map(bytes.strip, offered)
        return b"websocket" if is_upgrade and is_websocket else None

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio reads it
        """The peer has closed its side: what it asked for is still answered."""
        cycle = self.cycle
        self._is_half_closed = self.waiter is not None or (
            cycle is not None and not cycle.response_complete and not cycle.more_body
        )
        if self._is_half_closed and self._half_closed is not None:
            self._half_closed()
        return self._is_half_closed

    def on_half_close(self, call: Callable[[], None]) -> None:
        """Call once the peer has closed its side: at once if it has."""
        self._half_closed = call
        if self._is_half_closed:
            call()

    def on_response_complete(self) -> None:
        """An answer is sent; after the last one a half-closed connection ends."""
        super().on_response_complete()
        self._half_closed = None
        if self._is_half_closed and self.cycle.response_complete:
            self.transport.close()

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
            self._refuse(TOO_LARGE, _TOO_LARGE)
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

    def _refuse(self, status: bytes, text: bytes, headers: bytes = b"") -> None:
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_REFUSED % (status, headers, len(text), text))
            self.transport.close()
        else:  # an answer to what was asked before is on its way
            self.transport.abort()

    def wait(self, go_on: Callable[[bytes], None]) -> None:
        """Go on when the arrival queue says so, with what was said meanwhile."""
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
        early = self._after_head()
        self.wait(lambda more: self._upgrade(early + more))

    def _upgrade(self, early: bytes) -> None:
        """Answer the handshake, with what follows on it."""
        fields = self._fields()
        upgrade = PendingUpgrade.of(self, fields) if fields is not None else None
        if upgrade is None:
            self._refuse(*refusal(self.scope["method"], fields))
            return
        upgrade.begin()
        if early:
            upgrade.data_received(early)
        # The connection is the other protocol's; this one and its parser are a
        # ring of references.
        self.parser = None  # type: ignore[assignment]  # as uvicorn does

    def _fields(self) -> Fields | None:
        """The headers of a handshake; None if they are not a handshake's."""
        if self.scope["method"] != "GET" or not self.url.isascii():
            return None
        fields: dict[bytes, bytes] = {}
        for name, value in self.headers:
            fields[name] = fields[name] + b", " + value if name in fields else value
        return fields

    def on_headers_complete(self) -> None:
        """Refuse a head that is too long; hide a secret in the query of others."""
        self._is_in_head = False
        if self.head_limits is not None and self.head_limits.is_too_long(
            head_bytes(self.url, self.headers)
        ):
            self._refuse(TOO_LARGE, _TOO_LARGE)
            raise ValueError("the head is too long")  # so that the parser stops
        super().on_headers_complete()
        if "query_string" in self.scope:
            hide_token(cast("dict[str, Any]", self.scope))
        elif any(name in _BODY and value != b"0" for name, value in self.headers):
            self._refuse(BAD_REQUEST, b"A WebSocket handshake has no body: send none.")

    def on_message_complete(self) -> None:
        """A request is complete; an ignored upgrade's is not when its head is read."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser can't read, unless it is refused already."""
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Offer the takeover to the application; a stream begins in its turn."""
        scope = cast("dict[str, Any]", cycle.scope)
        scope["extensions"] = {
            TAKEOVER: partial(self.take, cycle),
            HALF_CLOSED: self.on_half_close,
        }
        if scope["http_version"] == "1.0":
            scope["extensions"][UNCHUNKED] = partial(_send_unchunked, cycle)
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
        if cycle.chunked_encoding is None or cycle.expected_content_length:
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
        if self._is_half_closed:
            reader.eof_received()
        # Rings of references: the parser and this protocol, the scope and the take.
        self.parser = None  # type: ignore[assignment]  # as uvicorn does
        cycle.scope["extensions"].clear()
        return True


def head_bytes(target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> int:
    """The length of a request's head, about: white space around values is not seen."""
    size = len(target) + _AROUND_TARGET
    for name, value in headers:
        size += len(name) + len(value) + _AROUND_HEADER
    return size


def _send_unchunked(cycle: RequestResponseCycle) -> None:
    """End the answer with the connection (HTTP/1.0 has no chunks)."""
    cycle.chunked_encoding = False


def is_stream(scope: dict[str, Any]) -> bool:
    """Whether a request asks for an event stream, which is queued as live lines are."""
    path: str = scope["path"]
    return path.endswith("/events") and accepts_event_stream(
        value.decode("latin-1") for name, value in scope["headers"] if name == b"accept"
    )
