"""Finds the credential of a request: one pure function for API, pages and live line.

Rules:
- A request has at most one: `Authorization: Bearer`, else `?ticket=`, else `?token=`
  where it is allowed (browsers set no headers on WebSocket and EventSource), else the
  cookie.
- `?ticket=` is for tickets, which only read, and for a minute in an address: another
  secret in it is an unknown one.
- Blanks around a secret are no part of it, for every rule.
- Browsers add the cookie to requests of any page, so it is accepted only from pages of
  our own origin, for reads too. The browser names the requesting site: Sec-Fetch-Site,
  which no page can set, else Origin. `none` (the address bar) is accepted.
- A request with neither header may read, but not write: browsers send Origin with every
  WebSocket and with every request whose answer another site's page could read.
- If both are present, Sec-Fetch-Site decides. (For a WebSocket, Firefox 153 sends both,
  Chromium 156 only Origin.)
- A link to the desk's page is accepted from any site (`from_link`), else an editor
  coming from a sibling site, such as an intranet, would have to sign in again. It is a
  top-level GET (Sec-Fetch-Mode, Sec-Fetch-Dest) of a page that can't be framed, changes
  nothing, and can't be read by the linking page. No other page accepts the cookie that
  way: other sites must not learn whether a private feed exists.
- The cookie holds a session, and nothing else does: another secret in it counts as
  none, and a session anywhere else is an unknown secret.
- A cookie whose session has ended counts as none: the browser sends it, not the editor.
  A read then counts by the ticket in its own cookie, if there is one.
  An unknown bearer token, `?token=` or `?ticket=` is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from stoppress.domain.web_address import authority_of
from stoppress.identity.sessions import PREFIX as SESSION

TICKET_COOKIE = "stoppress_ticket"
"""Set by the organisation's own pages on our host: a reader's ticket, for reads
only."""
TICKET = "st_"
"""The prefix of tickets (`desk/private_feed_read_tickets.py`)."""
FROM_QUERY = "Ticket"
"""The scheme of an Authorization header that was a ticket in the query: it is moved
from there before the address can be logged (`line/takeover.py`)."""

HeaderLookup = Callable[[str], str | None]
"""A header's value by its lower-case name; several cookies joined by "; "."""


class CredentialKind(Enum):
    """How a request sent its secret."""

    NONE = "none"
    BEARER = "bearer"
    QUERY = "query"
    COOKIE = "cookie"
    MALFORMED = "malformed"
    """An Authorization header with another scheme; `secret` is the scheme."""


class Credential(NamedTuple):
    """The secret that a request authenticates with, and how it was sent."""

    kind: CredentialKind
    secret: str = ""
    may_write: bool = True
    """False for a cookie that is not proven to come from our own page."""
    ticket: str = ""
    """The ticket in its own cookie, for a read whose session has ended."""

    @property
    def must_be_known(self) -> bool:
        """Whether an unknown secret is refused instead of ignored."""
        return self.kind not in (CredentialKind.NONE, CredentialKind.COOKIE)


NO_CREDENTIAL = Credential(CredentialKind.NONE)


def credential_of(
    header: HeaderLookup,
    own_origin: str,
    cookie: str,
    *,
    method: str = "GET",
    query_token: str | None = None,
    query_ticket: str | None = None,
    from_link: bool = False,
) -> Credential:
    """Find the credential of a request, by the rules of this module.

    `cookie` is the name of the desk's (`Settings.desk_cookie`).
    """
    authorization = header("authorization")
    if authorization is not None:
        scheme, _, secret = authorization.partition(" ")
        secret = secret.strip()
        if scheme.lower() == FROM_QUERY.lower():
            return Credential(CredentialKind.QUERY, _only_ticket(secret))
        if scheme.lower() != "bearer":
            return Credential(CredentialKind.MALFORMED, scheme)
        return Credential(CredentialKind.BEARER, _no_session(secret))
    if query_ticket := (query_ticket or "").strip():
        return Credential(CredentialKind.QUERY, _only_ticket(query_ticket))
    if query_token := (query_token or "").strip():
        return Credential(CredentialKind.QUERY, _no_session(query_token))
    cookies = header("cookie")
    if cookies is None or (cookie not in cookies and TICKET_COOKIE not in cookies):
        return NO_CREDENTIAL
    found = cookies_in(cookies)
    secret, ticket = found.get(cookie, ""), found.get(TICKET_COOKIE, "")
    if not ticket.startswith(TICKET):
        ticket = ""
    if not secret.startswith(SESSION):
        secret, ticket = ticket, ""
    if not secret:
        return NO_CREDENTIAL
    if method not in ("GET", "HEAD"):
        is_ours = is_from_our_page(header, own_origin)
        return Credential(CredentialKind.COOKIE, secret, is_ours)
    if _may_read(header, own_origin) or (
        from_link and _is_top_level_navigation(header)
    ):
        return Credential(CredentialKind.COOKIE, secret, may_write=False, ticket=ticket)
    return NO_CREDENTIAL


def cookies_in(header: str) -> dict[str, str]:
    """The cookies of a Cookie header, by name; of several of one name, the last.

    A value counts as it is, without one pair of quotes: no cookie of this server has an
    escape. (Python's own parser decodes them; up to 3.11.9 in seconds for a header of
    backslashes.)
    """
    found: dict[str, str] = {}
    for part in header.split(";"):
        name, equals, value = part.partition("=")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        if equals:
            found[name.strip()] = value
    return found


def _no_session(secret: str) -> str:
    """The secret; "" for a session, which is accepted only in its cookie."""
    return "" if secret.startswith(SESSION) else secret


def _only_ticket(secret: str) -> str:
    """The secret; "", which is unknown, for all but a ticket."""
    return secret if secret.startswith(TICKET) else ""


def is_from_our_page(header: HeaderLookup, own_origin: str) -> bool:
    """Whether the browser names our own page as origin; False without such a header."""
    site = header("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = header("origin")
    return origin is not None and _is_own(origin, header, own_origin)


def _may_read(header: HeaderLookup, own_origin: str) -> bool:
    site = header("sec-fetch-site")
    if site == "same-origin":
        return True
    origin = header("origin")
    return site in (None, "none") and (
        origin is None or _is_own(origin, header, own_origin)
    )


def _is_own(origin: str, header: HeaderLookup, own_origin: str) -> bool:
    """Whether `origin` is the configured site, or another host of this request.

    At the site's own host the scheme counts too: an attacker on the reader's network
    can forge pages of the http site, not of the https site.
    """
    if origin == own_origin:
        return True
    host = authority_of(origin)
    return host not in ("", authority_of(own_origin)) and host == header("host")


def _is_top_level_navigation(header: HeaderLookup) -> bool:
    return (
        header("sec-fetch-mode") == "navigate"
        and header("sec-fetch-dest") == "document"
    )
