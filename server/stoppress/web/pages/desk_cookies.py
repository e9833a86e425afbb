"""The desk's two cookies: the session, and a pending sign-in at the provider.

Rules:
- HttpOnly, and Secure if the site's address is https. Then the name begins with
  `__Host-`, which browsers accept from this host only, or with `__Secure-` if the site
  is under a path, to which the cookie is bound.
- The session is SameSite=Strict. A pending sign-in is Lax: the provider's page sends
  the browser back from another site, and then browsers do not send a Strict cookie.
"""

from __future__ import annotations

from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from stoppress.identity.pending_sign_in import PENDING_S, PendingSignIn, from_cookie
from stoppress.settings import Settings
from stoppress.web.credential import cookies_in

_SESSION, _PENDING = "stoppress_desk", "stoppress_sign_in"


def session_of(settings: Settings, request: Request) -> str | None:
    """The secret of the browser's session, for a request from any page."""
    return _cookie(request, settings.desk_cookie) or None


def set_session(settings: Settings, answer: Response, secret: str) -> None:
    """Set the session's cookie, until the browser closes or the session ends."""
    _set(settings, answer, _SESSION, secret, "strict", None)


def delete_session(settings: Settings, answer: Response) -> None:
    """Delete the session's cookie."""
    _set(settings, answer, _SESSION, "", "strict", 0)


def pending_of(
    settings: Settings, request: Request, now_ms: int
) -> PendingSignIn | None:
    """The sign-in that this browser has begun."""
    return from_cookie(_cookie(request, _name(settings, _PENDING)), now_ms)


def set_pending(settings: Settings, answer: Response, pending: PendingSignIn) -> None:
    """Set the cookie of a pending sign-in."""
    _set(settings, answer, _PENDING, pending.to_cookie(), "lax", PENDING_S)


def delete_pending(settings: Settings, answer: Response) -> None:
    """Delete the cookie of the pending sign-in."""
    _set(settings, answer, _PENDING, "", "lax", 0)


def _cookie(request: Request, name: str) -> str:
    return cookies_in("; ".join(request.headers.getlist("cookie"))).get(name, "")


def _name(settings: Settings, name: str) -> str:
    return settings.desk_cookie.replace(_SESSION, name)


def _set(
    settings: Settings,
    answer: Response,
    name: str,
    value: str,
    same_site: Literal["strict", "lax"],
    max_age: int | None,
) -> None:
    answer.set_cookie(
        _name(settings, name),
        value,
        max_age=max_age,
        path=settings.root or "/",
        httponly=True,
        samesite=same_site,
        secure=settings.base.startswith("https://"),
    )
