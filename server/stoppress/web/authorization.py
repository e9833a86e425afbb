"""Who asks, and what they may: one place for every route.

Rules:
- A bearer token, or the desk's cookie, which holds the token itself: `credential`
  finds it. A token that is sent and not known is 401 everywhere, also where none is
  needed; a cookie that is not known is nobody's.
- The cookie may write only from our own pages; a request that does not say where it
  comes from is refused.
- A private feed does not exist for whoever may not read it: 404 in every answer.
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

_NOBODY = "no token: send one as `Authorization: Bearer sp_…`"
_UNKNOWN = "the token is not known here: it may have been revoked"


def header_lookup(connection: HTTPConnection) -> HeaderLookup:
    """The headers of a request, as `credential` asks for them."""
    headers = connection.headers

    def header(name: str) -> str | None:
        if name == "cookie":
            return "; ".join(headers.getlist(name)) or None
        return headers.get(name)

    return header


async def token_of(
    services: Services, request: Request, *, from_link: bool = False
) -> Token | None:
    """The token a request brings, or None. `from_link`: as in `credential`.

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
    """The token of a credential; None for nobody. Raises Unauthenticated, Unavailable.

    A cookie that is not known is nobody's.
    """
    if credential.kind is CredentialKind.NONE:
        return None
    if credential.kind is CredentialKind.MALFORMED:
        scheme = credential.secret[:20]
        raise Unauthenticated(f"{scheme!r} is not spoken here; {_NOBODY}")
    token = await services.tokens.check(credential.secret)
    if token is None and credential.must_be_known:
        raise Unauthenticated(_UNKNOWN)
    return token


def check_origin(services: Services, request: Request) -> None:
    """Raises Refused unless the browser says that one of our own pages asks."""
    if not is_from_our_page(header_lookup(request), services.settings.origin):
        raise _not_our_page()


def _not_our_page() -> Refused:
    return Refused(
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


def may_publish(token: Token | None, feed: str) -> bool:
    """Whether posts are shown to this token with what is private in them."""
    return token is not None and token.may("write", feed)


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
