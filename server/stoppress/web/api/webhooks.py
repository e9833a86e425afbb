"""The webhook routes: create, list, delete, list failed deliveries and resend them."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stoppress.desk.webhooks_and_dead_letters import Webhook
from stoppress.web import cache_control, request_parsing, successful_json_answers
from stoppress.web.authorization import admit, feed_of
from stoppress.web.services import Services

DEAD_LETTERS = 100
MAX_LETTER_ID = 128
"""Characters of a dead letter's id: more are none's."""


async def index(services: Services, request: Request) -> Response:
    """GET /v1/feeds/{feed}/webhooks: without their secrets."""
    feed = feed_of(request)
    await admit(services, request, "manage", feed)
    found = await services.desk.webhooks.all(feed)
    return _json({"webhooks": [_shown(hook) for hook in found]})


async def make(services: Services, request: Request) -> Response:
    """POST /v1/feeds/{feed}/webhooks: only this answer contains the secret."""
    feed = feed_of(request)
    caller = await admit(services, request, "manage", feed)
    requester = request_parsing.requester(request.headers, caller.id)
    raw = await request_parsing.body(request, services.settings.max_body_bytes)
    hook, repeated = await services.desk.webhooks.make(feed, raw, requester)
    status = 200 if repeated else 201
    return _json({**_shown(hook), "secret": hook.secret}, status)


async def drop(services: Services, request: Request) -> Response:
    """DELETE /v1/feeds/{feed}/webhooks/{webhook}."""
    feed = feed_of(request)
    caller = await admit(services, request, "manage", feed)
    hook: str = request.path_params["webhook"][:64]
    requester = request_parsing.requester(request.headers, caller.id)
    await services.desk.webhooks.drop(feed, hook, requester)
    return successful_json_answers.done()


async def dead_letters(services: Services, request: Request) -> Response:
    """GET /v1/feeds/{feed}/dead-letters: the newest 100."""
    feed = feed_of(request)
    await admit(services, request, "manage", feed)
    found = await services.desk.webhooks.dead_letters(feed, DEAD_LETTERS)
    return _json({"dead_letters": found})


async def resend(services: Services, request: Request) -> Response:
    """POST /v1/feeds/{feed}/webhooks/{webhook}/dead-letters/{letter}/resend.

    Without `{letter}/`: all of the webhook. It is queued: the process that holds the
    webhook sends it.
    """
    feed = feed_of(request)
    caller = await admit(services, request, "manage", feed)
    requester = request_parsing.requester(request.headers, caller.id)
    hook: str = request.path_params["webhook"][:64]
    letter: str | None = request.path_params.get("letter")
    letter = letter and letter[:MAX_LETTER_ID]
    queued = await services.desk.webhooks.resend(feed, hook, letter, requester)
    return _json({"queued": queued}, 202)


def _shown(hook: Webhook) -> dict[str, object]:
    return {
        "id": hook.id,
        "url": hook.url,
        "events": hook.events,
        "created_at": hook.created_at,
    }


def _json(content: object, status: int = 200) -> Response:
    body = msgspec.json.encode(content)
    return Response(body, status, cache_control.FULL, successful_json_answers.JSON)
