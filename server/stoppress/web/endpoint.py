"""Dispatches the methods of one address to handlers, as an ASGI application.

Rules: an error of a handler becomes a problem document; an unsupported method is 405
with `Allow`; HEAD is GET without its body (the server omits it). CORS headers of
addresses that other sites' pages may read are on every answer, refusals included, so
that a widget can report what is wrong. Writes have priority over sending to readers
(`Hub.writing`), and are answered no faster than the feed's readers can be served
(`Hub.keep_pace`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from stoppress.web.problems import Problem, answer
from stoppress.web.request_parsing import ClientDisconnected
from stoppress.web.services import Services

Handler = Callable[[Services, Request], Awaitable[Response]]

SHARED = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "ETag, Age, Location, Retry-After",
}
"""CORS headers of addresses that pages of any site may read, without credentials."""

_PREFLIGHT = {
    **SHARED,
    "access-control-allow-methods": "GET, HEAD",
    "access-control-allow-headers": (
        "Authorization, Cache-Control, If-None-Match, Last-Event-ID"
    ),
    "access-control-max-age": "86400",
    "vary": "Access-Control-Request-Method",
}


def preflight(allow: str) -> Response:
    """The answer to OPTIONS for addresses that pages of any site may read."""
    return Response(status_code=204, headers={**_PREFLIGHT, "allow": allow})


class Resource:
    """Answers requests to one address. `shared`: pages of any site may read it."""

    def __init__(
        self,
        services: Services,
        handlers: Mapping[str, Handler],
        *,
        shared: bool = False,
    ) -> None:
        self._services = services
        self._handlers = dict(handlers)
        self._shared = shared
        self.methods = tuple(handlers)
        names = [*handlers, *(["HEAD"] if "GET" in handlers else []), "OPTIONS"]
        self._allow = ", ".join(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        method: str = scope["method"]
        if method == "HEAD":
            method = "GET"
        try:
            response = await self._answer(method, request)
        except ClientDisconnected:
            return
        except Exception as error:
            feed = request.path_params.get("feed")
            response = answer(error, self._services.settings.base, feed)
        if self._shared and method == "GET":
            response.headers.update(SHARED)
        await response(scope, receive, send)

    async def _answer(self, method: str, request: Request) -> Response:
        handler = self._handlers.get(method)
        if handler is not None:
            if method == "GET":
                return await handler(self._services, request)
            with self._services.hub.writing():
                response = await handler(self._services, request)
            feed = request.path_params.get("feed")
            if feed is not None:
                await self._services.hub.keep_pace(feed)
            return response
        if method == "OPTIONS":
            if self._shared:
                return preflight(self._allow)
            return Response(status_code=204, headers={"allow": self._allow})
        raise Problem(
            405,
            "method-not-allowed",
            "Method not allowed",
            f"{method[:20]} is not supported here: use {self._allow}",
            headers={"allow": self._allow},
        )
