"""Gives each request an id, and logs why it was refused: an ASGI application.

Rules:
- Every response has the id (`X-Request-ID`), a refused WebSocket in its close reason
  too, where a page can read it.
- A refusal is a status of 400 and more, a close code of 4400 and more, or 4029.
- `X-Content-Type-Options: nosniff` is on every response.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stoppress.guard.client_address import (
    CLIENT,
    Network,
    client_of,
    header_value,
    is_trusted,
)
from stoppress.guard.refusal_log import RefusalLog
from stoppress.guard.request_context import (
    CURRENT,
    HEADER,
    RequestContext,
    is_request_id,
    new_request_id,
)
from stoppress.web.request_parsing import RawHeaders, whole_messages
from stoppress.wire.close_codes import is_refusal

_HEADER = HEADER.encode()
_NOSNIFF = (b"x-content-type-options", b"nosniff")


class RequestTrace:
    """An application whose requests have ids, and whose refusals are logged."""

    def __init__(
        self, app: ASGIApp, networks: Sequence[Network], refusals: RefusalLog
    ) -> None:
        self._app = app
        self._networks = networks
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        header = header_value(scope)
        peer = scope.get("client")
        client = client_of(peer, header, self._networks)
        given = header(HEADER) if is_trusted(peer, self._networks) else None
        context = RequestContext(
            given if given and is_request_id(given) else new_request_id(),
            client.address,
            scope.get("method", "WEBSOCKET"),
            scope["path"],
        )
        scope[CLIENT] = client
        CURRENT.set(context)
        if (whole := whole_messages(scope)) is not None:
            whole.finish_headers = partial(self._finish_headers, context)

        async def traced(message: Message) -> None:
            kind = message["type"]
            if kind in ("http.response.start", "websocket.http.response.start"):
                status, headers = message["status"], message.get("headers", ())
                message["headers"] = self._finish_headers(context, status, headers)
            elif kind == "websocket.accept":
                named = (_HEADER, context.id.encode())
                message = {**message, "headers": [*message.get("headers", ()), named]}
            elif kind == "websocket.close":
                message = self._close(context, message)
            await send(message)

        await self._app(scope, receive, traced)

    def _finish_headers(
        self, context: RequestContext, status: int, given: Iterable[tuple[bytes, bytes]]
    ) -> RawHeaders:
        """The headers of a response with its id; a refusal is logged."""
        headers = [*given, (_HEADER, context.id.encode())]
        if _NOSNIFF not in headers:
            headers.append(_NOSNIFF)
        # A refused event stream has status 200: an EventSource stops for good at any
        # other.
        if status >= 400 or context.reason:
            self._log(context, context.reason or f"http-{status}", status)
        return headers

    def _close(self, context: RequestContext, message: Message) -> Message:
        code: int = message.get("code", 1000)
        if not is_refusal(code):
            return message
        self._log(context, context.reason or f"close-{code}", code)
        return {**message, "reason": message.get("reason") or f"request {context.id}"}

    def _log(self, context: RequestContext, reason: str, status: int) -> None:
        self._refusals.add(
            reason,
            context.id,
            status=status,
            client=context.client,
            method=context.method,
            path=context.path,
            caller=context.caller,
            detail=context.detail,
        )
