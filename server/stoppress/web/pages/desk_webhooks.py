"""The desk's page of a feed's webhooks and dead letters, for callers that manage it.

Rules:
- It is plain forms without a script. A form of another site changes nothing.
- The secret is in the answer that makes the webhook, and nowhere else; the form that
  is sent again by a reload makes no second one.
- What a webhook may be is decided where the API decides it
  (`desk/webhooks_and_dead_letters.py`).
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stoppress.desk.caller import Caller
from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.desk.webhooks_and_dead_letters import DeadLetter, Webhook
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import (
    Conflict,
    DeletedSince,
    Malformed,
    NotFound,
    Unauthenticated,
)
from stoppress.domain.event import KNOWN_TYPES
from stoppress.domain.feed import Feed
from stoppress.web.authorization import caller_of, check_origin, check_write_rate
from stoppress.web.dispatch_cors_and_write_pacing import Handler
from stoppress.web.pages.desk_sign_in_and_sessions import SignInPages
from stoppress.web.pages.draw_desk_page import DeskPages
from stoppress.web.pages.read_desk_form import form_fields
from stoppress.web.services import Services

DEAD_LETTERS = 100
"""Dead letters that the page shows, the newest of the feed."""
MAX_FIELD = 128
"""Characters of a name in a form that are looked at: names here are shorter."""
EVENTS = {
    "post.published": "A post is published",
    "post.updated": "A post changes",
    "post.withdrawn": "A post is withdrawn",
    "feed.updated": "The feed changes",
}
"""The types of events that the form offers, and how it says them."""
FIRST = dict.fromkeys(("url", *EVENTS), "")
"""What the form has at first."""

_feed = msgspec.json.Decoder(Feed)


class WebhookPages:
    """The list, and what its forms do."""

    def __init__(self, pages: DeskPages, sign_in: SignInPages) -> None:
        self._pages = pages
        self._sign_in = sign_in

    def handlers(self) -> dict[str, dict[str, Handler]]:
        """The routes."""
        return {
            "/desk/webhooks": {"GET": self.index, "POST": self.make},
            "/desk/webhooks/remove": {"POST": self.remove},
            "/desk/webhooks/resend": {"POST": self.resend},
        }

    async def index(self, services: Services, request: Request) -> Response:
        """The webhooks of `?feed=`, without their secrets."""
        found = await self._caller(services, request)
        if isinstance(found, Response):
            return found
        feed = request.query_params.get("feed", "")[:MAX_FIELD]
        if feed and not found.may("manage", feed):
            return self._refused(found)
        return await self._list(services, found, feed)

    async def make(self, services: Services, request: Request) -> Response:
        """Make a webhook; this answer alone has its secret."""
        found = await self._sent(services, request)
        if isinstance(found, Response):
            return found
        caller, feed, given = found
        chosen = [name for name in EVENTS if name in given]
        raw = msgspec.json.encode({"url": given.get("url", ""), "events": chosen})
        key = given.get("key", "")[:MAX_FIELD]
        is_key = key.isascii() and key.isalnum()
        requester = Requester(caller.id, key if is_key else None)
        try:
            hook, _ = await services.desk.webhooks.make(feed, raw, requester)
        except NotFound:
            return await self._list(services, caller, feed)
        except (Malformed, Conflict, DeletedSince) as wrong:
            return await self._list(
                services, caller, feed, 422, given, complaint=str(wrong)
            )
        return await self._list(services, caller, feed, 201, secret=hook.secret)

    async def remove(self, services: Services, request: Request) -> Response:
        """Remove a webhook; one that is gone already is no fault."""
        found = await self._sent(services, request)
        if isinstance(found, Response):
            return found
        caller, feed, given = found
        with contextlib.suppress(NotFound):
            hook = given.get("webhook", "")[:MAX_FIELD]
            await services.desk.webhooks.drop(feed, hook, Requester(caller.id))
        return self._back(services, feed)

    async def resend(self, services: Services, request: Request) -> Response:
        """Queue a dead letter, or all; one that is delivered by now is no fault."""
        found = await self._sent(services, request)
        if isinstance(found, Response):
            return found
        caller, feed, given = found
        hook = given.get("webhook", "")[:MAX_FIELD]
        letter = given.get("letter", "")[:MAX_FIELD] or None
        with contextlib.suppress(NotFound):
            await services.desk.webhooks.resend(
                *(feed, hook, letter), Requester(caller.id)
            )
        return self._back(services, feed)

    async def _sent(
        self, services: Services, request: Request
    ) -> tuple[Caller, str, dict[str, str]] | Response:
        """Who sent a form, about which feed, and what is in it."""
        check_origin(services, request)
        found = await self._caller(services, request)
        if isinstance(found, Response):
            return found
        check_write_rate(services, found.id, None)
        given = await form_fields(request)
        feed = given.get("feed", "")[:MAX_FIELD]
        if not found.may("manage", feed):
            return self._refused(found)
        return found, feed, given

    async def _caller(self, services: Services, request: Request) -> Caller | Response:
        """The caller, or the page for somebody who is not to see webhooks."""
        try:
            caller = await caller_of(services, request, from_link=True)
        except Unauthenticated:
            caller = None
        if caller is None or caller.kind == "ticket":
            status = 200 if request.method == "GET" else 401
            return self._sign_in.form(services, "", status=status)
        return caller if caller.has("manage") else self._refused(caller)

    def _refused(self, caller: Caller) -> Response:
        return self._pages.show(
            "desk_refused.html",
            403,
            title="Webhooks",
            scope="manage",
            place="the feed",
            who=caller.name,
        )

    def _back(self, services: Services, feed: str) -> Response:
        query = urlencode({"feed": feed})
        address = f"{services.settings.root}/desk/webhooks?{query}"
        return RedirectResponse(address, 303, {"cache-control": "no-store"})

    async def _list(
        self,
        services: Services,
        caller: Caller,
        feed: str,
        status: int = 200,
        given: dict[str, str] | None = None,
        **values: str,
    ) -> Response:
        feeds = {
            one.slug: one.title
            for one in map(_feed.decode, (await services.snapshots.feeds()).bodies)
            if caller.may("manage", one.slug)
        }
        hooks: list[dict[str, object]] = []
        not_found = ""
        try:
            if feed:
                hooks = await _hooks(services, feed)
        except NotFound:
            not_found, feed, status = feed, "", 404
        # With a list the choice of one feed is none: its webhooks are shown at once.
        if not feed and not not_found and len(feeds) == 1:
            return await self._list(services, caller, next(iter(feeds)))
        return self._pages.show(
            "desk_webhooks.html",
            status,
            feeds=feeds,
            feed=feed,
            hooks=hooks,
            not_found=not_found,
            events=EVENTS,
            given=FIRST | (given or {}),
            key=secrets.token_hex(16),
            **{"complaint": "", "secret": "", **values},
        )


async def _hooks(services: Services, feed: str) -> list[dict[str, object]]:
    """The feed's webhooks as the page shows them. Raises NotFound."""
    desk = services.desk.webhooks
    found = await desk.all(feed)
    letters = await desk.dead_letters(feed, DEAD_LETTERS)
    head = (await services.store.feed(feed)).cursor
    return [
        _shown(hook, await desk.delivered(feed, hook.id), head, letters)
        for hook in found
    ]


def _shown(
    hook: Webhook, at: Cursor | None, head: Cursor, letters: Sequence[DeadLetter]
) -> dict[str, object]:
    events = [EVENTS.get(name, name) for name in hook.events if name in KNOWN_TYPES]
    return {
        "id": hook.id,
        "url": hook.url,
        "events": "; ".join(events) or "All events",
        "made": hook.created_at[:10],
        "state": _state(at, head),
        "letters": [
            {
                **msgspec.structs.asdict(letter),
                "when": f"{letter.at[:10]} {letter.at[11:16]} UTC",
            }
            for letter in letters
            if letter.webhook == hook.id
        ],
    }


def _state(at: Cursor | None, head: Cursor) -> str:
    """How far a webhook has got, in words."""
    if at is None or at.epoch != head.epoch or at.seq > head.seq:
        return "It will be told to read the feed anew."
    left = head.seq - at.seq
    if not left:
        return "All is delivered, or given up."
    return f"{left} {'event waits' if left == 1 else 'events wait'} to be delivered."
