"""The routes of one server: while it waits for Redis, and after.

Rules: until Redis has been reached once, every address but `/healthz` answers 503, and
live lines are closed with BYE, so that readers reconnect.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from stoppress.domain.errors import Unavailable
from stoppress.settings import Settings
from stoppress.web import problems
from stoppress.web.api import route_table
from stoppress.web.dispatch_cors_and_write_pacing import SHARED, preflight
from stoppress.web.line import websocket_and_events_routes
from stoppress.web.line.accepts_event_stream import accepts_event_stream
from stoppress.web.line.event_stream import retry_later
from stoppress.web.pages import desk_routes_page_and_preview, page_routes
from stoppress.web.pages.find_browser_files import browser_folder
from stoppress.web.services import Services
from stoppress.wire.close_codes import CloseCode

DEMO_POLICY = "require-trusted-types-for 'script'; trusted-types stop-press"
_METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS")


def newsroom_routes(services: Services) -> list[BaseRoute]:
    """All routes of a server that has reached Redis."""
    settings = services.settings
    return [
        *websocket_and_events_routes.routes(services),
        *route_table.routes(services),
        *page_routes.routes(services),
        *desk_routes_page_and_preview.routes(services),
        *(demo_routes(settings.root) if settings.demo else ()),
        Route("/{path:path}/", slash_taker(settings.root), methods=_METHODS),
    ]


class DemoFiles(StaticFiles):
    """Files of the demo, whose pages require Trusted Types, as the server's own do."""

    def file_response(self, *args: Any, **named: Any) -> Response:
        """The response with one file."""
        response = super().file_response(*args, **named)
        response.headers["content-security-policy"] = DEMO_POLICY
        return response


def demo_routes(root: str) -> list[BaseRoute]:
    """The pages and pictures of the demo."""
    folder = browser_folder()
    return [
        Route("/demo", lambda request: RedirectResponse(f"{root}/demo/", 308)),
        Mount("/demo/stop-press", StaticFiles(directory=folder / "stop-press")),
        Mount("/demo", DemoFiles(directory=folder / "demo", html=True)),
    ]


def slash_taker(root: str) -> Callable[[Request], Awaitable[Response]]:
    """Redirects an address that ends in a slash to the one without it.

    The redirect has no host, so that it works behind any proxy; any site may read it.
    """

    async def without_slash(request: Request) -> Response:
        # Two slashes at the beginning would name another host.
        path = f"{root}/" + quote(request.url.path.strip("/"))
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(path + query, 308, SHARED)

    return without_slash


def waiting_routes(why: Callable[[], str], settings: Settings) -> list[BaseRoute]:
    """The routes of a process that has not reached Redis yet."""

    async def healthz(request: Request) -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    async def unavailable(request: Request) -> Response:
        if request.method == "OPTIONS":
            return preflight("GET, HEAD, OPTIONS")
        if request.url.path.endswith("/events") and accepts_event_stream(
            request.headers.getlist("accept")
        ):
            response = retry_later(random.randint(0, settings.retry_ms))  # noqa: S311 (spreads load, no secret)
        else:
            response = problems.answer(Unavailable(why()), settings.base)
        if request.method in ("GET", "HEAD"):
            # A widget on another site must distinguish this from a broken connection.
            response.headers.update(SHARED)
        return response

    async def away(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close(CloseCode.BYE, why())

    return [
        Route("/healthz", healthz),
        Route("/{path:path}", unavailable, methods=_METHODS),
        WebSocketRoute("/{path:path}", away),
    ]
