"""The route of the audit, for admins: who did what, when, from where."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stoppress.domain.audit import AuditEntry
from stoppress.domain.feed import check_slug
from stoppress.web import cache_control, request_parsing, successful_json_answers
from stoppress.web.authorization import admit
from stoppress.web.services import Services

PAGE_ENTRIES = 50
MAX_PAGE_ENTRIES = 200


async def index(services: Services, request: Request) -> Response:
    """GET /v1/audit?feed=&before=&limit=: entries, newest first."""
    await admit(services, request, "admin", None)
    query = request.query_params
    feed = query.get("feed")
    if feed is not None:
        check_slug(feed, "feed")
    limit = request_parsing.whole_number(
        request, "limit", PAGE_ENTRIES, MAX_PAGE_ENTRIES
    )
    page = await services.audit.page(feed, query.get("before", ""), limit)
    rest = None
    if page.next is not None:
        given = {"feed": feed or "", "before": page.next, "limit": query.get("limit")}
        named = {name: value for name, value in given.items() if value}
        rest = f"/v1/audit?{urlencode(named)}"
    body = msgspec.json.encode(
        {"entries": [_shown(at, entry) for at, entry in page.entries], "next": rest}
    )
    headers = {"cache-control": cache_control.PRIVATE}
    return Response(body, 200, headers, successful_json_answers.JSON)


def _shown(at: str, entry: AuditEntry) -> dict[str, Any]:
    kept: dict[str, Any] = msgspec.to_builtins(entry)
    return {"at": at, "before": {}, "after": {}, "from": "", **kept}
