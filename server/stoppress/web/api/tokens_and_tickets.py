"""The routes of tokens (they need `admin` on all feeds) and of readers' tickets."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stoppress.domain.errors import Refused
from stoppress.web import cache_control, request_parsing, successful_json_answers
from stoppress.web.authorization import admit, credential_in, feed_of, visible
from stoppress.web.problems import Problem
from stoppress.web.services import Services


async def create(services: Services, request: Request) -> Response:
    """POST /v1/tokens: only this answer contains the secret."""
    caller = await admit(services, request, "admin", None)
    requester = request_parsing.requester(request.headers, caller.id)
    raw = await request_parsing.body(request, services.settings.max_body_bytes)
    made = await services.tokens.make_once(
        raw, requester, credential_in(services, request).secret
    )
    shown = {"token": made.secret, **msgspec.to_builtins(made.token)}
    status = 200 if made.repeated else 201
    return successful_json_answers.written(
        msgspec.json.encode(shown), rev=0, status=status
    )


async def index(services: Services, request: Request) -> Response:
    """GET /v1/tokens."""
    await admit(services, request, "admin", None)
    body = msgspec.json.encode({"tokens": await services.tokens.all()})
    return Response(
        body,
        200,
        {"cache-control": cache_control.PRIVATE},
        successful_json_answers.JSON,
    )


async def revoke(services: Services, request: Request) -> Response:
    """DELETE /v1/tokens/{token}."""
    caller = await admit(services, request, "admin", None)
    name: str = request.path_params["token"]
    requester = request_parsing.requester(request.headers, caller.id)
    if not await services.tokens.revoke(name, requester):
        raise Problem(
            404,
            "not-found",
            "Not Found",
            f"there is no token with the id {name[:100]!r}; GET /v1/tokens lists them",
        )
    return successful_json_answers.done()


async def issue_ticket(services: Services, request: Request) -> Response:
    """POST /v1/feeds/{feed}/tickets: a ticket that lets a reader read the feed."""
    feed = feed_of(request)
    caller = await admit(services, request, "read", feed)
    if caller.kind == "ticket":
        raise Refused("a ticket issues no tickets: use a token that reads the feed")
    await visible(services, caller, feed)
    raw = await request_parsing.body(request, services.settings.max_body_bytes)
    requester = request_parsing.requester(request.headers, caller.id)
    made = await services.tickets.issue_once(services.store, feed, raw, requester)
    body, status = msgspec.json.encode(made.ticket), 200 if made.repeated else 201
    return successful_json_answers.written(body, rev=0, status=status)
