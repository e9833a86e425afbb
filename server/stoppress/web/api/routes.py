"""The route table of the API, except the live line's (`web/line/live_routes.py`)."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from stoppress.web.api import feeds, health, import_export, posts, tokens
from stoppress.web.endpoint import Handler, Resource
from stoppress.web.services import Services

RESOURCES: dict[str, tuple[bool, dict[str, Handler]]] = {
    "/v1/feeds/{feed}/posts": (True, {"GET": posts.index, "POST": posts.publish}),
    "/v1/feeds/{feed}/posts/{post}": (
        True,
        {
            "GET": posts.show,
            "PATCH": posts.edit,
            "PUT": import_export.put_post,
            "DELETE": posts.withdraw,
        },
    ),
    "/v1/feeds/{feed}": (
        True,
        {
            "GET": feeds.show,
            "PATCH": feeds.change,
            "PUT": import_export.put_feed,
            "DELETE": feeds.delete,
        },
    ),
    "/v1/feeds/{feed}/withdrawn": (False, {"GET": import_export.withdrawn}),
    "/v1/feeds/{feed}/withdrawn/{post}": (False, {"PUT": import_export.put_withdrawn}),
    "/v1/feeds": (True, {"GET": feeds.index, "POST": feeds.create}),
    "/v1/tokens": (False, {"GET": tokens.index, "POST": tokens.create}),
    "/v1/tokens/{token}": (False, {"DELETE": tokens.revoke}),
    "/healthz": (False, {"GET": health.healthz}),
    "/readyz": (False, {"GET": health.readyz}),
    "/metrics": (False, {"GET": health.metrics}),
    "/openapi.json": (True, {"GET": health.openapi}),
}
"""Per address: whether pages of any site may read it, and its methods."""


def routes(services: Services) -> list[BaseRoute]:
    """The routes of the API; publishing, the most frequent, is matched first."""
    return [
        Route(path, Resource(services, handlers, shared=shared))
        for path, (shared, handlers) in RESOURCES.items()
    ]
