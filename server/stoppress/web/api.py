"""The routes of the API, beside the live line's (`web/live.py`)."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from stoppress.web import archive, feeds, posts, service, tokens
from stoppress.web.newsroom import Newsroom
from stoppress.web.resource import Handler, Resource

RESOURCES: dict[str, tuple[bool, dict[str, Handler]]] = {
    "/v1/feeds/{feed}/posts": (True, {"GET": posts.index, "POST": posts.publish}),
    "/v1/feeds/{feed}/posts/{post}": (
        True,
        {
            "GET": posts.show,
            "PATCH": posts.edit,
            "PUT": archive.put_post,
            "DELETE": posts.withdraw,
        },
    ),
    "/v1/feeds/{feed}": (
        True,
        {
            "GET": feeds.show,
            "PATCH": feeds.change,
            "PUT": archive.put_feed,
            "DELETE": feeds.delete,
        },
    ),
    "/v1/feeds/{feed}/withdrawn": (False, {"GET": archive.withdrawn}),
    "/v1/feeds/{feed}/withdrawn/{post}": (False, {"PUT": archive.put_withdrawn}),
    "/v1/feeds": (True, {"GET": feeds.index, "POST": feeds.create}),
    "/v1/tokens": (False, {"GET": tokens.index, "POST": tokens.create}),
    "/v1/tokens/{token}": (False, {"DELETE": tokens.revoke}),
    "/healthz": (False, {"GET": service.healthz}),
    "/readyz": (False, {"GET": service.readyz}),
    "/metrics": (False, {"GET": service.metrics}),
    "/openapi.json": (True, {"GET": service.openapi}),
}
"""Every address: whether pages of any site may read it, and its methods."""


def routes(newsroom: Newsroom) -> list[BaseRoute]:
    """The routes of the API; publishing, the most frequent, is looked at first."""
    return [
        Route(path, Resource(newsroom, handlers, shared=shared))
        for path, (shared, handlers) in RESOURCES.items()
    ]
