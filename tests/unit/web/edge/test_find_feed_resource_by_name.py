"""What is found by name is what Starlette would find by its list."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from stoppress.web.api import route_table
from stoppress.web.edge.find_feed_resource_by_name import IndexedStarlette
from stoppress.web.method_dispatch import Resource
from tests.unit.web.desk_harness import open_office

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
async def test_the_index_and_the_list_agree(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the resource, and on the feed that it is asked about."""
    asked: list[tuple[Resource, str]] = []

    async def note(self: Resource, scope: Scope, receive: Receive, send: Send) -> None:
        asked.append((self, scope["path_params"]["feed"]))

    async def nothing(*_: object) -> Any:
        """Starlette, which is not asked."""

    async with open_office() as office:
        routes = route_table.routes(office.services)
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


async def test_routes_may_be_given_later() -> None:
    """As when the store has been reached."""
    async with open_office() as office:
        app = IndexedStarlette([])
        app.serve(route_table.routes(office.services))
        assert set(app._resources) > {"posts", "drafts", "webhooks"}
        app.serve([])
        assert not app._resources and not app.router.routes
