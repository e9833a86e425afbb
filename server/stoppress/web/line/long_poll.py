"""The live line as a long poll: `GET /v1/feeds/{feed}/events?since=&wait=`.

Rules:
- Events that exist already are answered at once; at the head, the response waits for
  the next event, `wait` seconds at most.
- It ends when its client disconnects, not only after its time. A client that closes
  only its side is answered at once: no other request of it can follow.
"""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Invalid, MissingScope, NotFound, Unauthenticated
from stoppress.domain.store_requests_and_results import PAGE_BYTES
from stoppress.hub.asgi_and_long_poll_readers import LongPoll
from stoppress.hub.channel import Channel
from stoppress.hub.feed_status_and_access import ReadRights
from stoppress.web.line import relay_reader_over_asgi
from stoppress.web.line.event_stream import ended
from stoppress.web.line.takeover import HALF_CLOSED
from stoppress.web.request_parsing import ClientDisconnected, decimal
from stoppress.web.services import Services
from stoppress.wire.close_codes import CloseCode

POLL_EVENTS = 200
"""Events per response of a poll."""
MAX_WAIT_S = 60
"""Longest `wait` of a poll; proxies time out after a minute."""


def wait_s_of(text: str) -> float:
    """The seconds in `wait=`. Raises Invalid."""
    seconds = decimal(text)
    if seconds is None or seconds > MAX_WAIT_S:
        raise Invalid("wait", f"{text[:20]!r}: send whole seconds, 0 to {MAX_WAIT_S}")
    return float(seconds)


async def poll(
    services: Services,
    feed: str,
    since: Cursor | None,
    wait_s: float,
    rights: ReadRights,
    request: Request,
) -> Response:
    """Answer with the events after `since`, waiting for one at the head.

    Raises NotFound, Unavailable, ClientDisconnected.
    """
    hub = services.hub
    channel = await hub.channel_at(feed, since)
    if since is None:
        return _answer(_page(channel, channel.cursor))
    if since == channel.cursor and wait_s:
        # The rights may have ended during the wait for the channel.
        _check(channel.feed_state.bar(feed, rights), feed)
        poll = LongPoll(hub, rights)
        follow = poll.add_follow(feed)
        assert follow is not None  # noqa: S101 (for the type checker)
        channel.join_silently(follow, since.seq)
        left = asyncio.ensure_future(
            relay_reader_over_asgi.until_disconnect(request.receive)
        )
        on_half_close = request.scope.get("extensions", {}).get(HALF_CLOSED)
        if on_half_close is not None:
            on_half_close(poll.finish)
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
            return ended()
        _check(poll.closing, feed)
    return _answer(_page(channel, since))


def _check(code: int | None, feed: str) -> None:
    """Raises what a refusal of the live line is on a poll."""
    if code == CloseCode.NOT_FOUND:
        raise NotFound(feed)
    if code == CloseCode.FORBIDDEN:
        raise MissingScope("read", feed)
    if code == CloseCode.UNAUTHENTICATED:
        raise Unauthenticated("the credential was revoked or has expired: use another")


def _page(channel: Channel, since: Cursor) -> bytes:
    found = channel.messages_after(since, POLL_EVENTS)
    if found is not None:
        found = _within(found, PAGE_BYTES)
    if found is None:
        return b'{"reset":true,"cursor":"%b","retry_ms":%d}' % (
            str(channel.cursor).encode(),
            channel.reset_spread_ms(),
        )
    cursor = Cursor(since.epoch, since.seq + len(found))
    return b'{"cursor":"%b","events":[%b]}' % (str(cursor).encode(), b",".join(found))


def _within(messages: list[bytes], most: int) -> list[bytes]:
    """The first messages; those after the first begin within `most` bytes."""
    size = 0
    for count, message in enumerate(messages):
        if size >= most:
            return messages[:count]
        size += len(message)
    return messages


def _answer(body: bytes) -> Response:
    headers = {"cache-control": "no-store"}
    return Response(body, headers=headers, media_type="application/json")
