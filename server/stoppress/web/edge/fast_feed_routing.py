"""Finds the resources of a feed by their names, past Starlette's list of routes.

Rules:
- `/v1/feeds/{feed}/<name>` is found here if it is a `Resource`, as Starlette would
  find it; everything else is Starlette's.
- A Resource answers its own errors, so Starlette's middleware, which only does that,
  is left out: a twentieth of what a publish costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from stoppress.web.dispatch_cors_and_write_pacing import Resource

_BEFORE = "/v1/feeds/{feed}/"


class IndexedStarlette(Starlette):
    """An application whose routes are given by `serve`."""

    def __init__(self, routes: Sequence[BaseRoute], **named: Any) -> None:
        super().__init__(**named)
        self._resources: dict[str, Resource] = {}
        self.serve(routes)

    def serve(self, routes: Sequence[BaseRoute]) -> None:
        """Answer by these routes from now on."""
        self.router.routes[:] = routes
        self._resources = {
            route.path.removeprefix(_BEFORE): route.app
            for route in routes
            if isinstance(route, Route)
            and isinstance(route.app, Resource)
            and route.path.startswith(_BEFORE)
            and "/" not in route.path.removeprefix(_BEFORE)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            match scope["path"].split("/"):
                case ["", "v1", "feeds", feed, name] if feed:
                    resource = self._resources.get(name)
                    if resource is not None:
                        scope["path_params"] = {"feed": feed}
                        await resource(scope, receive, send)
                        return
        await super().__call__(scope, receive, send)
