"""Who asks, and what they may: one place for every route.

Rules:
- A bearer token, or the desk's cookie, which holds the token itself. A token
  that is sent and not known is 401 everywhere, also where none is needed.
- The cookie may write only from our own pages: the browser says where a request
  comes from (Sec-Fetch-Site, else Origin), and a request that doesn't say is
  refused.
- A private feed does not exist for whoever may not read it: 404 in every answer.
- A write without a token is 401 whether the feed is there or not.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request

from stoppress.desk.tokens import Scope, Token
from stoppress.domain.errors import (
    Invalid,
    MissingScope,
    NotFound,
    Refused,
    Unauthenticated,
)
from stoppress.domain.feed import Visibility, check_slug
from stoppress.web.services import Services

COOKIE = "stoppress_desk"
"""Set by the desk on sign-in: HttpOnly, SameSite=Strict."""

_NOBODY = "no token: send one as `Authorization: Bearer sp_…`"
_UNKNOWN = "the token is not known here: it may have been revoked"


async def token_of(services: Services, request: Request) -> Token | None:
    """The token a request brings, or None. Raises Unauthenticated, Unavailable."""
    header = request.headers.get("authorization")
    if header is not None:
        kind, _, secret = header.partition(" ")
        if kind.lower() != "bearer":
            raise Unauthenticated(f"{kind[:20]!r} is not spoken here; {_NOBODY}")
        token = await services.tokens.check(secret.strip())
        if token is None:
            raise Unauthenticated(_UNKNOWN)
        return token
    cookie = request.cookies.get(COOKIE)
    if not cookie:
        return None
    token = await services.tokens.check(cookie)
    if token is not None and request.method not in ("GET", "HEAD"):
        check_origin(services, request)
    return token


def check_origin(services: Services, request: Request) -> None:
    """Raises Refused unless the browser says that one of our own pages asks."""
    headers = request.headers
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        same = site == "same-origin"
    elif origin is not None:
        same = origin == services.settings.origin or (
            urlsplit(origin).netloc == headers.get("host", "")
        )
    else:
        same = False
    if not same:
        raise Refused(
            "the desk's cookie counts only on the desk's own pages; "
            "elsewhere send a token as `Authorization: Bearer sp_…`"
        )


def feed_of(request: Request) -> str:
    """The feed in the path. Raises NotFound for what can't be a slug."""
    feed: str = request.path_params["feed"]
    try:
        return check_slug(feed)
    except Invalid:
        raise NotFound(feed[:100]) from None


def may_read(token: Token | None, visibility: Visibility, feed: str) -> bool:
    """Whether the feed exists for this token."""
    return visibility != "private" or (token is not None and token.may("read", feed))


async def visible(services: Services, token: Token | None, feed: str) -> Visibility:
    """The feed's visibility. Raises NotFound if it does not exist for this token."""
    visibility = await services.snapshots.visibility(feed)
    if not may_read(token, visibility, feed):
        raise NotFound(feed)
    return visibility


async def signed_in(services: Services, request: Request) -> Token:
    """The token a request brings. Raises Unauthenticated, Unavailable."""
    token = await token_of(services, request)
    if token is None:
        raise Unauthenticated(_NOBODY)
    return token


async def admit(
    services: Services, request: Request, scope: Scope, feed: str | None
) -> Token:
    """The token, if it has the scope on the feed (None: on all of them).

    Raises Unauthenticated, MissingScope, or NotFound where the feed is not to
    be known.
    """
    token = await signed_in(services, request)
    if token.may(scope, feed):
        return token
    if feed is not None:
        await visible(services, token, feed)
    raise MissingScope(scope, feed)
