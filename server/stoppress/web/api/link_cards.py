"""The route of link cards: a page's description of itself, for the desk."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stoppress.desk.idempotency_key_without_kept_answer import under_key
from stoppress.desk.post_ids_and_idempotency_keys import idempotency_of
from stoppress.domain.errors import TooMany
from stoppress.web import cache_control, request_parsing, successful_json_answers
from stoppress.web.authorization import admit, feed_of, visible
from stoppress.web.services import Services


async def create(services: Services, request: Request) -> Response:
    """POST /v1/feeds/{feed}/link-cards: the card of a page, to be put into a post."""
    feed = feed_of(request)
    caller = await admit(services, request, "draft", feed)
    await visible(services, caller, feed)
    raw = await request_parsing.body(request, services.settings.max_body_bytes)
    path = f"/v1/feeds/{feed}/link-cards"
    requester = request_parsing.requester(request.headers, caller.id)
    if wait_s := services.limits.link_card(caller.id):
        raise TooMany("link cards", wait_s)
    async with under_key(
        services.store, feed, idempotency_of(requester, "POST", path, raw)
    ):
        card = await services.link_cards.card(raw)
    body = msgspec.json.encode(card)
    return Response(
        body,
        200,
        {"cache-control": cache_control.PRIVATE},
        successful_json_answers.JSON,
    )
