"""The routes of presence and leases at a feed's desk.

Presence and leases are no events and refuse no write: they only inform.
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from stoppress.domain.errors import NotFound
from stoppress.web import cache_control, request_parsing, successful_json_answers
from stoppress.web.authorization import admit, feed_of
from stoppress.web.services import Services

_SUBJECT = re.compile(r"[0-9A-Za-z]{1,64}", re.ASCII)


async def index(services: Services, request: Request) -> Response:
    """GET /v1/feeds/{feed}/presence."""
    feed = feed_of(request)
    await admit(services, request, "draft", feed)
    return _answer(await services.desk.presence.read(feed))


async def put(services: Services, request: Request) -> Response:
    """PUT /v1/feeds/{feed}/presence/{client} {on?}."""
    feed = feed_of(request)
    caller = await admit(services, request, "draft", feed)
    raw = await request_parsing.body(request, services.settings.max_body_bytes)
    client: str = request.path_params["client"]
    return _answer(
        await services.desk.presence.here(feed, client, raw, caller, _key(request))
    )


async def delete(services: Services, request: Request) -> Response:
    """DELETE /v1/feeds/{feed}/presence/{client}."""
    feed = feed_of(request)
    caller = await admit(services, request, "draft", feed)
    client: str = request.path_params["client"]
    await services.desk.presence.leave(feed, client, caller, _key(request))
    return successful_json_answers.done()


async def lease(services: Services, request: Request) -> Response:
    """PUT /v1/feeds/{feed}/leases/{subject} {client, to?}."""
    feed, subject = feed_of(request), _subject_of(request)
    caller = await admit(services, request, "draft", feed)
    raw = await request_parsing.body(request, services.settings.max_body_bytes)
    is_held, notice = await services.desk.presence.lease(
        *(feed, subject, raw, caller), _key(request)
    )
    return _answer(notice, b"true" if is_held else b"false")


async def want(services: Services, request: Request) -> Response:
    """POST /v1/feeds/{feed}/leases/{subject}/request {client}."""
    feed, subject = feed_of(request), _subject_of(request)
    caller = await admit(services, request, "draft", feed)
    raw = await request_parsing.body(request, services.settings.max_body_bytes)
    return _answer(
        await services.desk.presence.want(feed, subject, raw, caller, _key(request))
    )


async def release(services: Services, request: Request) -> Response:
    """DELETE /v1/feeds/{feed}/leases/{subject}?client=."""
    feed, subject = feed_of(request), _subject_of(request)
    caller = await admit(services, request, "draft", feed)
    client = request.query_params.get("client", "")
    await services.desk.presence.release(feed, subject, client, caller, _key(request))
    return successful_json_answers.done()


def _key(request: Request) -> str | None:
    """The Idempotency-Key, which `admit` has checked."""
    return request.headers.get("idempotency-key")


def _subject_of(request: Request) -> str:
    """The id of a post or draft in the path, which need not exist."""
    subject: str = request.path_params["subject"]
    if not _SUBJECT.fullmatch(subject):
        raise NotFound(request.path_params["feed"], subject[:100])
    return subject


def _answer(notice: bytes, held: bytes = b"") -> Response:
    """The message as the line sends it; with `held` if a lease was requested."""
    body = b'{"held":%b,%b' % (held, notice[1:]) if held else notice
    return Response(body, 200, cache_control.FULL, successful_json_answers.JSON)
