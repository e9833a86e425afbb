"""Who may open a live line, and on which feeds: one pure decision, `decide`.

Every transport asks here, before it accepts. The answer is None, or the code
with which the line ends (a page can't read an HTTP refusal of a WebSocket; event
streams and polls turn the code into a status). `admitted` looks up what decides,
where that may take a while; the fast path has it at hand.

Rules, in this order:
- The server leaves: come back. Too many readers: come back later.
- A token that is sent must be known, also where none is needed. A cookie is not sent
  by the page: one that is not known is nobody's.
- A feed that is not there, or private and not for this token: no such feed. Only
  a token that may do something else with it is told that reading is not allowed.
- A feed that closed more than an hour ago has no line any more.
- Any origin may read: what is public is public on every page. The desk's cookie counts
  for our own origin alone (`web/credential.py`).
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
"""The feeds asked for, each with where to go on from, or None: from now."""


SECRET = b"token="
"""What stands before a secret in a query."""
QUERIES = 1024
"""Queries of which is remembered what they ask for: thousands come with the same."""


@dataclass(frozen=True, slots=True)
class TokenRights:
    """The rights that a token gives on the live line."""

    token: Token

    def may_read(self, feed: str) -> bool:
        """Whether the token reads this feed though it is private."""
        return self.token.may("read", feed)

    def may_know(self, feed: str) -> bool:
        """Whether the token may do anything with this feed."""
        # Every scope includes `read` today; one that does not is told apart here.
        return self.token.may("read", feed)


def rights_of(token: Token | None) -> ReadRights:
    """What a reader with this token may do."""
    return ANYONE if token is None else TokenRights(token)


def wanted(values: Sequence[str]) -> Wanted:
    """The feeds in `feed=a@cursor&feed=b`. Raises Malformed, saying what is wrong."""
    if not 1 <= len(values) <= MAX_FOLLOWS:
        raise Malformed(
            f"{len(values)} feeds are asked for; name 1 to {MAX_FOLLOWS}, "
            "each as feed=<slug> or feed=<slug>@<cursor>"
        )
    found: dict[str, Cursor | None] = {}
    for value in values:
        slug, at, place = value.rpartition("@")
        if not at:
            slug, place = place, ""
        if check_slug(slug, "feed") in found:
            raise Malformed(f"the feed {slug!r} is asked for twice")
        found[slug] = Cursor.parse(place) if at else None
    return tuple(found.items())


def _asked_for(query: bytes) -> Wanted:
    pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True)
    return wanted([value for name, value in pairs if name == "feed"])


_remembered = lru_cache(maxsize=QUERIES)(_asked_for)


def asked_for(query: bytes) -> Wanted:
    """The feeds that a query asks for. Raises Malformed, or ValueError if unreadable.

    What holds a secret is remembered nowhere.
    """
    return _asked_for(query) if SECRET in query else _remembered(query)


class AdmissionRequest(NamedTuple):
    """Everything that decides, as it is now. `facts` None: there is no such feed."""

    feed_state: Mapping[str, FeedState | None]
    rights: ReadRights
    token_unknown: bool
    is_leaving: bool
    is_full: bool
    now_ms: int


def decide(asked: AdmissionRequest) -> CloseCode | None:
    """None to let the reader in, or the code with which its line ends."""
    if asked.is_leaving:
        return CloseCode.BYE
    if asked.is_full:
        return CloseCode.TOO_MANY
    if asked.token_unknown:
        return CloseCode.UNAUTHENTICATED
    for feed, feed_state in asked.feed_state.items():
        if feed_state is None:
            return CloseCode.NOT_FOUND
        code = feed_state.refusal(feed, asked.rights, asked.now_ms)
        if code is not None:
            return code
    return None


async def admitted(
    services: Services, connection: HTTPConnection, feeds: tuple[str, ...]
) -> tuple[ReadRights, CloseCode | None]:
    """The rights of whoever asks, and why it may not follow these feeds.

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


def follow(reader: Reader, feeds: Wanted) -> None:
    """Have the reader follow these feeds, each from where it was asked for."""
    for feed, cursor in feeds:
        reader.owner.follow(reader, feed, cursor)
