"""Dispatches the methods of one address to handlers, as an ASGI application.

Rules: an error of a handler becomes a problem document; an unsupported method is 405
with `Allow`; HEAD is GET without its body (the server omits it). CORS headers of
addresses that other sites' pages may read are on every answer, refusals included, so
that a widget can report what is wrong. Writes have priority over sending to readers
(`Hub.writing`), and are answered no faster than the feed's readers can be served
(`Hub.keep_pace`). A request over a limit of its client's address is 429 before anything
is read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from stoppress.domain.errors import TooMany
from stoppress.guard.client_address import Client, client_in
from stoppress.guard.fair_slots import NoSlot
from stoppress.guard.request_cost import STORE_READ, cost_of
from stoppress.web.problems import Problem, answer
from stoppress.web.request_parsing import ClientDisconnected, whole_messages
from stoppress.web.services import Services

Handler = Callable[[Services, Request], Awaitable[Response]]

SHARED = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": ("ETag, Age, Location, Retry-After, X-Request-ID"),
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
        limits, client = self._services.limits, client_in(scope)
        cost = cost_of(method, scope["path"], scope["query_string"])
        is_costly = (
            limits.costly.is_limited
            and method == "GET"
            and cost >= STORE_READ
            # Without a store no write is held back; answers from memory do not wait.
            and self._services.snapshots.is_fresh()
        )
        if not is_costly:
            await self._answer_and_send(method, cost, client, request, send)
            return
        try:
            async with limits.costly.slot(client.key):
                await self._answer_and_send(method, cost, client, request, send)
        except NoSlot:
            response = self._refusal(request, TooMany("requests at once", 1))
            await self._send(response, method, client, scope, receive, send)

    async def _answer_and_send(
        self, method: str, cost: float, client: Client, request: Request, send: Send
    ) -> None:
        try:
            if cost and (wait_s := self._services.limits.request(client, cost)):
                raise TooMany("requests from this address", wait_s)
            response = await self._answer(method, request)
        except ClientDisconnected:
            return
        except Exception as error:
            response = self._refusal(request, error)
        await self._send(
            *(response, method, client, request.scope, request.receive, send)
        )

    def _refusal(self, request: Request, error: Exception) -> Response:
        if isinstance(error, TooMany):
            self._services.limits.refused(client_in(request.scope))
        feed = request.path_params.get("feed")
        return answer(error, self._services.settings.base, feed)

    async def _send(
        self,
        response: Response,
        method: str,
        client: Client,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        if self._shared and method == "GET":
            response.headers.update(SHARED)
        body = getattr(response, "body", b"")
        self._services.limits.answered(client, len(body))
        whole = whole_messages(scope) if type(response) is Response else None
        if whole is None or not whole.answer(
            response.status_code, response.raw_headers, bytes(response.body)
        ):
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
