"""The live line: WebSocket, server-sent events and long poll, with one cursor.

Rules:
- `admission.decide` lets a reader in, whatever the transport. What it is then
  told is the hub's; nothing here looks into a message.
- Where the server offers the takeover, the hub gets the transport in the turn in
  which the handshake was answered, and this task ends. Everywhere else a task
  carries the reader's bytes: the plain path.
- A WebSocket is refused after its upgrade, by a close code.
- A token: `Authorization: Bearer`, the desk's cookie, or, for browsers, which set
  no headers here, `?token=`. No query is ever logged with it (`takeover`).
"""

from __future__ import annotations

import asyncio
import random
from functools import partial

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from stoppress.desk.tokens import Token
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import (
    Invalid,
    Malformed,
    MissingScope,
    NewsError,
    NotFound,
    Unauthenticated,
    Unavailable,
)
from stoppress.hub.channel import Channel
from stoppress.hub.feed_state import FeedState, ReadRights
from stoppress.hub.reader import Reader
from stoppress.hub.relayed_readers import LongPoll
from stoppress.hub.socket_readers import EventStreamReader, WebSocketReader
from stoppress.web.access import COOKIE, feed_of
from stoppress.web.line import relay
from stoppress.web.line.admission import (
    AdmissionRequest,
    Wanted,
    asked_for,
    decide,
    rights_of,
)
from stoppress.web.line.takeover import DEFLATED, TAKEOVER, Take
from stoppress.web.problems import Problem
from stoppress.web.requests import ClientDisconnected
from stoppress.web.resource import Resource
from stoppress.web.services import Services
from stoppress.wire import messages
from stoppress.wire.close_codes import CloseCode

POLL_EVENTS = 200
"""Events in one answer of a poll."""
MAX_WAIT_S = 60
"""How long a poll may wait; proxies give up after a minute."""
STREAM_HEADERS = {
    "cache-control": "no-store, no-transform",
    "x-accel-buffering": "no",
}


def routes(services: Services) -> list[BaseRoute]:
    """The routes of the live line."""
    return [
        WebSocketRoute("/v1/live", LiveRoute(services)),
        Route("/v1/live", Resource(services, {"GET": upgrade_required})),
        Route(
            "/v1/feeds/{feed}/events",
            Resource(services, {"GET": events}, shared=True),
        ),
    ]


async def upgrade_required(services: Services, request: Request) -> Response:
    """Say that this address speaks WebSocket."""
    raise Problem(
        426,
        "upgrade-required",
        "Upgrade required",
        "this address speaks WebSocket; for HTTP there is /v1/feeds/{feed}/events",
        headers={"upgrade": "websocket", "connection": "upgrade"},
    )


class LiveRoute:
    """The WebSocket of one or more feeds, as an ASGI application."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Decide, accept, and hand over."""
        await receive()  # websocket.connect
        hub = self._services.hub
        connection = HTTPConnection(scope)
        feeds: Wanted = ()
        code: int | None
        try:
            feeds = asked_for(scope["query_string"])
            rights, code = await _admitted(
                self._services, connection, tuple(feed for feed, _ in feeds)
            )
        except (Malformed, ValueError):
            code = CloseCode.BAD_REQUEST
        except Unavailable:
            code = CloseCode.BYE
        extensions = scope.get("extensions", {})
        take: Take | None = extensions.get(TAKEOVER)
        if take is not None and code is None:
            reader = WebSocketReader(hub, rights, deflated=DEFLATED in extensions)
            take(reader, partial(_follow, reader, feeds))
            return
        try:
            await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
            if code is not None:
                await _turn_away(self._services, send, code)
                return
        except OSError:
            return  # whoever asked is gone
        await relay.websocket(hub, rights, feeds, receive, send)


def _follow(reader: Reader, feeds: Wanted) -> None:
    for feed, cursor in feeds:
        reader.owner.follow(reader, feed, cursor)


async def _turn_away(services: Services, send: Send, code: int) -> None:
    if code in (CloseCode.BYE, CloseCode.TOO_MANY):
        hub = services.hub
        spread = hub.spread_ms(services.settings.retry, hub.readers())
        text = messages.bye(retry_ms=random.randint(0, spread)).decode()
        await send({"type": "websocket.send", "text": text})
    await send({"type": "websocket.close", "code": int(code), "reason": ""})


async def events(services: Services, request: Request) -> Response:
    """The events of one feed: as a stream where that is accepted, else a poll."""
    feed = feed_of(request)
    streams = "text/event-stream" in request.headers.get("accept", "")
    place = request.query_params.get("since")
    if streams:
        place = request.headers.get("last-event-id") or place
    cursor = Cursor.parse(place) if place is not None else None
    wait_s = _wait(request.query_params.get("wait", "25"))
    rights, code = await _admitted(services, request, (feed,))
    if code is CloseCode.ENDED:
        return Response(status_code=204, headers={"cache-control": "no-store"})
    if code is not None:
        raise _refusal(code, feed)
    if streams:
        return EventStream(services, feed, cursor, rights)
    return await _poll(services, feed, cursor, wait_s, rights, request.receive)


def _wait(text: str) -> float:
    if not text.isascii() or not text.isdigit() or int(text[:9]) > MAX_WAIT_S:
        raise Invalid("wait", f"{text[:20]!r}: send whole seconds, 0 to {MAX_WAIT_S}")
    return float(text)


def _refusal(code: CloseCode, feed: str) -> NewsError:
    if code is CloseCode.NOT_FOUND:
        return NotFound(feed)
    if code is CloseCode.FORBIDDEN:
        return MissingScope("read", feed)
    if code is CloseCode.UNAUTHENTICATED:
        return Unauthenticated("the token is not known here: it may have been revoked")
    full = code is CloseCode.TOO_MANY
    reason = "too many readers" if full else "the server goes away"
    return Unavailable(f"{reason}; come back in a moment", random.randint(1, 4))


class EventStream(Response):
    """An endless answer: its head is sent here, the rest by the hub."""

    media_type = "text/event-stream"

    def __init__(
        self, services: Services, feed: str, cursor: Cursor | None, rights: ReadRights
    ) -> None:
        # Not super().__init__: without a body there is no Content-Length.
        self.status_code = 200
        self.background = None
        self.init_headers(STREAM_HEADERS)
        self._services = services
        self._feed = feed
        self._cursor = cursor
        self._rights = rights

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head, and hand over."""
        hub = self._services.hub
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        take: Take | None = scope.get("extensions", {}).get(TAKEOVER)
        if take is None:
            wants: Wanted = ((self._feed, self._cursor),)
            await relay.stream(hub, self._rights, wants, receive, send)
            return
        reader = EventStreamReader(hub, self._rights)
        take(reader, partial(_follow, reader, ((self._feed, self._cursor),)))


async def _poll(
    services: Services,
    feed: str,
    since: Cursor | None,
    wait_s: float,
    rights: ReadRights,
    receive: Receive,
) -> Response:
    hub = services.hub
    channel = await hub.channel_at(feed, since)
    if since is None:
        return _answer(_page(channel, channel.ring.cursor))
    if since == channel.ring.cursor and wait_s:
        poll = LongPoll(hub, rights)
        follow = poll.enlist(feed)
        assert follow is not None
        channel.watch(follow, since.seq)
        left = asyncio.ensure_future(relay.until_disconnect(receive))
        try:
            await asyncio.wait(
                {poll.happened, left},
                timeout=wait_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            left.cancel()
            poll.leave_all()
        if left.done() and not poll.happened.done():
            raise ClientDisconnected
        if poll.closing == CloseCode.ENDED:
            return Response(status_code=204, headers={"cache-control": "no-store"})
        if poll.closing == CloseCode.NOT_FOUND:
            raise NotFound(feed)
    return _answer(_page(channel, since))


def _page(channel: Channel, since: Cursor) -> bytes:
    ring = channel.ring
    found = None
    if channel.can_resume(since):
        found = channel.messages(since.seq, POLL_EVENTS)
    if found is None:
        return b'{"reset":true,"cursor":"%b","retry_ms":%d}' % (
            str(ring.cursor).encode(),
            channel.reset_spread_ms(),
        )
    cursor = Cursor(ring.epoch, since.seq + len(found))
    return b'{"cursor":"%b","events":[%b]}' % (str(cursor).encode(), b",".join(found))


def _answer(body: bytes) -> Response:
    headers = {"cache-control": "no-store"}
    return Response(body, headers=headers, media_type="application/json")


async def _admitted(
    services: Services, connection: HTTPConnection, feeds: tuple[str, ...]
) -> tuple[ReadRights, CloseCode | None]:
    """The rights of whoever asks, and why it may not follow these feeds."""
    hub = services.hub
    secret = _secret(connection)
    token: Token | None = None
    if secret is not None:
        token = await services.tokens.check(secret)
    rights = rights_of(token)
    if len(feeds) == 1:
        found = [await _feed_state(services, feeds[0])]
    else:
        found = await asyncio.gather(*(_feed_state(services, feed) for feed in feeds))
    return rights, decide(
        AdmissionRequest(
            dict(zip(feeds, found, strict=True)),
            rights,
            token_unknown=secret is not None and token is None,
            is_leaving=hub.is_leaving,
            is_full=hub.is_full(),
            now_ms=hub.now_ms(),
        )
    )


async def _feed_state(services: Services, feed: str) -> FeedState | None:
    try:
        return (await services.hub.channel(feed)).feed_state
    except NotFound:
        return None


def _secret(connection: HTTPConnection) -> str | None:
    """The secret that was sent, if one was."""
    header = connection.headers.get("authorization")
    if header is not None:
        kind, _, secret = header.partition(" ")
        return secret.strip() if kind.lower() == "bearer" else ""
    query: str | None = connection.query_params.get("token")
    return query or connection.cookies.get(COOKIE) or None
