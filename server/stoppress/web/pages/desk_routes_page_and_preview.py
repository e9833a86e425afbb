"""The desk page `/desk`, where editors write and preview posts.

Rules: the page writes through the public API, like every other client; these routes
store nothing. Sign-in is in `desk_sign_in_and_sessions.py`.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from stoppress.desk.caller import Scope
from stoppress.desk.idempotency_key_without_kept_answer import under_key
from stoppress.desk.json_input import read
from stoppress.desk.post_from_and_to_input import check_draft, new_post
from stoppress.desk.post_ids_and_idempotency_keys import idempotency_of
from stoppress.desk.posts import render
from stoppress.desk.write_outcome_and_checks import now_ms
from stoppress.domain.errors import Unauthenticated, Unavailable
from stoppress.domain.feed import Feed, check_slug
from stoppress.domain.post import PostInput
from stoppress.web.authorization import (
    admit,
    caller_of,
    feed_of,
    person_of,
    signed_in,
)
from stoppress.web.dispatch_cors_and_write_pacing import Handler, Resource
from stoppress.web.pages.desk_sign_in_and_sessions import SignInPages
from stoppress.web.pages.desk_tokens import TokenPages
from stoppress.web.pages.desk_webhooks import WebhookPages
from stoppress.web.pages.draw_desk_page import DeskPages
from stoppress.web.request_parsing import body, requester
from stoppress.web.services import Services
from stoppress.wire.encode_messages import public_feed, public_post

_draft = msgspec.json.Decoder(PostInput)
_feed = msgspec.json.Decoder(Feed)
_AT_DESK: tuple[Scope, ...] = ("draft", "publish", "manage", "admin")


class DeskConsole:
    """The desk's pages and their routes besides the API."""

    def __init__(self, pages: DeskPages, sign_in: SignInPages) -> None:
        self._pages = pages
        self._sign_in = sign_in

    async def page(self, services: Services, request: Request) -> Response:
        """The desk, or its sign-in form."""
        feed = request.query_params.get("feed", "")
        try:
            caller = await caller_of(services, request, from_link=True)
        except Unauthenticated:
            caller = None
        except Unavailable:
            # The page contains no posts; its scripts wait, and keep the drafts.
            return self._pages.show(
                "desk.html",
                503,
                who="",
                person="",
                media_bytes=0,
                is_admin=False,
                may_manage=False,
            )
        if caller is None or caller.kind == "ticket":
            # The cookie may contain a reader's ticket too, which signs nobody in.
            return self._sign_in.form(services, feed)
        answer = self._pages.show(
            "desk.html",
            who=caller.name,
            person=person_of(caller),
            media_bytes=services.settings.media_bytes,
            is_admin=caller.may("admin", None),
            may_manage=caller.has("manage"),
        )
        # Tells the service worker that it may keep this page, unlike the sign-in form.
        answer.headers["stop-press-desk"] = "1"
        return answer

    async def feeds(self, services: Services, request: Request) -> Response:
        """The feeds that this caller may draft on, of any visibility, and more."""
        caller = await signed_in(services, request)
        base, found = services.settings.base, []
        scopes: dict[str, str] = {}
        for kept in (await services.snapshots.feeds()).bodies:
            slug = _feed.decode(kept).slug
            held = [scope for scope in _AT_DESK if caller.may(scope, slug)]
            if held:
                found.append(msgspec.Raw(public_feed(kept, base)))
                scopes[slug] = held[-1]
        makes = caller.has("manage")
        return _json({"feeds": found, "scopes": scopes, "makes": makes})

    async def preview(self, services: Services, request: Request) -> Response:
        """Render a draft as readers would see it. Nothing is stored."""
        if "feed" in request.path_params:
            feed = feed_of(request)
        else:
            feed = check_slug(request.query_params.get("feed", ""), "feed")
        caller = await admit(services, request, "draft", feed)
        raw = await body(request, services.settings.max_body_bytes)
        idempotency = idempotency_of(
            *(requester(request.headers, caller.id), "POST"),
            *(f"/v1/feeds/{feed}/preview", raw),
        )
        async with under_key(services.store, feed, idempotency):
            return await self._rendered(services, feed, raw)

    async def _rendered(self, services: Services, feed: str, raw: bytes) -> Response:
        draft = check_draft(read(raw, _draft))
        shown = (await services.snapshots.snapshot(feed)).feed
        post = new_post(draft, "preview", await render(draft.body), now_ms())
        settings = services.settings
        readers = public_post(
            *(msgspec.json.encode(post), feed, settings.base, settings.foreign_content),
            with_verification=bool(shown.get("show_verification")),
        )
        return _json(
            {
                "html": self._pages.templates.post(shown, msgspec.json.decode(readers)),
                "language": shown["language"],
                "direction": shown["direction"],
            }
        )


def routes(services: Services) -> list[BaseRoute]:
    """The desk's routes."""
    pages = DeskPages(services.settings)
    sign_in = SignInPages(pages)
    console = DeskConsole(pages, sign_in)
    table: dict[str, dict[str, Handler]] = {
        "/desk": {"GET": console.page},
        **sign_in.handlers(),
        **TokenPages(pages, sign_in).handlers(),
        **WebhookPages(pages, sign_in).handlers(),
        "/v1/desk/feeds": {"GET": console.feeds},
        "/v1/feeds/{feed}/preview": {"POST": console.preview},
        # Desks opened before these calls became part of the public API use these
        # addresses.
        "/desk/feeds": {"GET": console.feeds},
        "/desk/preview": {"POST": console.preview},
        "/desk/service-worker.js": {"GET": pages.files.service_worker},
        "/desk/manifest.webmanifest": {"GET": pages.files.manifest},
        "/desk/files/{version}/{name:path}": {"GET": pages.files.answer},
    }
    return [
        Route(path, Resource(services, handlers)) for path, handlers in table.items()
    ]


def _json(content: object) -> Response:
    headers = {"cache-control": "no-store"}
    return Response(msgspec.json.encode(content), 200, headers, "application/json")
