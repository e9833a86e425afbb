"""Refuses a WebSocket at an address that has none: 404, and where the live line is.

Without it Starlette closes the connection, which uvicorn answers by an empty 403, as if
a credential were missing.
"""

from __future__ import annotations

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from stoppress.web.problems import Problem

EXTENSION = "websocket.http.response"
"""The ASGI extension by which a handshake is answered by an HTTP response."""


class WebSocketNotFound:
    """An ASGI application for every other address of a site with this base."""

    def __init__(self, root: str) -> None:
        self._root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one handshake."""
        websocket = WebSocket(scope, receive, send)
        await websocket.receive()  # websocket.connect
        if EXTENSION not in scope.get("extensions", {}):
            await websocket.close()
            return
        detail = f"this address is no WebSocket: use {self._root}/v1/live?feed=SLUG"
        problem = Problem(404, "not-found", "Not Found", detail)
        await websocket.send_denial_response(problem.response())
