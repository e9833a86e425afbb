"""The token routes: create, list, revoke; they need `admin` on all feeds."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stoppress.web import cache_headers, json_responses, request_parsing
from stoppress.web.authorization import admit
from stoppress.web.problems import Problem
from stoppress.web.services import Services


async def create(services: Services, request: Request) -> Response:
    """POST /v1/tokens: only this answer contains the secret."""
    await admit(services, request, "admin", None)
    raw = await request_parsing.body(request, services.settings.max_body_bytes)
    secret, token = await services.tokens.make(raw)
    shown = {"token": secret, **msgspec.to_builtins(token)}
    return json_responses.written(msgspec.json.encode(shown), rev=0, status=201)


async def index(services: Services, request: Request) -> Response:
    """GET /v1/tokens."""
    await admit(services, request, "admin", None)
    body = msgspec.json.encode({"tokens": await services.tokens.all()})
    return Response(
        body, 200, {"cache-control": cache_headers.PRIVATE}, json_responses.JSON
    )


async def revoke(services: Services, request: Request) -> Response:
    """DELETE /v1/tokens/{token}."""
    await admit(services, request, "admin", None)
    name: str = request.path_params["token"]
    if not await services.tokens.revoke(name):
        raise Problem(
            404,
            "not-found",
            "Not Found",
            f"there is no token with the id {name[:100]!r}; GET /v1/tokens lists them",
        )
    return json_responses.done()
