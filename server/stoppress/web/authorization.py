"""Authentication and authorization of requests, for every route.

Rules:
- The credential is a bearer token or the desk's cookie, which contains a session
  (`credential.py`). An unknown bearer token is 401 everywhere, even if none is needed;
  an unknown cookie counts as no credential.
- A write with the cookie must come from our own pages; a request without an origin is
  refused.
- A private feed is 404 in every answer to callers that may not read it, after the same
  work as one that does not exist (`check_known`).
- A write without a token is 401 whether or not the feed exists.
"""

from __future__ import annotations

import hashlib

from starlette.requests import HTTPConnection, Request

from stoppress.desk.caller import Caller, Scope
from stoppress.desk.post_ids_and_idempotency_keys import check_idempotency_key
from stoppress.desk.private_feed_read_tickets import PREFIX as TICKET
from stoppress.domain.errors import (
    Invalid,
    MissingScope,
    NotFound,
    Refused,
    TooMany,
    Unauthenticated,
)
from stoppress.domain.feed import Visibility, check_slug
from stoppress.guard.client_address import Client, client_in
from stoppress.guard.limits import NO_CLIENT, NO_LIMITS
from stoppress.guard.request_context import CURRENT
from stoppress.web.credential import (
    Credential,
    CredentialKind,
    HeaderLookup,
    credential_of,
    is_from_our_page,
)
from stoppress.web.services import Services

PERSON = "stop-press-person"
"""Header of the desk: the person who must be signed in. Without it, a text that waited
to be sent would be published in the name of the next person who signs in.
"""
_NO_TOKEN = "no token: send one as `Authorization: Bearer sp_…`"  # noqa: S105 (no secret)
_UNKNOWN = "the token is unknown: it may have expired or have been revoked; use another"

_OLD_TICKET = "the ticket is too old for an address: send it in a header or cookie"


def person_of(caller: Caller) -> str:
    """A digest of the caller for the desk's page: differs per person, names none."""
    return hashlib.sha256(caller.id.encode()).hexdigest()[:16]


def header_lookup(connection: HTTPConnection) -> HeaderLookup:
    """The headers of a request as a function, as `credential_of` takes them."""
    headers = connection.headers

    def header(name: str) -> str | None:
        if name == "cookie":
            return "; ".join(headers.getlist(name)) or None
        return headers.get(name)

    return header


def credential_in(
    services: Services, request: Request, *, from_link: bool = False
) -> Credential:
    """The credential of a request. `from_link`: as in `credential_of`."""
    return credential_of(
        header_lookup(request),
        services.settings.origin,
        services.settings.desk_cookie,
        method=request.method,
        query_ticket=(
            request.query_params.get("ticket")
            if request.scope["query_string"]
            else None
        ),
        from_link=from_link,
    )


async def caller_of(
    services: Services, request: Request, *, from_link: bool = False
) -> Caller | None:
    """The caller of a request, or None. `from_link`: as in `credential_of`.

    Raises Unauthenticated, Refused, Unavailable.
    """
    credential = credential_in(services, request, from_link=from_link)
    if PERSON in request.headers:
        # The desk asks for its person, for whom a reader's ticket does not stand in.
        credential = credential._replace(ticket="")
    caller = await caller_behind(services, credential, client_in(request.scope))
    if caller is not None and credential.kind is CredentialKind.COOKIE:
        if not credential.may_write and request.method not in ("GET", "HEAD"):
            raise _not_our_page()
        person = person_of(caller)
        if request.headers.get(PERSON, person) != person:
            raise Unauthenticated("another person is signed in now")
    return caller


async def caller_behind(
    services: Services, credential: Credential, client: Client | None = None
) -> Caller | None:
    """The caller of a credential, or None; an unknown cookie gives None.

    A session that has ended leaves the ticket beside it, if there is one.
    Raises Unauthenticated, Unavailable, TooMany.
    """
    if credential.kind is CredentialKind.NONE:
        return None
    if credential.kind is CredentialKind.MALFORMED:
        scheme = credential.secret[:20]
        raise Unauthenticated(f"the scheme {scheme!r} is not supported; {_NO_TOKEN}")
    if not counts(services, credential):
        services.tickets.refuse_in_query()
        raise Unauthenticated(_OLD_TICKET)
    limits, client = services.limits, client or NO_CLIENT
    if credential.secret.startswith(TICKET) or credential.kind is CredentialKind.COOKIE:
        # Each reader has a ticket of their own, checked without the store. Nobody can
        # guess a session, and an editor must not be signed out because others at the
        # address send unknown tokens.
        limits = NO_LIMITS
    if wait_s := limits.credential(client, credential.secret):
        raise TooMany("unknown tokens from this address", wait_s)
    caller = await services.callers.check(credential.secret)
    if caller is None and credential.ticket:
        caller = await services.callers.check(credential.ticket)
    if caller is None:
        limits.credential_failed(client)
        if credential.must_be_known:
            raise Unauthenticated(_UNKNOWN)
        return None
    limits.credential_valid(credential.secret)
    if (context := CURRENT.get()) is not None:
        context.caller = caller.id
    return caller


def check_write_rate(services: Services, caller: str, feed: str | None) -> None:
    """Charge an allowed write. Raises TooMany."""
    if wait_s := services.limits.write(caller, feed):
        raise TooMany("writes", wait_s)


def check_sign_in_rate(services: Services, request: Request) -> None:
    """Charge a sign-in. Raises TooMany."""
    if wait_s := services.limits.sign_in(client_in(request.scope)):
        raise TooMany("sign-ins from this address", wait_s)


def counts(services: Services, credential: Credential) -> bool:
    """Whether a secret is valid as it was sent: not an old ticket in an address."""
    return credential.kind is not CredentialKind.QUERY or (
        services.tickets.counts_in_query(credential.secret)
    )


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


def may_read(caller: Caller | None, visibility: Visibility, feed: str) -> bool:
    """Whether this caller may read the feed."""
    return visibility != "private" or (caller is not None and caller.may("read", feed))


def may_publish(caller: Caller | None, feed: str) -> bool:
    """Whether this caller may publish on the feed, and so gets private members."""
    return caller is not None and caller.may("publish", feed)


async def check_known(services: Services, caller: Caller | None, feed: str) -> None:
    """Raise NotFound if this caller must not learn whether the feed exists.

    The lookup comes first (`desk/hide_private_feeds.py`), so that the time reveals
    nothing.
    """
    if caller is not None and caller.may("read", feed):
        return
    open_now = services.hub.open_feed_state(feed)
    if open_now is not None and open_now.visibility != "private":
        return
    if not await services.feed_disclosure.may_know(feed):
        raise NotFound(feed)


async def visible(services: Services, caller: Caller | None, feed: str) -> Visibility:
    """The feed's visibility. Raises NotFound if this caller may not read it."""
    await check_known(services, caller, feed)
    visibility = await services.snapshots.visibility(feed)
    if not may_read(caller, visibility, feed):
        raise NotFound(feed)
    return visibility


async def signed_in(services: Services, request: Request) -> Caller:
    """The required caller of a request. Raises Unauthenticated, Unavailable."""
    caller = await caller_of(services, request)
    if caller is None:
        raise Unauthenticated(_NO_TOKEN)
    return caller


async def admit(
    services: Services, request: Request, scope: Scope, feed: str | None
) -> Caller:
    """The caller, if it has the scope on the feed (None: on all of them).

    Raises Unauthenticated, MissingScope, NotFound if it may not read the feed, or
    Malformed if a write has an invalid Idempotency-Key.
    """
    caller = await signed_in(services, request)
    if caller.may(scope, feed):
        if request.method not in ("GET", "HEAD"):
            check_write_rate(services, caller.id, feed)
            # For every write: also for those that need no key, such as a lease.
            if (key := request.headers.get("idempotency-key")) is not None:
                check_idempotency_key(key)
        return caller
    if feed is not None:
        await visible(services, caller, feed)
    raise MissingScope(scope, feed)
