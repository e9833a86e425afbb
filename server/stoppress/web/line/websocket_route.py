"""The live line as a WebSocket: `GET /v1/live?feed=a[@cursor]&feed=b…`.

Rules:
- It is refused after its upgrade, by a close code: a page can't read an HTTP refusal.
- If the server offers the takeover, the hub gets the transport in the loop turn that
  answers the handshake, and this task ends. Otherwise the task relays the reader's
  bytes (`relay_reader_over_asgi.py`).
"""

from __future__ import annotations

import random
from functools import partial

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from stoppress.domain.errors import Malformed, Unavailable
from stoppress.hub.socket_readers import WebSocketReader
from stoppress.web.line import relay_reader_over_asgi
from stoppress.web.line.decide_live_admission import Wanted, admitted, asked_for, follow
from stoppress.web.line.takeover import DEFLATED, TAKEOVER, Take
from stoppress.web.services import Services
from stoppress.wire import encode_messages
from stoppress.wire.close_codes import CloseCode


class LiveWebSocketRoute:
    """The WebSocket of one or more feeds, as an ASGI application."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Authorize, accept, and hand the connection to the hub."""
        await receive()  # websocket.connect
        hub = self._services.hub
        connection = HTTPConnection(scope)
        feeds: Wanted = ()
        code: int | None
        try:
            feeds = asked_for(scope["query_string"])
            rights, code = await admitted(
                self._services, connection, tuple(feed for feed, _ in feeds)
            )
        except (Malformed, ValueError):
            code = CloseCode.BAD_REQUEST
        except Unavailable:
            code = CloseCode.BYE
        extensions = scope.get("extensions", {})
        take: Take | None = extensions.get(TAKEOVER)
        if take is not None and code is None:
            reader = WebSocketReader(hub, rights, deflated=DEFLATED in extensions)
            take(reader, partial(follow, reader, feeds))
            return
        try:
            await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
            if code is not None:
                await _refuse(self._services, send, code)
                return
        except OSError:
            return  # the client has disconnected
        await relay_reader_over_asgi.websocket(hub, rights, feeds, receive, send)


async def _refuse(services: Services, send: Send, code: int) -> None:
    if code in (CloseCode.BYE, CloseCode.TOO_MANY):
        hub = services.hub
        spread = hub.spread_ms(services.settings.retry_ms, hub.readers())
        text = encode_messages.bye(retry_ms=random.randint(0, spread)).decode()  # noqa: S311 (spreads load, no secret)
        await send({"type": "websocket.send", "text": text})
    await send({"type": "websocket.close", "code": int(code), "reason": ""})
