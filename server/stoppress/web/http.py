"""uvicorn's HTTP protocol, from which a reader can take the transport.

Rules (those of `takeover` beside):
- A handshake is parsed once: what httptools has read is what websockets gets.
- A live line asked for in pieces, or behind other requests, stands at the gate too:
  its handshake, or its request, goes on when the gate says so.
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

from stoppress.hub.sockets import Registry
from stoppress.web.gate import Entry, Gate, Place, has_left
from stoppress.web.handshake import Fields
from stoppress.web.takeover import (
    TAKEN,
    TAKEOVER,
    LiveWebSocket,
    Taker,
    hide_token,
)

WAITING_BYTES = 8 << 10
"""What a request that waits at the gate holds, with its parser and its headers."""
_BODY = (b"content-length", b"transfer-encoding")
_AROUND = 32
"""Bytes of a line beside the address, or beside a header's name and value."""

RELIED_ON: dict[type, tuple[str, ...]] = {
    HttpToolsProtocol: (
        "_start_asgi_task",
        "_unset_keepalive_if_required",
        "app_state",
        "config",
        "connection_lost",
        "connections",
        "cycle",
        "data_received",
        "flow",
        "handle_websocket_upgrade",
        "headers",
        "on_headers_complete",
        "parser",
        "pipeline",
        "scope",
        "send_400_response",
        "server_state",
        "transport",
        "url",
        "ws_protocol_class",
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
    _waiter: _Waiter | None = None
    gate: Gate | None = None
    """Where live lines wait for their turn, if they do."""
    passed = False
    """Whether the first one that is asked for has been at the gate already."""

    def data_received(self, data: bytes) -> None:
        """Remember the segment: a frame may follow on the handshake in it."""
        if self._waiter is not None:
            self._waiter.say(data)
            return
        self._segment = data
        super().data_received(data)
        self._segment = b""

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, perhaps while it waited."""
        if self._waiter is not None:
            self._waiter.leave()
        super().connection_lost(exc)

    def wait(self, go_on: Callable[[bytes], None]) -> None:
        """Go on when the gate says so, with what was said meanwhile."""
        if self.transport.is_closing():
            return
        if self.gate is None or self.passed:
            self.passed = False
            go_on(b"")
        else:
            self._waiter = _Waiter(self, self.gate, go_on)
            self._waiter.come()

    def handle_websocket_upgrade(self) -> None:
        """Upgrade, in turn, with what follows on the handshake."""
        segment, problem = self._segment, sys.exc_info()[1]
        early = b""
        if isinstance(problem, httptools.HttpParserUpgrade):
            early = segment[problem.args[0] :]
        self.wait(lambda more: self._upgrade(early + more))

    def _upgrade(self, early: bytes) -> None:
        """Give what follows on the handshake to the WebSocket protocol."""
        kind, headers = self.ws_protocol_class, self._fields()
        if headers is None or kind is None or not issubclass(kind, LiveWebSocket):
            super().handle_websocket_upgrade()
        else:
            self.connections.discard(self)
            live = kind(self.config, self.server_state, self.app_state)
            self.transport.set_protocol(live)
            live.upgraded(self, headers)
        protocol = self.transport.get_protocol()
        if early and isinstance(protocol, LiveWebSocket):
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
        self, cycle: RequestResponseCycle, reader: Taker, begin: Callable[[], None]
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


class _Waiter:
    """A live line that HTTP has read already, at the gate."""

    __slots__ = ("_gate", "_go_on", "_http", "_place", "_said")

    def __init__(
        self, http: LiveHttp, gate: Gate, go_on: Callable[[bytes], None]
    ) -> None:
        self._http = http
        self._gate = gate
        self._go_on = go_on
        self._said = b""
        self._place: Place | None = None

    def come(self) -> None:
        """Come to the gate: go on now, or wait."""
        self._place = self._gate.come(self, WAITING_BYTES)

    def say(self, data: bytes) -> None:
        """What was on its way when we stopped reading."""
        self._said += data
        if self._place is not None:
            self._gate.say(self._place, len(data))

    def leave(self) -> None:
        """The connection is gone."""
        if self._place is not None:
            self._gate.leave(self._place)

    # At the gate

    def pause(self) -> None:
        """Read no more of it."""
        self._http.transport.pause_reading()

    def go_in(self, waited_s: float) -> Entry:
        """Let it in."""
        http, waited = self._http, self._place is not None
        http._waiter = None
        if waited and has_left(http.transport, waited_s):
            http.transport.abort()
            return Entry.GONE
        if waited:
            http.transport.resume_reading()
        self._go_on(self._said)
        return Entry.PLAIN

    def cut(self) -> None:
        """Close it."""
        self._http.transport.abort()


def is_stream(scope: dict[str, Any]) -> bool:
    """Whether a request asks for an event stream, and so stands at the gate."""
    path: str = scope["path"]
    return path.endswith("/events") and any(
        name == b"accept" and b"text/event-stream" in value
        for name, value in scope["headers"]
    )
