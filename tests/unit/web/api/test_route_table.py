"""The routes of the API."""

from __future__ import annotations

from typing import cast

from starlette.routing import Route

from stoppress.web.api.openapi_operations import CALLS
from stoppress.web.api.route_table import RESOURCES, routes
from stoppress.web.services import Services

NOBODY = cast(Services, None)


def test_each_address_finds_its_route() -> None:
    """Publishing, the most frequent call, is compared first."""
    paths = [route.path for route in routes(NOBODY) if isinstance(route, Route)]
    assert paths == list(RESOURCES)
    assert paths[0] == "/v1/feeds/{feed}/posts"


def test_routes_and_description_agree() -> None:
    """Except the live transports and the pages."""
    described = {(one.path, one.method) for one in CALLS}
    there = {
        (path.replace(":path}", "}"), method)
        for path, (_, handlers) in RESOURCES.items()
        for method in handlers
        if path.startswith("/v1/")
    }
    live = {("/v1/live", "GET"), ("/v1/feeds/{feed}/events", "GET")}
    live |= {("/v1/desk/feeds", "GET"), ("/v1/feeds/{feed}/preview", "POST")}
    assert there <= described
    assert {one for one in described if one[0].startswith("/v1/")} - there == live


def test_editors_routes_send_no_cors_headers() -> None:
    """Tokens and withdrawn posts are not readable by other sites."""
    for path, (shared, _) in RESOURCES.items():
        assert not (shared and ("token" in path or "withdrawn" in path)), path
