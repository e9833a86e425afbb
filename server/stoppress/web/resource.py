"""One address and its methods, as a small ASGI application.

Rules: whatever a handler raises becomes a problem document here; a method that
is not there is 405 with `Allow`; HEAD is GET without its body (the server leaves
it out); what is read by other sites' pages says so on every answer, refusals
included, so that a widget can tell what was wrong. What writes goes before readers
(`Hub.writing`), and is answered no faster than the feed's can be served
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
"""On what pages of any site may read; never with credentials."""

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
    """The answer to OPTIONS where pages of any site may read (and only read)."""
    return Response(status_code=204, headers={**_PREFLIGHT, "allow": allow})


class Resource:
    """Answers the requests to one address. `shared`: any site's pages may read."""

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
            f"{method[:20]} is not possible here; {self._allow} are",
            headers={"allow": self._allow},
        )
