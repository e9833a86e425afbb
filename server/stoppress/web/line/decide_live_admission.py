"""Authorization of live connections, as one pure decision: `decide`.

Every transport calls it before it accepts. The result is None, or the close code of the
connection (a page can't read an HTTP refusal of a WebSocket; event streams and polls
translate the code into a status). `admitted` looks up the data for the decision, which
may await; the fast path has them in memory.

Rules, in this order:
- Too many from one address: reconnect later; nothing is looked up.
- The server shuts down: reconnect. Too many readers: reconnect later.
- A token that is sent must be known, even if none is needed. The page does not send
  the cookie by itself: an unknown cookie counts as none, and leaves the ticket beside
  it.
- A feed that does not exist, or is private and not for this token: no such feed. Only
  a token with another right on the feed gets the code that reading is not allowed.
- A feed closed more than an hour ago has no live connection.
- Any origin may read: a public feed is public on every page. The desk's cookie counts
  for the server's own origin only (`web/credential.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast
from urllib.parse import parse_qsl

from starlette.requests import HTTPConnection
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stoppress.desk.caller import Caller
from stoppress.domain.cursor import Cursor
from stoppress.domain.desk_log_name import desk_log_of, feed_behind, is_desk_log
from stoppress.domain.errors import Malformed, NotFound, TooMany, Unauthenticated
from stoppress.domain.feed import check_slug
from stoppress.guard.client_address import client_in, client_of, header_value
from stoppress.guard.open_connections import OpenConnections
from stoppress.hub.feed_status_and_access import (
    ANYONE,
    DESK_STATE,
    FeedState,
    ReadRights,
)
from stoppress.hub.reader import MAX_FOLLOWS, Reader
from stoppress.web.authorization import caller_behind, check_known, header_lookup
from stoppress.web.credential import credential_of
from stoppress.web.services import Services
from stoppress.wire.close_codes import CloseCode

Wanted = tuple[tuple[str, Cursor | None], ...]
"""The requested feeds, each with the cursor to resume from; None: from now."""


CROWDED = "stop_press.crowded"
"""In the ASGI scope of a live request whose address has too many connections."""
CACHED_QUERIES = 1024
"""Parsed queries that are cached: thousands of readers send the same one."""


def count_reader(http: HttpToolsProtocol, scope: dict[str, Any]) -> None:
    """Count a live request's connection for its client, if it came through a proxy."""
    connections = cast(object, http.connections)
    if isinstance(connections, OpenConnections):
        client = client_of(http.client, header_value(scope), connections.networks)
        if not connections.assign(http.transport, client):
            scope[CROWDED] = True


def wanted(feeds: Sequence[str], desks: Sequence[str] = ()) -> Wanted:
    """The feeds in `feed=a@cursor&desk=b`. Raises Malformed with the reason.

    A desk is followed under the name of its log.
    """
    count = len(feeds) + len(desks)
    if not 1 <= count <= MAX_FOLLOWS:
        raise Malformed(
            f"{count} feeds are requested: send 1 to {MAX_FOLLOWS}, "
            "each as feed=<slug> or feed=<slug>@<cursor>"
        )
    found: dict[str, Cursor | None] = {}
    pairs = [("feed", value) for value in feeds]
    pairs += [("desk", value) for value in desks]
    for name, value in pairs:
        slug, at, place = value.rpartition("@")
        if not at:
            slug, place = place, ""
        slug = check_slug(slug, name)
        log = desk_log_of(slug) if name == "desk" else slug
        if log in found:
            raise Malformed(f"the {name} {slug!r} is requested twice: request it once")
        found[log] = Cursor.parse(place) if at else None
    return tuple(found.items())


def has_secret(query: bytes) -> bool:
    """Whether a query may hold a secret."""
    return b"token=" in query or b"ticket=" in query


def _asked_for(query: bytes) -> Wanted:
    pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True)
    feeds = [value for name, value in pairs if name == "feed"]
    return wanted(feeds, [value for name, value in pairs if name == "desk"])


_cached = lru_cache(maxsize=CACHED_QUERIES)(_asked_for)


def asked_for(query: bytes) -> Wanted:
    """The feeds that a query requests. Raises Malformed, or ValueError if not ASCII.

    A query with a secret is not cached.
    """
    return _asked_for(query) if has_secret(query) else _cached(query)


def decide(
    feed_states: Mapping[str, FeedState | None],
    rights: ReadRights,
    *,
    token_unknown: bool,
    is_draining: bool,
    is_full: bool,
    now_ms: int,
) -> CloseCode | None:
    """None to admit the reader, or the code with which its connection is closed.

    A feed whose state is None does not exist.
    """
    if is_draining:
        return CloseCode.BYE
    if is_full:
        return CloseCode.TOO_MANY
    if token_unknown:
        return CloseCode.UNAUTHENTICATED
    for feed, feed_state in feed_states.items():
        if feed_state is None:
            return CloseCode.NOT_FOUND
        code = feed_state.refusal(feed, rights, now_ms)
        if code is not None:
            return code
    return None


async def admitted(
    services: Services, connection: HTTPConnection, feeds: tuple[str, ...]
) -> tuple[ReadRights, CloseCode | None]:
    """The rights of a connection, and the code that refuses these feeds, or None.

    Raises Unavailable.
    """
    hub = services.hub
    client = client_in(connection.scope)
    if connection.scope.get(CROWDED) or services.limits.handshake(client):
        return ANYONE, CloseCode.TOO_MANY
    credential = credential_of(
        header_lookup(connection),
        services.settings.origin,
        services.settings.desk_cookie,
        query_token=connection.query_params.get("token"),
        query_ticket=connection.query_params.get("ticket"),
    )
    is_desk = any(map(is_desk_log, feeds))
    if is_desk:
        # For the desk's person a reader's ticket does not stand in.
        credential = credential._replace(ticket="")
    caller: Caller | None = None
    token_unknown = False
    try:
        caller = await caller_behind(services, credential, client)
    except Unauthenticated:
        token_unknown = True
    except TooMany:
        return ANYONE, CloseCode.TOO_MANY
    rights = services.line_rights.of(caller)
    if caller is None and is_desk:
        # Checked whether or not the feed exists.
        return rights, CloseCode.UNAUTHENTICATED
    if len(feeds) == 1:
        found = [await _feed_state(services, caller, feeds[0])]
    else:
        found = await asyncio.gather(
            *(_feed_state(services, caller, feed) for feed in feeds)
        )
    return rights, decide(
        dict(zip(feeds, found, strict=True)),
        rights,
        token_unknown=token_unknown,
        is_draining=hub.is_draining,
        is_full=hub.is_full(),
        now_ms=hub.now_ms(),
    )


async def _feed_state(
    services: Services, caller: Caller | None, feed: str
) -> FeedState | None:
    try:
        await check_known(services, caller, feed_behind(feed))
        if is_desk_log(feed) and not services.line_rights.of(caller).may_read(feed):
            await services.hub.channel(feed_behind(feed))
            return DESK_STATE
        return (await services.hub.channel(feed)).feed_state
    except NotFound:
        return None


def follow(reader: Reader, feeds: Wanted) -> None:
    """Let the reader follow these feeds, each from its cursor."""
    for feed, cursor in feeds:
        reader.owner.follow(reader, feed, cursor)
