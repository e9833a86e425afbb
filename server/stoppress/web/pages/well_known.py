"""`robots.txt` and `security.txt` (RFC 9116).

Rules: search engines may read pages, but not the API, the live line, frames and the
desk. `security.txt` expires a year after the request, so it is never stale; it exists
only if the setting `security_contact` is set.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from stoppress.web.problems import Problem
from stoppress.web.services import Services

PLAIN = "text/plain; charset=utf-8"
CACHED = {"cache-control": "public, max-age=3600", "x-content-type-options": "nosniff"}
VALID_FOR = timedelta(days=365)
KEPT_OUT = ("/v1/", "/desk", "/embed/", "/metrics")


async def robots(services: Services, request: Request) -> Response:
    """GET /robots.txt."""
    settings = services.settings
    lines = [
        "User-agent: *",
        *(f"Disallow: {settings.root}{path}" for path in KEPT_OUT),
        f"Sitemap: {settings.base}/sitemap.xml",
    ]
    return Response("\n".join([*lines, ""]), 200, CACHED, PLAIN)


async def security(services: Services, request: Request) -> Response:
    """GET /.well-known/security.txt."""
    settings = services.settings
    if not settings.security_contact:
        raise Problem(404, "not-found", "Not Found", "no contact is set here")
    expires = datetime.now(UTC).replace(microsecond=0) + VALID_FOR
    lines = [
        f"Contact: {settings.security_contact}",
        f"Expires: {expires.isoformat().replace('+00:00', 'Z')}",
        "Preferred-Languages: en",
        f"Canonical: {settings.base}/.well-known/security.txt",
    ]
    return Response("\n".join([*lines, ""]), 200, CACHED, PLAIN)
