"""Authentication and authorization of requests, for every route.

Rules:
- The credential is a bearer token or the desk's cookie, which contains the token
  (`credential.py`). An unknown bearer token is 401 everywhere, also where none is
  needed; an unknown cookie counts as no credential.
- A write with the cookie must come from our own pages; a request without an origin is
  refused.
- A private feed is 404 in every answer to callers that may not read it.
- A write without a token is 401 whether the feed is there or not.
"""

from __future__ import annotations

from starlette.requests import HTTPConnection, Request

from stoppress.desk.tokens import Scope, Token
from stoppress.domain.errors import (
    Invalid,
    MissingScope,
    NotFound,
    Refused,
    Unauthenticated,
)
from stoppress.domain.feed import Visibility, check_slug
from stoppress.web.credential import (
    Credential,
    CredentialKind,
    HeaderLookup,
    credential_of,
    is_from_our_page,
)
from stoppress.web.services import Services

_NO_TOKEN = "no token: send one as `Authorization: Bearer sp_…`"
_UNKNOWN = "the token is unknown: it may have been revoked; use another"


def header_lookup(connection: HTTPConnection) -> HeaderLookup:
    """The headers of a request as a function, as `credential_of` takes them."""
    headers = connection.headers

    def header(name: str) -> str | None:
        if name == "cookie":
            return "; ".join(headers.getlist(name)) or None
        return headers.get(name)

    return header


async def token_of(
    services: Services, request: Request, *, from_link: bool = False
) -> Token | None:
    """The token of a request, or None. `from_link`: as in `credential_of`.

    Raises Unauthenticated, Refused, Unavailable.
    """
    credential = credential_of(
        header_lookup(request),
        services.settings.origin,
        method=request.method,
        from_link=from_link,
    )
    token = await token_behind(services, credential)
    if token is not None and not credential.may_write:
        if request.method not in ("GET", "HEAD"):
            raise _not_our_page()
    return token


async def token_behind(services: Services, credential: Credential) -> Token | None:
    """The token of a credential, or None. Raises Unauthenticated, Unavailable.

    An unknown cookie gives None.
    """
    if credential.kind is CredentialKind.NONE:
        return None
    if credential.kind is CredentialKind.MALFORMED:
        scheme = credential.secret[:20]
        raise Unauthenticated(f"the scheme {scheme!r} is not supported; {_NO_TOKEN}")
    token = await services.tokens.check(credential.secret)
    if token is None and credential.must_be_known:
        raise Unauthenticated(_UNKNOWN)
    return token


def check_origin(services: Services, request: Request) -> None:
    """Raises Refused unless the browser names one of our own pages as origin."""
    if not is_from_our_page(header_lookup(request), services.settings.origin):
        raise _not_our_page()


def _not_our_page() -> Refused:
    return Refused(
        "the desk's cookie is valid only for requests from the desk's own pages: "
        "send a token as `Authorization: Bearer sp_…`"
    )


def feed_of(request: Request) -> str:
    """The feed in the path. Raises NotFound if it is not a valid slug."""
    feed: str = request.path_params["feed"]
    try:
        return check_slug(feed)
    except Invalid:
        raise NotFound(feed[:100]) from None


def may_read(token: Token | None, visibility: Visibility, feed: str) -> bool:
    """Whether this token may read the feed."""
    return visibility != "private" or (token is not None and token.may("read", feed))


def may_publish(token: Token | None, feed: str) -> bool:
    """Whether this token may publish on the feed, and so gets private members."""
    return token is not None and token.may("write", feed)


async def visible(services: Services, token: Token | None, feed: str) -> Visibility:
    """The feed's visibility. Raises NotFound if this token may not read it."""
    visibility = await services.snapshots.visibility(feed)
    if not may_read(token, visibility, feed):
        raise NotFound(feed)
    return visibility


async def signed_in(services: Services, request: Request) -> Token:
    """The required token of a request. Raises Unauthenticated, Unavailable."""
    token = await token_of(services, request)
    if token is None:
        raise Unauthenticated(_NO_TOKEN)
    return token


async def admit(
    services: Services, request: Request, scope: Scope, feed: str | None
) -> Token:
    """The token, if it has the scope on the feed (None: on all of them).

    Raises Unauthenticated, MissingScope, or NotFound if it may not read the feed.
    """
    token = await signed_in(services, request)
    if token.may(scope, feed):
        return token
    if feed is not None:
        await visible(services, token, feed)
    raise MissingScope(scope, feed)
