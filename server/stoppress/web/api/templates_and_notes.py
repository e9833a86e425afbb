"""The routes of the newsroom's templates, and of the notes on posts."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stoppress.desk.caller import Caller, Scope
from stoppress.desk.post_ids_and_idempotency_keys import check_idempotency_key
from stoppress.desk.stored_draft_from_input_and_to_post import person_behind
from stoppress.desk.templates_and_post_notes import TaggedNotes
from stoppress.domain.errors import MissingScope
from stoppress.web import cache_control, request_parsing, successful_json_answers
from stoppress.web.authorization import (
    admit,
    check_write_rate,
    feed_of,
    signed_in,
)
from stoppress.web.services import Services


async def index(services: Services, request: Request) -> Response:
    """GET /v1/templates: for all who may draft on any feed."""
    await _in_newsroom(services, request, "draft")
    return _json({"templates": await services.desk.templates.all()})


async def put(services: Services, request: Request) -> Response:
    """PUT /v1/templates/{template}: for all who may publish on any feed."""
    caller = await _in_newsroom(services, request, "publish")
    ident: str = request.path_params["template"]
    requester = request_parsing.requester(request.headers, caller.id)
    raw = await request_parsing.body(request, services.settings.max_body_bytes)
    by = person_behind(caller)
    return _json(await services.desk.templates.put(ident, raw, by, requester))


async def drop(services: Services, request: Request) -> Response:
    """DELETE /v1/templates/{template}."""
    caller = await _in_newsroom(services, request, "publish")
    ident: str = request.path_params["template"][:100]
    requester = request_parsing.requester(request.headers, caller.id)
    await services.desk.templates.drop(ident, requester)
    return successful_json_answers.done()


async def notes(services: Services, request: Request) -> Response:
    """GET /v1/feeds/{feed}/posts/{post}/notes."""
    feed = feed_of(request)
    await admit(services, request, "publish", feed)
    post: str = request.path_params["post"]
    await services.store.post(feed, post)
    return _notes(await services.desk.post_notes.of(feed, post))


async def put_notes(services: Services, request: Request) -> Response:
    """PUT /v1/feeds/{feed}/posts/{post}/notes; If-Match is optional."""
    feed = feed_of(request)
    caller = await admit(services, request, "publish", feed)
    post: str = request.path_params["post"]
    requester = request_parsing.requester(request.headers, caller.id)
    raw = await request_parsing.body(request, services.settings.max_body_bytes)
    by, tags = person_behind(caller), request_parsing.expected_tags(request.headers)
    made = await services.desk.post_notes.put(feed, post, raw, by, requester, tags)
    return _notes(made)


async def _in_newsroom(services: Services, request: Request, scope: Scope) -> Caller:
    """The caller, if it has the scope on any feed. Raises as `admit`."""
    caller = await signed_in(services, request)
    if not caller.has(scope):
        raise MissingScope(scope)
    if request.method != "GET":
        check_write_rate(services, caller.id, None)
        if (key := request.headers.get("idempotency-key")) is not None:
            check_idempotency_key(key)
    return caller


def _notes(made: TaggedNotes) -> Response:
    return _json(made.notes, {"etag": f'"{made.tag}"'})


def _json(content: object, headers: Mapping[str, str] = {}) -> Response:
    body = msgspec.json.encode(content)
    return Response(
        body, 200, {**headers, **cache_control.FULL}, successful_json_answers.JSON
    )
