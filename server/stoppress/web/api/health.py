"""What machines ask of the server itself: health, readiness, metrics, schema."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from stoppress.web import responses
from stoppress.web.api.openapi import document
from stoppress.web.services import Services

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

_HEADERS = {"cache-control": responses.NO_STORE}


async def healthz(newsroom: Services, request: Request) -> Response:
    """GET /healthz: this process can serve, at least from memory."""
    return Response(b'{"status":"ok"}', 200, _HEADERS, responses.JSON)


async def readyz(newsroom: Services, request: Request) -> Response:
    """GET /readyz: fresh events arrive; else 503."""
    await newsroom.ready()
    return Response(b'{"status":"ready"}', 200, _HEADERS, responses.JSON)


async def metrics(newsroom: Services, request: Request) -> Response:
    """GET /metrics."""
    return Response(newsroom.metrics.exposition(), 200, _HEADERS, PROMETHEUS)


async def openapi(newsroom: Services, request: Request) -> Response:
    """GET /openapi.json."""
    body = document(newsroom.settings.base)
    tag = responses.content_tag(body)
    return responses.read(request, body, tag, "public, max-age=300")
