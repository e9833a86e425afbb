"""The routes of export and import of whole feeds, for admins.

Rules: a copy is the JSON of a feed or post in this API; importing it again changes
nothing. The list of withdrawn posts is for admins too, as readers must not see their
ids any more.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stoppress.domain.errors import MissingScope
from stoppress.web import cache_control, request_parsing, successful_json_answers
from stoppress.web.api.posts import outcome, post_of
from stoppress.web.authorization import admit, check_write_rate, feed_of, signed_in
from stoppress.web.services import Services
from stoppress.wire.encode_messages import public_feed

COPY_BYTES = 4096
"""How much longer than a draft (`max_body_bytes`) a copy may be: it also contains
members set by the server, such as id and times."""
SCANNED = 200
"""Entries scanned for one page of withdrawn posts, by default and about."""
MOST_SCANNED = 1000


async def put_feed(services: Services, request: Request) -> Response:
    """PUT /v1/feeds/{feed}: create it, or update it to the copy."""
    feed = feed_of(request)
    caller = await signed_in(services, request)
    if not caller.may("admin", feed):
        # Checked without a look-up of the feed, which may not exist yet.
        raise MissingScope("admin", feed)
    check_write_rate(services, caller.id, feed)
    requester = request_parsing.requester(request.headers, caller.id)
    raw = await _body(services, request)
    made = await services.desk.imports.put_feed(feed, raw, requester)
    services.snapshots.record_write(feed, made.cursor, listed=True)
    return successful_json_answers.written(
        public_feed(made.body, services.settings.base),
        rev=made.rev,
        status=201 if made.created else 200,
    )


async def put_post(services: Services, request: Request) -> Response:
    """PUT /v1/feeds/{feed}/posts/{id}: create it, or update it to the copy."""
    feed, name = feed_of(request), post_of(request)
    caller = await admit(services, request, "admin", feed)
    requester = request_parsing.requester(request.headers, caller.id)
    raw = await _body(services, request)
    made = await services.desk.imports.put_post(feed, name, raw, requester)
    services.snapshots.record_write(feed, made.cursor)
    return successful_json_answers.written(
        outcome(services, feed, made),
        rev=made.rev,
        status=201 if made.created else 200,
        cache=cache_control.FULL,
    )


async def put_withdrawn(services: Services, request: Request) -> Response:
    """PUT /v1/feeds/{feed}/withdrawn/{id}: withdraw it, existing here or not."""
    feed, name = feed_of(request), post_of(request)
    caller = await admit(services, request, "admin", feed)
    requester = request_parsing.requester(request.headers, caller.id)
    raw = await _body(services, request)
    cursor = await services.desk.imports.put_withdrawn(feed, name, raw, requester)
    if cursor is not None:
        services.snapshots.record_write(feed, cursor)
    return successful_json_answers.done()


async def withdrawn(services: Services, request: Request) -> Response:
    """GET /v1/feeds/{feed}/withdrawn?after=&limit=: the withdrawn posts."""
    feed = feed_of(request)
    await admit(services, request, "admin", feed)
    limit = request_parsing.whole_number(request, "limit", SCANNED, MOST_SCANNED)
    page = await services.store.withdrawn(
        feed, request.query_params.get("after", ""), limit
    )
    posts: list[dict[str, Any]] = [
        {"id": one.post, "rev": one.rev}
        | ({"external_id": one.external_id} if one.external_id else {})
        | ({"taken_down": True} if one.is_taken_down else {})
        for one in page.posts
    ]
    onward = None
    if page.next is not None:
        query = {"after": page.next}
        if "limit" in request.query_params:
            query["limit"] = str(limit)
        onward = f"/v1/feeds/{feed}/withdrawn?{urlencode(query)}"
    body = msgspec.json.encode({"withdrawn": posts, "next": onward})
    return Response(
        body,
        200,
        {"cache-control": cache_control.PRIVATE},
        successful_json_answers.JSON,
    )


async def _body(services: Services, request: Request) -> bytes:
    limit = services.settings.max_body_bytes
    return await request_parsing.body(request, limit and limit + COPY_BYTES)
