"""The credential of a request: one pure function, for every entry to the server.

Rules:
- A request brings at most one: `Authorization: Bearer`, else `?token=` where it is
  allowed (browsers set no headers on a live line), else the desk's cookie.
- A cookie is sent by the browser, not by the page, so it counts only for pages of our
  own origin, for reads too. The browser says whose page asks: Sec-Fetch-Site, which no
  page can set, else Origin. The address bar (`none`) asks for nobody else.
- A request that says neither may read: browsers name the origin of every WebSocket
  and of every request whose answer another site's page could read. It may not write.
- Where both are there, Sec-Fetch-Site decides. (Of a WebSocket, Firefox 153 sends both,
  Chromium 156 Origin alone.)
- A link to the desk's own page counts from anywhere (`from_link`), else an editor
  would have to sign in again on the way from a sibling site, such as an intranet. It
  is a top-level GET (Sec-Fetch-Mode, Sec-Fetch-Dest) of a page that can't be framed,
  changes nothing, and can't be read by the page that linked to it. No other page is
  opened that way: whether a private feed is there must not be learnt from outside.
- A cookie whose token is not known is nobody's: the editor did not send it, the
  browser keeps it. A bearer or `?token=` that is not known is refused.
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
    """How the secret was sent."""

    NONE = "none"
    BEARER = "bearer"
    QUERY = "query"
    COOKIE = "cookie"
    MALFORMED = "malformed"
    """An Authorization of another scheme; `secret` is the scheme."""


class Credential(NamedTuple):
    """What a request brings to be known by."""

    kind: CredentialKind
    secret: str = ""
    may_write: bool = True
    """False for a cookie that is not proven to come from a page of ours."""

    @property
    def must_be_known(self) -> bool:
        """Whether a secret that is not known is refused, not taken for nobody's."""
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
    """The credential of a request. See the rules above."""
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
    """Whether the browser says that a page of ours asks. Silence is no proof."""
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
    """Whether it is the site's address, or the one that this request was sent to."""
    if origin == own_origin:
        return True
    host = urlsplit(origin).netloc
    return host != "" and host == header("host")


def _is_top_level_navigation(header: HeaderLookup) -> bool:
    return (
        header("sec-fetch-mode") == "navigate"
        and header("sec-fetch-dest") == "document"
    )
