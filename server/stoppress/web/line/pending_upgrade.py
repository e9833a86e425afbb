"""A WebSocket handshake parsed by the HTTP protocol, until it is answered.

Rules (besides those of `takeover`):
- It is parsed once, and no object of the library is made for it: if a reader takes the
  connection, the response is sent from here. The library's protocol object was a tenth
  of the cost of a handshake.
- If no reader takes it, or the application fails, the library answers: its protocol
  is made then, gets the parsed request, and handles everything further.
- Bytes that arrive before the response are kept unparsed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import unquote

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected

from stoppress.hub.socket_readers import Registry
from stoppress.web.line.takeover import (
    MAX_EARLY_BYTES,
    TAKEN,
    LiveWebSocket,
    TransportTaker,
    offer,
)
from stoppress.web.line.websocket_handshake import Fields, accepted, agreement, head

log = logging.getLogger(__name__)


class PendingUpgrade(asyncio.Protocol):
    """One handshake while the application decides on it."""

    __slots__ = (
        "_accept",
        "_agreed_to",
        "_early",
        "_http",
        "_is_asked",
        "_library",
        "_scope",
        "transport",
    )

    def __init__(
        self, http: HttpToolsProtocol, fields: Fields, accept: bytes, agreed_to: str
    ) -> None:
        self.transport = http.transport
        self._http = http
        self._accept = accept
        self._agreed_to = agreed_to
        self._early = b""
        self._is_asked = False
        self._library: LiveWebSocket | None = None
        path, _, query = http.url.partition(b"?")
        offered = fields.get(b"sec-websocket-protocol", b"").decode("latin-1")
        scope: dict[str, Any] = cast(Any, http.scope)
        root: str = scope["root_path"]
        self._scope = scope | {
            "type": "websocket",
            "asgi": {"version": http.asgi_version, "spec_version": "2.4"},
            "scheme": "wss" if http.scheme == "https" else "ws",
            "path": root + unquote(path.decode("ascii")),
            "raw_path": root.encode("ascii") + path,
            "query_string": query,
            "subprotocols": [one for one in map(str.strip, offered.split(",")) if one],
            "extensions": {"websocket.http.response": {}},
        }
        offer(self._scope, self.take, deflated=bool(agreed_to))

    @classmethod
    def of(cls, http: HttpToolsProtocol, fields: Fields) -> PendingUpgrade | None:
        """The handshake, or None if the headers are not those of a valid one."""
        try:
            agreed_to, accept = agreement(fields), accepted(fields)
        except ValueError:
            return None
        return None if accept is None else cls(http, fields, accept, agreed_to)

    def begin(self) -> None:
        """Take the connection from HTTP, and run the application."""
        http = self._http
        http.connections.discard(http)
        cast(Registry, http.connections).add(self)
        self.transport.set_protocol(self)
        task = http.loop.create_task(self._run())
        task.add_done_callback(http.tasks.discard)
        http.tasks.add(task)

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """Keep bytes that arrive before the response."""
        self._early += data
        if len(self._early) > MAX_EARLY_BYTES:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Unregister: the peer closed before the response."""
        cast(Registry, self._http.connections).discard(self)

    def shutdown(self) -> None:
        """Let the library close: the web server shuts down."""
        self._answering().shutdown()

    # What the application gets

    def take(self, reader: TransportTaker, begin: Callable[[], None]) -> bool:
        """Answer the handshake, make `reader` own the transport, and begin."""
        transport = self.transport
        if (
            self._library is not None
            or transport.is_closing()
            or transport.get_protocol() is not self
        ):
            return False
        registry = cast(Registry, self._http.connections)
        registry.discard(self)
        self.transport = TAKEN
        reader.take(transport, registry)
        with reader.buffered(head(self._accept, self._agreed_to)):
            begin()
        if self._early:
            reader.data_received(self._early)
        return True

    async def receive(self) -> Any:
        """The ASGI connect event; for every later event the library takes over."""
        if not self._is_asked:
            self._is_asked = True
            return {"type": "websocket.connect"}
        if self._library is None and self.transport.is_closing():
            return {"type": "websocket.disconnect", "code": 1006}
        return await self._answering().receive()

    async def send(self, message: Any) -> None:
        """Let the library answer: no reader took the connection."""
        if self._library is None and self.transport.is_closing():
            raise ClientDisconnected
        await self._answering().send(message)

    # Internal

    async def _run(self) -> None:
        """Run the application as uvicorn does; free all of a taken connection."""
        try:
            await self._http.app(
                cast(Any, self._scope), self.receive, cast(Any, self.send)
            )
        except ClientDisconnected:
            pass
        except BaseException:
            log.exception("the WebSocket application failed")
        transport = self.transport
        if transport is TAKEN:
            self._scope.clear()  # a reference cycle: the scope and `take`
        elif not transport.is_closing():
            library = self._answering()
            library.send_500_response()  # unless it has answered
            if library.close_timer is None:
                library.end()

    def _answering(self) -> LiveWebSocket:
        """The library's protocol, made at the first call; it answers from now on."""
        library = self._library
        if library is None:
            http = self._http
            library = LiveWebSocket(http.config, http.server_state, http.app_state)
            cast(Registry, http.connections).discard(self)
            library.answer(http, cast(Any, self._scope), self._early)
            self.transport.set_protocol(library)
            self._library, self._early = library, b""
        return library
