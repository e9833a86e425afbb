"""Taking the transport over from uvicorn: its protocols, with one door more.

The ASGI scope gets an extension, TAKEOVER. Called with a reader, in the same turn
in which the handshake (or the head of the response) was sent, it makes the reader
own the transport and returns True; or False if the connection is closing anyway.
Then the application returns, and nothing of the handshake stays alive.

Rules:
- All awaits come before the accept; accept and take happen in one turn.
- Bytes that come before the accept are kept as they came, and given to the reader
  (or, if nobody takes the connection, to uvicorn's own parser).
- The reader stands in uvicorn's `connections` in place of the protocol: its
  shutdown finds it, and waits for it. Hence never `limit_concurrency`.
- A secret in the query (`token=`), for browsers that can't set headers, becomes
  an Authorization header before anything can log it.
- What we rely on inside uvicorn is listed in RELIED_ON; a test holds it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, cast
from urllib.parse import unquote_plus

import httptools
from uvicorn.protocols.http.httptools_impl import (
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.http11 import MAX_LINE_LENGTH, MAX_NUM_HEADERS, Request
from websockets.protocol import Protocol as Framing

from stoppress.hub.deflate import Offer
from stoppress.hub.sockets import Registry

TAKEOVER = "stop_press.takeover"
"""The name of the extension in the ASGI scope."""
DEFLATED = "stop_press.deflated"
"""In the ASGI scope too, if it was agreed that messages are compressed."""
LIVE_PATHS = ("/v1/live", "/events")
"""How the addresses end that browsers open without headers of their own."""
EARLY_BYTES = 64 << 10
"""What a client may say before it was accepted; more ends the connection."""
_BODY = (b"content-length", b"transfer-encoding")
_AROUND = 32
"""Bytes of a line beside the address, or beside a header's name and value."""

RELIED_ON: dict[type, tuple[str, ...]] = {
    WebSocketsSansIOProtocol: (
        "conn",
        "connection_made",
        "connections",
        "data_received",
        "handle_connect",
        "handshake_complete",
        "handshake_initiated",
        "queue",
        "read_paused",
        "receive",
        "response",
        "run_asgi",
        "scope",
        "stop_keepalive",
        "transport",
    ),
    HttpToolsProtocol: (
        "_start_asgi_task",
        "_unset_keepalive_if_required",
        "app_state",
        "config",
        "connections",
        "cycle",
        "data_received",
        "flow",
        "handle_websocket_upgrade",
        "on_headers_complete",
        "parser",
        "pipeline",
        "scope",
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


class Taker(Protocol):
    """Who can own a transport: a SocketReader."""

    def take(self, transport: Any, registry: Registry) -> None:
        """Own the transport from here on."""

    def data_received(self, data: bytes) -> None:
        """What the peer says."""


Take = Callable[[Taker], bool]


class _Taken:
    """Stands where the transport was: who still reaches for it gets nothing."""

    def is_closing(self) -> bool:
        return True

    def close(self) -> None:
        pass

    def write(self, data: bytes) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


_TAKEN = cast(Any, _Taken())


class LiveWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol, from which a reader can take the transport."""

    _early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Offer to compress, as the hub does it."""
        super().connection_made(transport)
        self.conn.available_extensions = [Offer()]

    def data_received(self, data: bytes) -> None:
        """Before the accept, what is no handshake waits as it came."""
        if not self.handshake_initiated or self.handshake_complete:
            super().data_received(data)
            return
        self._early += data
        if len(self._early) > EARLY_BYTES:
            self.transport.abort()

    def upgraded(self, request: Request) -> None:
        """Take the handshake as the HTTP protocol has read it: parse it once."""
        # What comes from here on are frames. A parser of a connection that is not
        # open yet would wait for the request.
        self.conn.parser = Framing.parse(self.conn)
        next(self.conn.parser)
        self.handle_connect(request)

    def handle_connect(self, event: Any) -> None:
        """Offer the takeover to the application."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            scope = cast("dict[str, Any]", self.scope)
            _hide_token(scope)
            scope["extensions"][TAKEOVER] = self.take
            if self.conn.extensions:
                scope["extensions"][DEFLATED] = {}

    async def receive(self) -> Any:
        """Nobody took the connection: what came early is uvicorn's now."""
        if self._early and self.handshake_complete:
            early, self._early = self._early, b""
            super().data_received(early)
        return await super().receive()

    def take(self, reader: Taker) -> bool:
        """Make `reader` own the transport. Call it in the turn of the accept."""
        transport = self.transport
        if not self.handshake_complete or transport.is_closing():
            return False
        if not self.queue.empty():
            raise RuntimeError("take the connection in the turn of its accept")
        self.stop_keepalive()
        self.connections.discard(self)
        self.transport = _TAKEN
        reader.take(transport, cast(Registry, self.connections))
        early, self._early = self._early, b""
        if early:
            reader.data_received(early)
        return True

    async def run_asgi(self) -> None:
        """Run the application; of a taken connection, keep nothing."""
        await super().run_asgi()
        if self.transport is _TAKEN:
            # Both are rings of references, which only the collector would free.
            self.scope.clear()  # type: ignore[attr-defined]  # it is a dict
            del self.conn.parser
            del self.conn, self.scope, self.response, self.request


class LiveHttp(HttpToolsProtocol):
    """uvicorn's HTTP protocol, from which a reader can take the transport."""

    _segment = b""

    def data_received(self, data: bytes) -> None:
        """Remember the segment: a frame may follow on the handshake in it."""
        self._segment = data
        super().data_received(data)
        self._segment = b""

    def handle_websocket_upgrade(self) -> None:
        """Give what follows on the handshake to the WebSocket protocol."""
        segment, problem = self._segment, sys.exc_info()[1]
        kind, request = self.ws_protocol_class, self._handshake()
        if request is None or kind is None or not issubclass(kind, LiveWebSocket):
            super().handle_websocket_upgrade()
        else:
            self.connections.discard(self)
            live = kind(self.config, self.server_state, self.app_state)
            live.connection_made(self.transport)
            self.transport.set_protocol(live)
            live.upgraded(request)
        if isinstance(problem, httptools.HttpParserUpgrade):
            early = segment[problem.args[0] :]
            protocol = self.transport.get_protocol()
            if early and isinstance(protocol, LiveWebSocket):
                protocol.data_received(early)
        # The connection is the other protocol's; this one and its parser are a
        # ring of references.
        self.parser = None  # type: ignore[assignment]  # as uvicorn does

    def _handshake(self) -> Request | None:
        """The request as websockets would have parsed it; None if it has to.

        It refuses what is not an ordinary GET, in words of its own.
        """
        headers = list(self.scope["headers"])
        if (
            self.scope["method"] != "GET"
            or len(headers) > MAX_NUM_HEADERS
            or not self.url.isascii()
            or len(self.url) > MAX_LINE_LENGTH - _AROUND
        ):
            return None
        read = Headers()
        for name, value in headers:
            if name in _BODY or len(name) + len(value) > MAX_LINE_LENGTH - _AROUND:
                return None
            read[name.decode("latin-1")] = value.decode("latin-1")
        return Request(self.url.decode("ascii"), read)

    def on_headers_complete(self) -> None:
        """Hide a secret in the query before the request is looked at."""
        super().on_headers_complete()
        if "query_string" in self.scope:
            _hide_token(cast("dict[str, Any]", self.scope))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Offer the takeover to the application."""
        scope = cast("dict[str, Any]", cycle.scope)
        scope["extensions"] = {TAKEOVER: partial(self.take, cycle)}
        super()._start_asgi_task(cycle, app)

    def take(self, cycle: RequestResponseCycle, reader: Taker) -> bool:
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
        self.transport = cycle.transport = _TAKEN
        reader.take(transport, cast(Registry, self.connections))
        # Rings of references: the parser and this protocol, the scope and the take.
        self.parser = None  # type: ignore[assignment]  # as uvicorn does
        cycle.scope["extensions"].clear()
        return True


def _hide_token(scope: dict[str, Any]) -> None:
    """Turn `token=` in the query of a live line into an Authorization header."""
    query: bytes = scope["query_string"]
    path: str = scope["path"]
    if b"token=" not in query or not path.endswith(LIVE_PATHS):
        return
    kept: list[bytes] = []
    secret = ""
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        if name == b"token":
            secret = unquote_plus(value.decode("latin-1"))
        else:
            kept.append(part)
    scope["query_string"] = b"&".join(kept)
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if secret and not any(name == b"authorization" for name, _ in headers):
        value = secret.encode("ascii", "replace")
        headers.append((b"authorization", b"Bearer " + value))
