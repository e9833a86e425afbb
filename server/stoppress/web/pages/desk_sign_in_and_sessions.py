"""Signs editors in and out: with a token, at the provider, or at the first start; and
lists a person's sessions.

Rules:
- Each sign-in begins a new session (`identity/sessions.py`) and ends the browser's
  former one. The cookie contains nothing but the session.
- A form of another site can't change the cookie. The provider's answer and the first
  sign-in arrive by links, so they carry secrets of their own.
- The log has the reason of a refused sign-in; the page says only what a stranger may
  know.
"""

from __future__ import annotations

import contextlib
import logging
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from stoppress.desk.caller import Caller
from stoppress.desk.write_outcome_and_checks import now_ms
from stoppress.domain.errors import Unauthenticated, Unavailable
from stoppress.domain.timestamps import instant
from stoppress.identity.oidc_sign_in import NoRole, OidcSignIn, RefusedSignIn
from stoppress.identity.provider_http import ProviderAway
from stoppress.web.authorization import (
    caller_of,
    check_origin,
    check_sign_in_rate,
    person_of,
)
from stoppress.web.dispatch_cors_and_write_pacing import Handler
from stoppress.web.pages import desk_cookies
from stoppress.web.pages.browser_name_from_user_agent import browser_name
from stoppress.web.pages.draw_desk_page import DeskPages
from stoppress.web.pages.read_desk_form import form_fields
from stoppress.web.problems import Problem
from stoppress.web.services import Services

RETURN = "/desk/sign-in/return"
"""The path to which the provider sends browsers back; it must be registered there."""

log = logging.getLogger(__name__)


class SignInPages:
    """The sign-in and sign-out pages."""

    def __init__(self, pages: DeskPages) -> None:
        self._pages = pages

    def handlers(self) -> dict[str, dict[str, Handler]]:
        """The routes."""
        return {
            "/desk/sign-in": {"POST": self.with_token},
            "/desk/sign-in/start": {"GET": self.start},
            RETURN: {"GET": self.come_back},
            "/desk/first": {"GET": self.first},
            "/desk/sessions": {"GET": self.sessions},
            "/desk/sign-out": {"POST": self.sign_out},
            "/desk/text-key": {"GET": self.text_key},
        }

    def form(
        self, services: Services, feed: str, complaint: str = "", status: int = 200
    ) -> Response:
        """The form to sign in."""
        issuer = services.settings.oidc_issuer
        return self._pages.show(
            "desk_sign_in.html",
            status,
            feed=feed,
            complaint=complaint,
            provider=urlsplit(issuer).netloc,
            start=f"/desk/sign-in/start?{urlencode({'feed': feed})}",
        )

    async def with_token(self, services: Services, request: Request) -> Response:
        """Check a token or a JWT, and begin a session."""
        check_origin(services, request)
        check_sign_in_rate(services, request)
        form = await form_fields(request)
        secret, feed = form.get("token", "").strip(), form.get("feed", "")
        try:
            caller = await services.callers.check(secret)
        except Unavailable:
            complaint = "The token can't be checked now. Try again."
            return self.form(services, feed, complaint, 503)
        # A ticket or a session does not prove who somebody is.
        if caller is None or caller.kind not in ("token", "jwt"):
            await self._refused(services, "unknown token")
            return self.form(services, feed, "This token is unknown.", 401)
        if not caller.has("draft"):
            await self._refused(services, "no scope")
            complaint = "This token may read, but not write."
            return self.form(services, feed, complaint, 403)
        address = _desk(services, feed)
        answer = RedirectResponse(address, 303, {"cache-control": "no-store"})
        await self._begin(services, request, caller, answer)
        return answer

    async def start(self, services: Services, request: Request) -> Response:
        """Send the browser to the provider."""
        feed = request.query_params.get("feed", "")
        settings = services.settings
        try:
            address, pending = _provider(services).begin(settings.base + RETURN, feed)
        except ProviderAway:
            # The task that reads the provider's document has logged the reason.
            return self._away(services, feed)
        answer = RedirectResponse(address, 303, {"cache-control": "no-store"})
        desk_cookies.set_pending(settings, answer, pending)
        return answer

    async def come_back(self, services: Services, request: Request) -> Response:
        """Take a browser's return from the provider, and begin a session."""
        check_sign_in_rate(services, request)
        provider, settings = _provider(services), services.settings
        pending = desk_cookies.pending_of(settings, request, now_ms())
        feed = pending.feed if pending else ""
        try:
            caller = await provider.finish(
                pending,
                request.query_params.multi_items(),
                settings.base + RETURN,
            )
        except ProviderAway as away:
            log.warning("a sign-in could not be finished: %s", away)
            return self._away(services, feed)
        except RefusedSignIn as refused:
            await self._refused(services, refused.reason)
            log.info(
                "a sign-in is refused: %s", refused, extra={"reason": refused.reason}
            )
            if isinstance(refused, NoRole):
                complaint = f"{refused.name} has no role at this desk."
                answer = self.form(services, feed, complaint, 403)
            else:
                complaint = "The sign-in did not succeed. Begin it again."
                answer = self.form(services, feed, complaint, 400)
        else:
            answer = self._inside(services, feed)
            await self._begin(services, request, caller, answer)
        desk_cookies.delete_pending(settings, answer)
        return answer

    async def first(self, services: Services, request: Request) -> Response:
        """The address that a server without a token prints when it starts."""
        check_sign_in_rate(services, request)
        code = request.query_params.get("code", "")
        is_look = request.method == "HEAD" or "sec-purpose" in request.headers
        caller = None if is_look else await services.identity.first_sign_in.redeem(code)
        if caller is None:
            complaint = (
                "This address is not valid any more. Start the server again to get "
                "another one."
            )
            await self._refused(services, "first sign-in refused")
            return self.form(services, "", complaint, 401)
        answer = self._inside(services, "")
        await self._begin(services, request, caller, answer)
        return answer

    async def sessions(self, services: Services, request: Request) -> Response:
        """The sessions of the signed-in person."""
        caller = await caller_of(services, request, from_link=True)
        if caller is None or caller.kind != "session":
            return self.form(services, "")
        shown = [
            {
                "id": session.id,
                "began_at": instant(session.began_at),
                "used_at": instant(session.used_at),
                "browser": browser_name(session.browser),
                "is_this": caller.credential.startswith(session.id),
            }
            for session in await services.identity.sessions.of(caller.id)
        ]
        return self._pages.show(
            "desk_sessions.html",
            who=caller.name,
            person=person_of(caller),
            sessions=shown,
        )

    async def sign_out(self, services: Services, request: Request) -> Response:
        """End this session, another one of the same person, or all of them."""
        check_origin(services, request)
        form, settings = await form_fields(request), services.settings
        secret = desk_cookies.session_of(settings, request)
        caller = await services.identity.sessions.check(secret) if secret else None
        if caller is not None and (other := form.get("session")):
            await services.identity.sessions.end_one(caller.id, other)
            if not caller.credential.startswith(other):
                address = f"{settings.root}/desk/sessions"
                return RedirectResponse(address, 303, {"cache-control": "no-store"})
        elif caller is not None and form.get("everywhere"):
            await services.identity.sessions.end_all(caller.id)
        elif secret:
            await services.identity.sessions.sign_out(secret)
        address = _desk(services, "")
        answer = RedirectResponse(address, 303, {"cache-control": "no-store"})
        desk_cookies.delete_session(settings, answer)
        return answer

    async def text_key(self, services: Services, request: Request) -> Response:
        """The key pair that seals this person's texts in the browser, for a session."""
        caller = await caller_of(services, request)
        if caller is None or caller.kind != "session":
            raise Unauthenticated("sign in at the desk: the key is given to sessions")
        pair = await services.identity.text_keys.pair_of(caller.id)
        headers = {"cache-control": "no-store"}
        return JSONResponse(pair, headers=headers)

    async def _begin(
        self, services: Services, request: Request, caller: Caller, answer: Response
    ) -> None:
        settings, sessions = services.settings, services.identity.sessions
        old = desk_cookies.session_of(settings, request)
        browser = request.headers.get("user-agent", "")
        secret = await sessions.begin(caller, browser, old)
        self._count(services, "signed in")
        desk_cookies.set_session(settings, answer, secret)

    def _inside(self, services: Services, feed: str) -> Response:
        """A page that continues to the desk.

        A redirect would count as part of the request from another site, with which
        browsers do not send the session's cookie.
        """
        return self._pages.show("desk_signed_in.html", address=_desk(services, feed))

    def _away(self, services: Services, feed: str) -> Response:
        self._count(services, "provider away")
        complaint = "The identity provider does not answer. Try again."
        answer = self.form(services, feed, complaint, 503)
        answer.headers["retry-after"] = "5"
        return answer

    async def _refused(self, services: Services, reason: str) -> None:
        """Count a refused sign-in, and add it to the audit if the store answers."""
        self._count(services, reason)
        with contextlib.suppress(Unavailable):
            await services.audit.add_refused("sign-in.refused", reason)

    def _count(self, services: Services, outcome: str) -> None:
        services.identity.sessions.metrics.sign_ins[outcome].add()


def _provider(services: Services) -> OidcSignIn:
    if services.identity.oidc is None:
        raise Problem(
            404, "not-found", "Not Found", "no identity provider is configured"
        )
    return services.identity.oidc


def _desk(services: Services, feed: str) -> str:
    query = f"?{urlencode({'feed': feed})}" if feed else ""
    return f"{services.settings.root}/desk{query}"
