"""Networks on which a transport of the live line does not work."""

from __future__ import annotations

import re

from playwright.sync_api import Page, Route, WebSocketRoute


def no_sockets(page: Page) -> None:
    """Break every WebSocket, as some proxies do."""

    def close(line: WebSocketRoute) -> None:
        line.close()

    page.route_web_socket(re.compile("/v1/live"), close)


def no_streams(page: Page) -> None:
    """Break every event stream."""

    def stop(route: Route) -> None:
        if route.request.headers.get("accept") == "text/event-stream":
            route.abort()
        else:
            route.continue_()

    page.route("**/events?*", stop)
