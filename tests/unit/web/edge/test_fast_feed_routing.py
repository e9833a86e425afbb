"""What is found by name is what Starlette would find by its list."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from stoppress.web.api import route_table
from stoppress.web.dispatch_cors_and_write_pacing import Resource
from stoppress.web.edge.fast_feed_routing import IndexedStarlette
from tests.unit.web.desk_harness import open_harness

pytestmark = pytest.mark.asyncio
PATHS = [
    *("/v1/feeds/quay/posts", "/v1/feeds/quay/drafts", "/v1/feeds/a.b%2Fc/media"),
    *("/v1/feeds//posts", "/v1/feeds/quay/posts/", "/v1/feeds/quay/posts/x"),
    *(
        "/v1/feeds/quay",
        "/v1/feeds/quay/",
        "/v1/feeds/quay/nothing",
        "/v2/feeds/q/posts",
    ),
    *("/x/v1/feeds/quay/posts", "//v1/feeds/quay", "/v1/feeds/quay/external/posts"),
]


@pytest.mark.parametrize("path", PATHS)
async def test_the_route_index_and_the_route_list_agree(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the handler and on the feed in the address."""
    asked: list[tuple[Resource, str]] = []

    async def note(self: Resource, scope: Scope, receive: Receive, send: Send) -> None:
        asked.append((self, scope["path_params"]["feed"]))

    async def nothing(*_: object) -> Any:
        """Starlette, which is not asked."""

    async with open_harness() as harness:
        routes = route_table.routes(harness.services)
        app = IndexedStarlette(routes)
        monkeypatch.setattr(Resource, "__call__", note)
        monkeypatch.setattr("starlette.applications.Starlette.__call__", nothing)
        scope = {"type": "http", "method": "POST", "path": path}
        await app({**scope}, nothing, nothing)
        listed = [
            (route.app, found[1]["path_params"]["feed"])
            for route in routes
            if isinstance(route, Route)
            and (found := route.matches({**scope}))[0] is not Match.NONE
        ][:1]
        assert asked == (listed if path.count("/") == 4 else [])


async def test_routes_may_be_set_after_start() -> None:
    """As when the store is reached only later."""
    async with open_harness() as harness:
        app = IndexedStarlette([])
        app.serve(route_table.routes(harness.services))
        assert set(app._resources) > {"posts", "drafts", "webhooks"}
        app.serve([])
        assert not app._resources and not app.router.routes
