"""Finds the credential of a request: one pure function for API, pages and live line.

Rules:
- A request has at most one: `Authorization: Bearer`, else `?token=` where it is
  allowed (browsers set no headers on WebSocket and EventSource), else the cookie.
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
- A cookie with an unknown token counts as none: the browser sends it, not the editor.
  An unknown bearer token or `?token=` is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.requests import cookie_parser

COOKIE = "stoppress_desk"
"""Set by the desk on sign-in: HttpOnly, SameSite=Strict."""

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

    @property
    def must_be_known(self) -> bool:
        """Whether an unknown secret is refused instead of ignored."""
        return self.kind not in (CredentialKind.NONE, CredentialKind.COOKIE)


NO_CREDENTIAL = Credential(CredentialKind.NONE)


def credential_of(
    header: HeaderLookup,
    own_origin: str,
    *,
    method: str = "GET",
    query_token: str | None = None,
    from_link: bool = False,
) -> Credential:
    """Find the credential of a request, by the rules of this module."""
    authorization = header("authorization")
    if authorization is not None:
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return Credential(CredentialKind.MALFORMED, scheme)
        return Credential(CredentialKind.BEARER, secret.strip())
    if query_token:
        return Credential(CredentialKind.QUERY, query_token)
    cookies = header("cookie")
    if cookies is None or COOKIE not in cookies:
        return NO_CREDENTIAL
    secret = cookie_parser(cookies).get(COOKIE, "")
    if not secret:
        return NO_CREDENTIAL
    if method not in ("GET", "HEAD"):
        is_ours = is_from_our_page(header, own_origin)
        return Credential(CredentialKind.COOKIE, secret, is_ours)
    if _may_read(header, own_origin) or (
        from_link and _is_top_level_navigation(header)
    ):
        return Credential(CredentialKind.COOKIE, secret, may_write=False)
    return NO_CREDENTIAL


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
    """Whether `origin` is the configured site, or the host of this request."""
    if origin == own_origin:
        return True
    host = urlsplit(origin).netloc
    return host != "" and host == header("host")


def _is_top_level_navigation(header: HeaderLookup) -> bool:
    return (
        header("sec-fetch-mode") == "navigate"
        and header("sec-fetch-dest") == "document"
    )
