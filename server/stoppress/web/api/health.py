"""The routes of health, readiness, metrics and the OpenAPI document."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from stoppress.domain.errors import Unavailable
from stoppress.web import cache_headers, json_responses
from stoppress.web.api.openapi import document
from stoppress.web.problems import Problem
from stoppress.web.services import Services

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

_HEADERS = {"cache-control": cache_headers.NO_STORE}


async def healthz(services: Services, request: Request) -> Response:
    """GET /healthz: this process can serve, at least from memory."""
    return Response(b'{"status":"ok"}', 200, _HEADERS, json_responses.JSON)


async def readyz(services: Services, request: Request) -> Response:
    """GET /readyz: this process receives new events; else 503."""
    try:
        await services.ready()
    except Unavailable as why:
        # Nothing was to be written: the reason, and no more.
        after = {"retry-after": str(why.retry_after_s)}
        title = "Not available now"
        raise Problem(503, "unavailable", title, str(why), headers=after) from why
    return Response(b'{"status":"ready"}', 200, _HEADERS, json_responses.JSON)


async def metrics(services: Services, request: Request) -> Response:
    """GET /metrics."""
    return Response(services.metrics.exposition(), 200, _HEADERS, PROMETHEUS)


async def openapi(services: Services, request: Request) -> Response:
    """GET /openapi.json."""
    settings = services.settings
    address_from = "public_url" if settings.public_url else "listening"
    body = document(settings.base, "forwarded" if services.forwarded else address_from)
    tag = json_responses.content_tag(body)
    return json_responses.read(
        request, body, tag, {"cache-control": "public, max-age=300"}
    )
