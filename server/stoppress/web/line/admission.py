"""Authorization of live connections, as one pure decision: `decide`.

Every transport calls it before it accepts. The result is None, or the close code of the
connection (a page can't read an HTTP refusal of a WebSocket; event streams and polls
translate the code into a status). `admitted` looks up the data for the decision, which
may await; the fast path has them in memory.

Rules, in this order:
- The server shuts down: reconnect. Too many readers: reconnect later.
- A token that is sent must be known, even if none is needed. The page does not send
  the cookie by itself: an unknown cookie counts as none.
- A feed that does not exist, or is private and not for this token: no such feed. Only
  a token with another right on the feed gets the code that reading is not allowed.
- A feed closed more than an hour ago has no live connection.
- Any origin may read: a public feed is public on every page. The desk's cookie counts
  for the server's own origin only (`web/credential.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl

from starlette.requests import HTTPConnection

from stoppress.desk.tokens import Token
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Malformed, NotFound, Unauthenticated
from stoppress.domain.feed import check_slug
from stoppress.hub.feed_state import ANYONE, FeedState, ReadRights
from stoppress.hub.reader import MAX_FOLLOWS, Reader
from stoppress.web.authorization import header_lookup, token_behind
from stoppress.web.credential import credential_of
from stoppress.web.services import Services
from stoppress.wire.close_codes import CloseCode

Wanted = tuple[tuple[str, Cursor | None], ...]
"""The requested feeds, each with the cursor to resume from; None: from now."""


SECRET = b"token="
"""The parameter that holds a secret in a query."""
CACHED_QUERIES = 1024
"""Parsed queries that are cached: thousands of readers send the same one."""


@dataclass(frozen=True, slots=True)
class TokenRights:
    """The rights that a token gives on the live line."""

    token: Token

    def may_read(self, feed: str) -> bool:
        """Whether the token may read this feed if it is private."""
        return self.token.may("read", feed)

    def may_know(self, feed: str) -> bool:
        """Whether the token may do anything with this feed."""
        # Every scope includes `read` today; one that does not belongs here.
        return self.token.may("read", feed)


def rights_of(token: Token | None) -> ReadRights:
    """The rights of a reader with this token."""
    return ANYONE if token is None else TokenRights(token)


def wanted(values: Sequence[str]) -> Wanted:
    """The feeds in `feed=a@cursor&feed=b`. Raises Malformed with the reason."""
    if not 1 <= len(values) <= MAX_FOLLOWS:
        raise Malformed(
            f"{len(values)} feeds are requested: send 1 to {MAX_FOLLOWS}, "
            "each as feed=<slug> or feed=<slug>@<cursor>"
        )
    found: dict[str, Cursor | None] = {}
    for value in values:
        slug, at, place = value.rpartition("@")
        if not at:
            slug, place = place, ""
        if check_slug(slug, "feed") in found:
            raise Malformed(f"the feed {slug!r} is requested twice")
        found[slug] = Cursor.parse(place) if at else None
    return tuple(found.items())


def _asked_for(query: bytes) -> Wanted:
    pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True)
    return wanted([value for name, value in pairs if name == "feed"])


_cached = lru_cache(maxsize=CACHED_QUERIES)(_asked_for)


def asked_for(query: bytes) -> Wanted:
    """The feeds that a query requests. Raises Malformed, or ValueError if not ASCII.

    A query with a secret is not cached.
    """
    return _asked_for(query) if SECRET in query else _cached(query)


class AdmissionRequest(NamedTuple):
    """The input of `decide`. A `feed_state` of None: the feed does not exist."""

    feed_state: Mapping[str, FeedState | None]
    rights: ReadRights
    token_unknown: bool
    is_draining: bool
    is_full: bool
    now_ms: int


def decide(request: AdmissionRequest) -> CloseCode | None:
    """None to admit the reader, or the code with which its connection is closed."""
    if request.is_draining:
        return CloseCode.BYE
    if request.is_full:
        return CloseCode.TOO_MANY
    if request.token_unknown:
        return CloseCode.UNAUTHENTICATED
    for feed, feed_state in request.feed_state.items():
        if feed_state is None:
            return CloseCode.NOT_FOUND
        code = feed_state.refusal(feed, request.rights, request.now_ms)
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
    credential = credential_of(
        header_lookup(connection),
        services.settings.origin,
        query_token=connection.query_params.get("token"),
    )
    token: Token | None = None
    token_unknown = False
    try:
        token = await token_behind(services, credential)
    except Unauthenticated:
        token_unknown = True
    rights = rights_of(token)
    if len(feeds) == 1:
        found = [await _feed_state(services, feeds[0])]
    else:
        found = await asyncio.gather(*(_feed_state(services, feed) for feed in feeds))
    return rights, decide(
        AdmissionRequest(
            dict(zip(feeds, found, strict=True)),
            rights,
            token_unknown=token_unknown,
            is_draining=hub.is_draining,
            is_full=hub.is_full(),
            now_ms=hub.now_ms(),
        )
    )


async def _feed_state(services: Services, feed: str) -> FeedState | None:
    try:
        return (await services.hub.channel(feed)).feed_state
    except NotFound:
        return None


def follow(reader: Reader, feeds: Wanted) -> None:
    """Let the reader follow these feeds, each from its cursor."""
    for feed, cursor in feeds:
        reader.owner.follow(reader, feed, cursor)
