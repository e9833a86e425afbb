"""The live line as server-sent events: `GET /v1/feeds/{feed}/events`, one feed.

Rules:
- Its head is sent here, the rest by the hub, which gets the transport where the
  server offers the takeover; elsewhere this task carries the bytes (`relay`).
- It has no Content-Length, and no proxy may hold it back or change it.
"""

from __future__ import annotations

from functools import partial

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from stoppress.domain.cursor import Cursor
from stoppress.hub.feed_state import ReadRights
from stoppress.hub.socket_readers import EventStreamReader
from stoppress.web.line import relay
from stoppress.web.line.admission import Wanted, follow
from stoppress.web.line.takeover import TAKEOVER, Take
from stoppress.web.services import Services

STREAM_HEADERS = {
    "cache-control": "no-store, no-transform",
    "x-accel-buffering": "no",
}


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
        take(reader, partial(follow, reader, ((self._feed, self._cursor),)))
