"""The route table of the API.

The live line's routes are in `web/line/websocket_and_events_routes.py`.
"""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from stoppress.web.api import (
    audit,
    drafts,
    feeds,
    import_copies_and_list_withdrawn,
    link_cards,
    operator_routes,
    posts,
    posts_by_external_id,
    presence_and_leases,
    revisions_restore_takedown,
    templates_and_notes,
    tokens_and_tickets,
    upload_picture,
    webhooks,
)
from stoppress.web.dispatch_cors_and_write_pacing import Handler, Resource
from stoppress.web.services import Services

RESOURCES: dict[str, tuple[bool, dict[str, Handler]]] = {
    "/v1/feeds/{feed}/posts": (True, {"GET": posts.index, "POST": posts.publish}),
    "/v1/feeds/{feed}/posts/{post}": (
        True,
        {
            "GET": posts.show,
            "PATCH": posts.edit,
            "PUT": import_copies_and_list_withdrawn.put_post,
            "DELETE": posts.withdraw,
        },
    ),
    "/v1/feeds/{feed}/posts/{post}/revisions": (
        False,
        {"GET": revisions_restore_takedown.index},
    ),
    "/v1/feeds/{feed}/posts/{post}/takedown": (
        False,
        {"POST": revisions_restore_takedown.take_down},
    ),
    "/v1/feeds/{feed}/posts/{post}/restore": (
        False,
        {"POST": revisions_restore_takedown.restore},
    ),
    "/v1/feeds/{feed}/posts/{post}/notes": (
        False,
        {"GET": templates_and_notes.notes, "PUT": templates_and_notes.put_notes},
    ),
    "/v1/feeds/{feed}/drafts": (False, {"GET": drafts.index, "POST": drafts.create}),
    "/v1/feeds/{feed}/drafts/{draft}": (
        False,
        {"GET": drafts.show, "PUT": drafts.put, "DELETE": drafts.delete},
    ),
    "/v1/feeds/{feed}/drafts/{draft}/publish": (False, {"POST": drafts.publish}),
    "/v1/feeds/{feed}/drafts/{draft}/comments": (False, {"POST": drafts.comment}),
    "/v1/feeds/{feed}/drafts/{draft}/comments/{comment}": (
        False,
        {"DELETE": drafts.remove_comment},
    ),
    "/v1/feeds/{feed}/presence": (False, {"GET": presence_and_leases.index}),
    "/v1/feeds/{feed}/presence/{client}": (
        False,
        {"PUT": presence_and_leases.put, "DELETE": presence_and_leases.delete},
    ),
    "/v1/feeds/{feed}/leases/{subject}": (
        False,
        {"PUT": presence_and_leases.lease, "DELETE": presence_and_leases.release},
    ),
    "/v1/feeds/{feed}/leases/{subject}/request": (
        False,
        {"POST": presence_and_leases.want},
    ),
    "/v1/feeds/{feed}/webhooks": (
        False,
        {"GET": webhooks.index, "POST": webhooks.make},
    ),
    "/v1/feeds/{feed}/webhooks/{webhook}": (False, {"DELETE": webhooks.drop}),
    "/v1/feeds/{feed}/webhooks/{webhook}/dead-letters/resend": (
        False,
        {"POST": webhooks.resend},
    ),
    "/v1/feeds/{feed}/webhooks/{webhook}/dead-letters/{letter}/resend": (
        False,
        {"POST": webhooks.resend},
    ),
    "/v1/feeds/{feed}/dead-letters": (False, {"GET": webhooks.dead_letters}),
    "/v1/feeds/{feed}/external/{external_id:path}": (
        True,
        {
            "GET": posts_by_external_id.show,
            "PUT": posts_by_external_id.put,
            "DELETE": posts_by_external_id.withdraw,
        },
    ),
    "/v1/feeds/{feed}/media": (False, {"POST": upload_picture.upload}),
    "/v1/feeds/{feed}": (
        True,
        {
            "GET": feeds.show,
            "PATCH": feeds.change,
            "PUT": import_copies_and_list_withdrawn.put_feed,
            "DELETE": feeds.delete,
        },
    ),
    "/v1/feeds/{feed}/tickets": (False, {"POST": tokens_and_tickets.issue_ticket}),
    "/v1/feeds/{feed}/link-cards": (False, {"POST": link_cards.create}),
    "/v1/feeds/{feed}/withdrawn": (
        False,
        {"GET": import_copies_and_list_withdrawn.withdrawn},
    ),
    "/v1/feeds/{feed}/withdrawn/{post}": (
        False,
        {"PUT": import_copies_and_list_withdrawn.put_withdrawn},
    ),
    "/v1/feeds": (True, {"GET": feeds.index, "POST": feeds.create}),
    "/v1/templates": (False, {"GET": templates_and_notes.index}),
    "/v1/templates/{template}": (
        False,
        {"PUT": templates_and_notes.put, "DELETE": templates_and_notes.drop},
    ),
    "/v1/tokens": (
        False,
        {"GET": tokens_and_tickets.index, "POST": tokens_and_tickets.create},
    ),
    "/v1/tokens/{token}": (False, {"DELETE": tokens_and_tickets.revoke}),
    "/v1/audit": (False, {"GET": audit.index}),
    "/healthz": (False, {"GET": operator_routes.healthz}),
    "/readyz": (False, {"GET": operator_routes.readyz}),
    "/metrics": (False, {"GET": operator_routes.metrics}),
    "/openapi.json": (True, {"GET": operator_routes.openapi}),
}
"""Per address: whether pages of any site may read it, and its methods."""


def routes(services: Services) -> list[BaseRoute]:
    """The routes of the API; publishing, the most frequent, is matched first."""
    return [
        Route(path, Resource(services, handlers, shared=shared))
        for path, (shared, handlers) in RESOURCES.items()
    ]
