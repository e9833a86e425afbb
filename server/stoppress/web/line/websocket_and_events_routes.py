"""The HTTP routes of the live line, and the transport of each.

Rules:
- `decide_live_admission` decides on every reader, for all transports. The hub makes the
  messages; nothing here parses one.
- One address, `/v1/feeds/{feed}/events`, is an event stream if the client accepts one,
  else a long poll. Both are refused by an HTTP status, except a stream whose client
  should reconnect: it gets a short stream, because an EventSource stops for good at any
  status but 200.
"""

from __future__ import annotations

import random

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import (
    MissingScope,
    NotFound,
    StopPressError,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from stoppress.guard.request_context import CURRENT
from stoppress.web.authorization import feed_of
from stoppress.web.dispatch_cors_and_write_pacing import Resource
from stoppress.web.line.accepts_event_stream import accepts_event_stream
from stoppress.web.line.decide_live_admission import admitted
from stoppress.web.line.event_stream import EventStream, ended, retry_later
from stoppress.web.line.long_poll import poll, wait_s_of
from stoppress.web.line.websocket_not_found import WebSocketNotFound
from stoppress.web.line.websocket_route import LiveWebSocketRoute
from stoppress.web.problems import Problem
from stoppress.web.services import Services
from stoppress.wire.close_codes import CloseCode


def routes(services: Services) -> list[BaseRoute]:
    """The routes of the live line."""
    return [
        WebSocketRoute("/v1/live", LiveWebSocketRoute(services)),
        Route("/v1/live", Resource(services, {"GET": upgrade_required})),
        Route(
            "/v1/feeds/{feed}/events",
            Resource(services, {"GET": events}, shared=True),
        ),
        WebSocketRoute("/{path:path}", WebSocketNotFound(services.settings.root)),
    ]


async def upgrade_required(services: Services, request: Request) -> Response:
    """Answer 426: this address is a WebSocket."""
    raise Problem(
        426,
        "upgrade-required",
        "Upgrade required",
        "this address is a WebSocket: for HTTP use /v1/feeds/{feed}/events",
        headers={"upgrade": "websocket", "connection": "upgrade"},
    )


async def events(services: Services, request: Request) -> Response:
    """The events of one feed: a stream if the client accepts one, else a poll."""
    feed = feed_of(request)
    if accepts_event_stream(request.headers.getlist("accept")):
        return await _stream(services, request, feed)
    since = request.query_params.get("since")
    cursor = Cursor.parse(since) if since is not None else None
    wait_s = wait_s_of(request.query_params.get("wait", "25"))
    rights, code = await admitted(services, request, (feed,))
    if code is CloseCode.ENDED:
        return ended()
    if code is not None:
        raise _refusal(code, feed)
    return await poll(services, feed, cursor, wait_s, rights, request)


async def _stream(services: Services, request: Request, feed: str) -> Response:
    query = request.query_params
    # Clients that can't set a header send the last id in the query.
    last = request.headers.get("last-event-id") or query.get("lastEventId")
    since = last or query.get("since")
    cursor = Cursor.parse(since) if since is not None else None
    try:
        rights, code = await admitted(services, request, (feed,))
    except Unavailable:
        return _retry_later(services)
    if code is CloseCode.ENDED:
        return ended()
    if code in (CloseCode.BYE, CloseCode.TOO_MANY):
        return _retry_later(services, code)
    if code is not None:
        raise _refusal(code, feed)
    return EventStream(services, feed, cursor, rights)


def _retry_later(services: Services, code: CloseCode = CloseCode.BYE) -> Response:
    if (context := CURRENT.get()) is not None:
        is_full = code is CloseCode.TOO_MANY
        context.reason = "too-many" if is_full else "unavailable"
    hub = services.hub
    spread_ms = hub.spread_ms(services.settings.retry_ms, hub.readers())
    return retry_later(random.randint(0, spread_ms))  # noqa: S311 (spreads load, no secret)


def _refusal(code: CloseCode, feed: str) -> StopPressError:
    if code is CloseCode.NOT_FOUND:
        return NotFound(feed)
    if code is CloseCode.FORBIDDEN:
        return MissingScope("read", feed)
    if code is CloseCode.UNAUTHENTICATED:
        return Unauthenticated("the token is unknown: it may have been revoked")
    wait_s = random.randint(1, 4)  # noqa: S311 (spreads load, no secret)
    if code is CloseCode.TOO_MANY:
        return TooMany("readers", wait_s)
    return Unavailable("the server is shutting down: reconnect in a moment", wait_s)
