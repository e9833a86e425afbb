"""The routes of health, readiness, metrics and the OpenAPI document."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from stoppress.domain.errors import Unavailable
from stoppress.guard.client_address import (
    FORWARDING_HEADERS,
    HeaderValue,
    is_trusted,
)
from stoppress.settings import Settings
from stoppress.web import cache_control, successful_json_answers
from stoppress.web.api.openapi import document
from stoppress.web.authorization import admit
from stoppress.web.problems import Problem
from stoppress.web.services import Services

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

_HEADERS = {"cache-control": cache_control.NO_STORE}


async def healthz(services: Services, request: Request) -> Response:
    """GET /healthz: this process can serve, at least from memory."""
    return Response(b'{"status":"ok"}', 200, _HEADERS, successful_json_answers.JSON)


async def readyz(services: Services, request: Request) -> Response:
    """GET /readyz: this process receives new events; else 503."""
    try:
        await services.ready()
    except Unavailable as why:
        # The caller did not write anything: say only the reason.
        after = {"retry-after": str(why.retry_after_s)}
        title = "Not available now"
        raise Problem(503, "unavailable", title, str(why), headers=after) from why
    return Response(b'{"status":"ready"}', 200, _HEADERS, successful_json_answers.JSON)


async def metrics(services: Services, request: Request) -> Response:
    """GET /metrics: for peers of `metrics_from`, and with an admin token."""
    header = request.headers.get
    if not is_direct(request.scope.get("client"), header, services.settings):
        await admit(services, request, "admin", None)
    return Response(services.metrics.exposition(), 200, _HEADERS, PROMETHEUS)


def is_direct(peer: object, header: HeaderValue, settings: Settings) -> bool:
    """Whether a peer of `metrics_from` makes the request itself, not as a proxy."""
    if any(header(name) is not None for name in FORWARDING_HEADERS):
        return False
    return is_trusted(peer, settings.metrics_networks)


async def openapi(services: Services, request: Request) -> Response:
    """GET /openapi.json."""
    settings = services.settings
    address_from = "public_url" if settings.public_url else "listening"
    body = document(settings.base, "forwarded" if services.forwarded else address_from)
    tag = successful_json_answers.content_tag(body)
    return successful_json_answers.read(
        request, body, tag, {"cache-control": "public, max-age=300"}
    )
