"""The desk's page of API tokens, for callers with `admin` on all feeds.

Rules:
- It is plain forms without a script. A form of another site changes nothing.
- The secret is in the answer that makes the token, and nowhere else.
- What a token may have is decided where the API decides it
  (`desk/manage_and_check_tokens.py`).
"""

from __future__ import annotations

import re

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stoppress.desk.caller import Caller, Scope
from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.desk.token_record import Token
from stoppress.desk.write_outcome_and_checks import now_ms
from stoppress.domain.errors import Invalid, Malformed, Unauthenticated
from stoppress.domain.timestamps import instant
from stoppress.web.authorization import caller_of, check_origin, check_write_rate
from stoppress.web.dispatch_cors_and_write_pacing import Handler
from stoppress.web.pages.desk_sign_in_and_sessions import SignInPages
from stoppress.web.pages.draw_desk_page import DeskPages
from stoppress.web.pages.read_desk_form import form_fields
from stoppress.web.services import Services

DAY_MS = 86_400_000
LIVES = {"30": "In 30 days", "90": "In 90 days", "365": "In a year", "never": "Never"}
"""The days after which a token may expire, and how the form says that."""
SCOPES: dict[Scope, str] = {
    "read": "Read private feeds",
    "draft": "Write drafts",
    "publish": "Publish posts",
    "manage": "Manage feeds and take posts down",
    "admin": "Everything, tokens too",
}
"""Each includes those before it."""
FIRST = {"name": "", "scope": "publish", "feeds": "", "life": "365"}
"""What the form has at first."""


class TokenPages:
    """The list, and what its forms do."""

    def __init__(self, pages: DeskPages, sign_in: SignInPages) -> None:
        self._pages = pages
        self._sign_in = sign_in

    def handlers(self) -> dict[str, dict[str, Handler]]:
        """The routes."""
        return {
            "/desk/tokens": {"GET": self.index, "POST": self.make},
            "/desk/tokens/revoke": {"POST": self.revoke},
        }

    async def index(self, services: Services, request: Request) -> Response:
        """Every token, without its secret."""
        found = await self._admin(services, request)
        return found if isinstance(found, Response) else await self._list(services)

    async def make(self, services: Services, request: Request) -> Response:
        """Make a token; this answer alone has its secret."""
        check_origin(services, request)
        found = await self._admin(services, request)
        if isinstance(found, Response):
            return found
        check_write_rate(services, found.id, None)
        given = FIRST | await form_fields(request)
        try:
            secret, token = await services.tokens.make(_input(given))
        except Malformed as wrong:
            return await self._list(services, 422, given, complaint=str(wrong))
        return await self._list(services, 201, made=token.name, secret=secret)

    async def revoke(self, services: Services, request: Request) -> Response:
        """Revoke a token; one that is gone already is no fault."""
        check_origin(services, request)
        found = await self._admin(services, request)
        if isinstance(found, Response):
            return found
        check_write_rate(services, found.id, None)
        name = (await form_fields(request)).get("token", "")
        await services.tokens.revoke(name, Requester(found.id))
        address = f"{services.settings.root}/desk/tokens"
        return RedirectResponse(address, 303, {"cache-control": "no-store"})

    async def _admin(self, services: Services, request: Request) -> Caller | Response:
        """The caller, or the page for somebody who is not to see tokens."""
        try:
            caller = await caller_of(services, request, from_link=True)
        except Unauthenticated:
            caller = None
        if caller is None or caller.kind == "ticket":
            status = 200 if request.method == "GET" else 401
            return self._sign_in.form(services, "", status=status)
        if caller.may("admin", None):
            return caller
        return self._pages.show(
            "desk_refused.html",
            403,
            title="Tokens",
            scope="admin",
            place="all feeds",
            who=caller.name,
        )

    async def _list(
        self,
        services: Services,
        status: int = 200,
        given: dict[str, str] = FIRST,
        **values: str,
    ) -> Response:
        return self._pages.show(
            "desk_tokens.html",
            status,
            tokens=[_shown(token) for token in await services.tokens.all()],
            given=given,
            scopes=SCOPES,
            lives=LIVES,
            **{"complaint": "", "made": "", "secret": "", **values},
        )


def _input(given: dict[str, str]) -> bytes:
    """The form as the API's JSON. Raises Invalid."""
    if given["life"] not in LIVES:
        raise Invalid(
            "life", f"{given['life'][:40]!r} is invalid: choose from the list"
        )
    members: dict[str, object] = {"scopes": [given["scope"]]}
    if name := given["name"].strip():
        members["name"] = name
    if feeds := re.findall(r"[^\s,]+", given["feeds"]):
        members["feeds"] = feeds
    if given["life"] != "never":
        members["expires_at"] = instant(now_ms() + int(given["life"]) * DAY_MS)
    return msgspec.json.encode(members)


def _shown(token: Token) -> dict[str, object]:
    expires_at, used_at = token.expires_at, token.last_used_at
    used = f"Last used {used_at[:10]} {used_at[11:16]} UTC." if used_at else ""
    return {
        "id": token.id,
        "name": token.name,
        "scopes": "; ".join(SCOPES[scope] for scope in token.scopes) or "Nothing",
        "feeds": "all feeds" if token.feeds is None else ", ".join(token.feeds),
        "made": token.created_at[:10],
        "expires": expires_at and expires_at[:10],
        "is_over": expires_at is not None and expires_at <= instant(now_ms()),
        "ends": f"Expires {expires_at[:10]}." if expires_at else "Never expires.",
        "use": used or "Not used yet.",
    }
