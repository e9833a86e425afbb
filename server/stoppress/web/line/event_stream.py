"""The live line as server-sent events: `GET /v1/feeds/{feed}/events`, one feed.

Rules:
- Its head is sent here, the rest by the hub, which gets the transport if the server
  offers the takeover; otherwise this task relays the bytes
  (`relay_reader_over_asgi.py`).
- It has no Content-Length, and its headers forbid proxies to buffer or change it. In
  HTTP/1.0 it has no chunks, and ends with its connection.
- If it can't be served now, the response is still a stream, with the time to retry.
"""

from __future__ import annotations

from functools import partial

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from stoppress.domain.cursor import Cursor
from stoppress.hub.feed_status_and_access import ReadRights
from stoppress.hub.socket_readers import EventStreamReader
from stoppress.web.line import relay_reader_over_asgi
from stoppress.web.line.decide_live_admission import Wanted, follow
from stoppress.web.line.takeover import TAKEOVER, UNCHUNKED, Take
from stoppress.web.services import Services
from stoppress.wire import encode_frames, encode_messages

STREAM_HEADERS = {
    "cache-control": "no-store, no-transform",
    "x-accel-buffering": "no",
}


def retry_later(retry_ms: int) -> Response:
    """A stream that tells its client to reconnect after `retry_ms`, and ends."""
    body = encode_frames.sse_retry(retry_ms) + encode_frames.sse(
        "bye", encode_messages.bye(retry_ms=retry_ms)
    )
    return Response(body, headers=STREAM_HEADERS, media_type="text/event-stream")


def ended() -> Response:
    """204: the feed has ended, and an EventSource does not reconnect after this."""
    return Response(status_code=204, headers={"cache-control": "no-store"})


class EventStream(Response):
    """A response without an end: its head is sent here, the rest by the hub."""

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
        """Send the head, and hand the connection to the hub."""
        hub = self._services.hub
        extensions = scope.get("extensions", {})
        is_chunked = UNCHUNKED not in extensions
        if not is_chunked:
            extensions[UNCHUNKED]()
        is_head = scope["method"] == "HEAD"
        take: Take | None = extensions.get(TAKEOVER)
        headers = self.raw_headers
        if take is not None and is_chunked and not is_head:
            # RFC 9112, 9.6: the connection is closed after the last chunk. A client
            # that was not told sends its next request there, and it is reset.
            headers = [*headers, (b"connection", b"close")]
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": headers,
            }
        )
        if is_head:
            await send({"type": "http.response.body", "body": b""})
            return
        if take is None:
            wants: Wanted = ((self._feed, self._cursor),)
            await relay_reader_over_asgi.stream(hub, self._rights, wants, receive, send)
            return
        reader = EventStreamReader(hub, self._rights, chunked=is_chunked)
        take(reader, partial(follow, reader, ((self._feed, self._cursor),)))
