"""The takeover of a connection's transport from uvicorn, by an ASGI extension.

The ASGI scope gets an extension, TAKEOVER. Called with a reader, instead of the accept
(or in the loop turn that sent the head of the response), it makes the reader own the
transport, calls the given `begin`, and returns True; or False if the connection is
closing. Then the application returns, and the objects of the handshake are freed.

Rules:
- All awaits come before the take. The response to a handshake and the reader's first
  messages are sent in one write.
- A handshake parsed by the HTTP protocol is not parsed again (`pending_upgrade.py`);
  the library answers only if it is unusual, or no reader takes the connection.
- Bytes that arrive before the accept are kept unparsed, and given to the reader (or,
  if none takes the connection, to uvicorn's own parser).
- The reader replaces the protocol in uvicorn's `connections`: the shutdown finds it
  there and waits for it. Therefore `limit_concurrency` must not be set.
- A secret in the query (`token=`, `ticket=`), for browsers that can't set headers,
  becomes an Authorization header before it can be logged.
- The names used inside uvicorn are listed in `uvicorn_private_names.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Protocol, cast
from urllib.parse import unquote_plus

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.protocol import Protocol as Framing

from stoppress.hub.deflate_negotiation import DeflateAgreement
from stoppress.hub.socket_readers import Registry
from stoppress.web.credential import FROM_QUERY, TICKET
from stoppress.web.line.lingering_close import AnswerTransport, LingeringClose

TAKEOVER = "stop_press.takeover"
"""The name of the extension in the ASGI scope."""
DEFLATED = "stop_press.deflated"
"""In the ASGI scope too, if permessage-deflate was negotiated."""
HALF_CLOSED = "stop_press.half_closed"
"""In the ASGI scope of a request: registers a callback for the case that the peer
closes its side while it waits for the response."""
UNCHUNKED = "stop_press.unchunked"
"""In the ASGI scope of an HTTP/1.0 request: called before the head of a response
without a length, it ends the response with the connection instead of with chunks."""
LIVE_PATHS = ("/v1/live", "/events")
"""Ends of the paths that browsers open without custom headers."""
MAX_EARLY_BYTES = 64 << 10
"""Bytes a client may send before the accept; more ends the connection."""


class TransportTaker(Protocol):
    """An object that can own a transport: a SocketReader."""

    def take(self, transport: Any, registry: Registry) -> None:
        """Take over the transport."""

    def buffered(self, head: bytes) -> AbstractContextManager[object]:
        """Collect `head` and all writes of the block, and send them in one write."""

    def data_received(self, data: bytes) -> None:
        """Handle bytes from the peer."""

    def eof_received(self) -> bool | None:
        """Handle the peer's half-close."""


Take = Callable[[TransportTaker, Callable[[], None]], bool]
"""Gives the connection to a reader, and calls `begin`."""


class _TakenTransport:
    """Replaces a taken transport in uvicorn's objects; its methods do nothing."""

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


TAKEN = cast(Any, _TakenTransport())


class LiveWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol, whose transport a reader can take over."""

    _early = b""
    _connection: asyncio.Transport
    """The transport itself; `transport` is what uvicorn closes."""
    _lingering_close: LingeringClose | None = None
    _is_ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Offer the hub's parameters of compression."""
        super().connection_made(transport)
        self._connection = self.transport
        self.conn.available_extensions = [DeflateAgreement()]

    def data_received(self, data: bytes) -> None:
        """Keep bytes between the handshake and the accept unparsed."""
        if not self.handshake_initiated or self.handshake_complete:
            super().data_received(data)
            return
        self._early += data
        if len(self._early) > MAX_EARLY_BYTES:
            self.transport.abort()

    def answer(self, http: Any, scope: Any, early: bytes) -> None:
        """Answer a handshake parsed by the HTTP protocol and not taken by a reader."""
        self.connections.add(self)
        self.transport = self._connection = http.transport
        self._lingering_close = http.lingering_close
        self.transport = cast(Any, AnswerTransport(self))
        self.server, self.client = http.server, http.client
        self.scheme = scope["scheme"]
        self.conn.available_extensions = [DeflateAgreement()]
        # The next bytes are frames; the parser of a connection that is not open yet
        # would wait for a request.
        self.conn.parser = Framing.parse(self.conn)
        next(self.conn.parser)
        self.scope = scope
        self.handshake_initiated = True
        self.request = _request(http.url, scope["headers"])
        self.response = self.conn.accept(self.request)
        self._early = early

    @property
    def is_closing(self) -> bool:
        """Whether the connection has ended, or its last answer is sent."""
        return self._is_ended or self._connection.is_closing()

    def end(self) -> None:
        """Close the connection after its last answer, which the peer can read."""
        if self.is_closing:
            return
        self._is_ended = True
        if self._lingering_close is None:
            self._connection.close()
        else:
            self._lingering_close.close(self._connection, self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the server's connections, which are counted by the transport itself."""
        self.transport = self._connection
        super().connection_lost(exc)

    def handle_connect(self, event: Any) -> None:
        """Offer the takeover to the application."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            offer(
                cast("dict[str, Any]", self.scope),
                self.take,
                deflated=bool(self.conn.extensions),
            )

    async def receive(self) -> Any:
        """Give the early bytes to uvicorn: no reader took the connection."""
        if self._early and self.handshake_complete:
            early, self._early = self._early, b""
            super().data_received(early)
        return await super().receive()

    def take(self, reader: TransportTaker, begin: Callable[[], None]) -> bool:
        """Answer the handshake, make `reader` own the transport, and begin."""
        transport = self._connection
        if self.handshake_complete or self.is_closing:
            return False
        self.conn.send_response(self.response)
        answer = b"".join(self.conn.data_to_send())
        self.handshake_complete = True
        self.connections.discard(self)
        self.transport = TAKEN
        reader.take(transport, cast(Registry, self.connections))
        with reader.buffered(answer):
            begin()
        early, self._early = self._early, b""
        if early:
            reader.data_received(early)
        return True

    async def run_asgi(self) -> None:
        """Run the application; free everything of a taken connection."""
        await super().run_asgi()
        if self.transport is TAKEN:
            # All are reference cycles, which only the garbage collector would free.
            self.scope.clear()  # type: ignore[attr-defined]  # it is a dict
            del self.conn.parser
            for name in ("conn", "scope", "response", "request"):
                vars(self).pop(name, None)


def offer(scope: dict[str, Any], take: Take, *, deflated: bool) -> None:
    """Offer the connection of a handshake to the application."""
    hide_token(scope)
    scope["extensions"][TAKEOVER] = take
    if deflated:
        scope["extensions"][DEFLATED] = {}


def _request(url: bytes, headers: Iterable[tuple[bytes, bytes]]) -> Request:
    """The request in the form of websockets' own parser."""
    read = Headers()
    for name, value in headers:
        read[name.decode("latin-1")] = value.decode("latin-1")
    return Request(url.decode("ascii"), read)


def hide_token(scope: dict[str, Any]) -> None:
    """Turn `token=` or `ticket=` in the query of a live line into a header."""
    query: bytes = scope["query_string"]
    path: str = scope["path"]
    if (b"token=" not in query and b"ticket=" not in query) or not path.endswith(
        LIVE_PATHS
    ):
        return
    kept: list[bytes] = []
    secrets = {b"token": "", b"ticket": ""}
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        if name in secrets:
            secrets[name] = unquote_plus(value.decode("latin-1")).strip()
        else:
            kept.append(part)
    secret = secrets[b"ticket"] or secrets[b"token"]
    scope["query_string"] = b"&".join(kept)
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if secret and not any(name == b"authorization" for name, _ in headers):
        value = secret.encode("ascii", "replace")
        # Also of a ticket in `token=`, for which the age in an address counts as well.
        is_ticket = bool(secrets[b"ticket"]) or secret.startswith(TICKET)
        scheme = FROM_QUERY if is_ticket else "Bearer"
        headers.append((b"authorization", scheme.encode() + b" " + value))
