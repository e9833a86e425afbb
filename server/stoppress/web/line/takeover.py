"""Taking the transport over from uvicorn: its protocols, extended.

The ASGI scope gets an extension, TAKEOVER. Called with a reader, in place of the
accept (or in the turn in which the head of the response was sent), it makes the
reader own the transport, has it begin, and returns True; or False if the connection
is closing anyway. Then the application returns, and nothing of the handshake stays.

Rules:
- All awaits come before the take. The answer to a handshake leaves with what the
  reader is told first, in one write.
- A handshake that HTTP has read is parsed no second time (`pending_upgrade.py`), and
  answered by the library only if it is unusual, or nobody takes the connection.
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
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Protocol, cast
from urllib.parse import unquote_plus

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.protocol import Protocol as Framing

from stoppress.hub.deflate import DeflateAgreement
from stoppress.hub.socket_readers import Registry

TAKEOVER = "stop_press.takeover"
"""The name of the extension in the ASGI scope."""
DEFLATED = "stop_press.deflated"
"""In the ASGI scope too, if it was agreed that messages are compressed."""
HALF_CLOSED = "stop_press.half_closed"
"""In the ASGI scope of a request: takes what is to be called when the peer has closed
its side, and waits for its answer."""
UNCHUNKED = "stop_press.unchunked"
"""In the ASGI scope of an HTTP/1.0 request: called before the head of an answer without
a length, it has the answer end with the connection instead of going out in chunks."""
LIVE_PATHS = ("/v1/live", "/events")
"""How the addresses end that browsers open without headers of their own."""
EARLY_BYTES = 64 << 10
"""What a client may say before it was accepted; more ends the connection."""

RELIED_ON: dict[type, tuple[str, ...]] = {
    WebSocketsSansIOProtocol: (
        "client",
        "close_timer",
        "conn",
        "connection_made",
        "connections",
        "data_received",
        "handle_connect",
        "handshake_complete",
        "handshake_initiated",
        "read_paused",
        "receive",
        "response",
        "run_asgi",
        "scope",
        "request",
        "scheme",
        "send_500_response",
        "server",
        "transport",
    ),
}


class TransportTaker(Protocol):
    """Who can own a transport: a SocketReader."""

    def take(self, transport: Any, registry: Registry) -> None:
        """Own the transport from here on."""

    def buffered(self, head: bytes) -> AbstractContextManager[object]:
        """Send `head` and all that is written meanwhile at once, at the end."""

    def data_received(self, data: bytes) -> None:
        """What the peer says."""

    def eof_received(self) -> bool | None:
        """The peer has closed its side."""


Take = Callable[[TransportTaker, Callable[[], None]], bool]
"""Takes the connection for a reader, and has it begin."""


class _TakenTransport:
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


TAKEN = cast(Any, _TakenTransport())


class LiveWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol, from which a reader can take the transport."""

    _early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Offer to compress, as the hub does it."""
        super().connection_made(transport)
        self.conn.available_extensions = [DeflateAgreement()]

    def data_received(self, data: bytes) -> None:
        """Before the accept, what is no handshake waits as it came."""
        if not self.handshake_initiated or self.handshake_complete:
            super().data_received(data)
            return
        self._early += data
        if len(self._early) > EARLY_BYTES:
            self.transport.abort()

    def answer(self, http: Any, scope: Any, early: bytes) -> None:
        """Answer a handshake that the HTTP protocol has read, and nobody took."""
        self.connections.add(self)
        self.transport = http.transport
        self.server, self.client = http.server, http.client
        self.scheme = scope["scheme"]
        self.conn.available_extensions = [DeflateAgreement()]
        # What comes from here on are frames. A parser of a connection that is not
        # open yet would wait for the request.
        self.conn.parser = Framing.parse(self.conn)
        next(self.conn.parser)
        self.scope = scope
        self.handshake_initiated = True
        self.request = _request(http.url, scope["headers"])
        self.response = self.conn.accept(self.request)
        self._early = early

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
        """Nobody took the connection: what came early is uvicorn's now."""
        if self._early and self.handshake_complete:
            early, self._early = self._early, b""
            super().data_received(early)
        return await super().receive()

    def take(self, reader: TransportTaker, begin: Callable[[], None]) -> bool:
        """Answer the handshake, make `reader` own the transport, and begin."""
        transport = self.transport
        if self.handshake_complete or transport.is_closing():
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
        """Run the application; of a taken connection, keep nothing."""
        await super().run_asgi()
        if self.transport is TAKEN:
            # All are rings of references, which only the collector would free.
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
    """The request as websockets would have parsed it."""
    read = Headers()
    for name, value in headers:
        read[name.decode("latin-1")] = value.decode("latin-1")
    return Request(url.decode("ascii"), read)


def hide_token(scope: dict[str, Any]) -> None:
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
