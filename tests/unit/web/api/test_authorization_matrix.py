"""Every call × every kind of caller × every visibility: made from the call table.

A cell is what an outsider sees: let in, 401, 403, or 404 (the feed does not exist).
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette

from stoppress.desk.caller import SCOPES, covers
from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.web.api import route_table
from stoppress.web.api.openapi_call import ApiCall
from stoppress.web.api.openapi_operations import CALLS
from stoppress.web.line import websocket_and_events_routes
from stoppress.web.pages import desk_routes_page_and_preview
from stoppress.web.problems import exception_handlers
from tests.unit.web.desk_harness import BASE, DeskHarness, open_harness

FEEDS: dict[str, list[str] | None] = {
    "all": None,
    "named": ["quay"],
    "pattern": ["q*"],
    "foreign": ["other", "other-*"],
}
OPEN = (
    "listDeskFeeds",
    "health",
    "readiness",
    "metrics",
    "describe",
    "live",
    "listFeeds",
)
"""Calls that need nothing and are of no feed."""
ON_ANY_FEED = ("makeFeed", "listTemplates", "putTemplate", "deleteTemplate")
"""Calls of no feed that need their scope on any feed."""
WITHOUT_LOOK = ("putFeed",)
"""Calls that say 403 before the feed is looked up, whether it is there or not."""
MATRIX = [call for call in CALLS if call.name not in OPEN]


def expected(
    call: ApiCall, held: tuple[str, list[str] | None] | None, visibility: str
) -> int:
    """What the cell must be; 0: let in. `held`: scope and feeds of a known caller."""
    on_feed = "{feed}" in call.path
    may_read = visibility != "private" or (
        held is not None and covers(_patterns(held[1]), "quay")
    )
    if not call.scope:
        return 0 if may_read else 404
    if held is None:
        return 401
    scope, feeds = held
    ranks = SCOPES.index(scope) >= SCOPES.index(call.scope)
    if call.name in ON_ANY_FEED:
        return 0 if ranks else 403
    if ranks and covers(_patterns(feeds), "quay" if on_feed else None):
        return 0
    if on_feed and not may_read and call.name not in WITHOUT_LOOK:
        return 404
    return 403


def _patterns(feeds: list[str] | None) -> tuple[str, ...] | None:
    return None if feeds is None else tuple(feeds)


async def outcome(client: httpx.AsyncClient, call: ApiCall, secret: str | None) -> int:
    """What the cell is; 0: let in. Nothing is changed: revisions do not match."""
    path = call.path.format(
        feed="quay",
        post="p0",
        draft="p0",
        webhook="none",
        letter="none",
        comment="none",
        client="c",
        subject="p0",
        external_id="e",
        token="none",
        template="none",
        session="none",
    )
    headers = {"if-match": '"999"'}
    if secret is not None:
        headers["authorization"] = f"Bearer {secret}"
    content = b"{" if call.takes else None
    answer = await client.request(call.method, path, headers=headers, content=content)
    status = answer.status_code
    assert status < 500, (call.name, answer.text)
    if status == 404 and "no feed" not in answer.text:
        return 0
    return status if status in (401, 403, 404) else 0


@asynccontextmanager
async def newsroom(
    visibility: str,
) -> AsyncIterator[tuple[DeskHarness, httpx.AsyncClient]]:
    """A desk with a feed, and a client of the API and the live line."""
    async with open_harness() as harness:
        await harness.feed(visibility=visibility)
        await harness.feed("other", visibility="private")
        app = Starlette(
            routes=[
                *websocket_and_events_routes.routes(harness.services),
                *route_table.routes(harness.services),
                *desk_routes_page_and_preview.routes(harness.services),
            ],
            exception_handlers=exception_handlers(BASE),
        )
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            yield harness, client


@pytest.mark.asyncio
@pytest.mark.parametrize("visibility", ["public", "unlisted", "private"])
async def test_each_caller_gets_the_status_in_the_table(visibility: str) -> None:
    """Every call × every scope, feed and ticket, and credentials that are invalid."""
    async with newsroom(visibility) as (harness, client):
        holes: list[str] = []
        cells = 0
        columns: list[tuple[str, str | None, tuple[str, list[str] | None] | None]] = [
            ("none", None, None)
        ]
        for scope, (name, feeds) in itertools.product(SCOPES, FEEDS.items()):
            made = (await harness.token(scope, feeds=feeds)).removeprefix("Bearer ")
            columns.append((f"{scope} {name}", made, (scope, feeds)))
        for feed in ("quay", "other"):
            ticket = (await harness.services.tickets.issue(feed, b"")).ticket
            columns.append((f"ticket of {feed}", ticket, ("read", [feed])))
        for call, (name, secret, held) in itertools.product(MATRIX, columns):
            want = expected(call, held, visibility)
            if call.name == "issueTicket" and secret and secret.startswith("st_"):
                want = want or 403
            found = await outcome(client, call, secret)
            cells += 1
            if found != want:
                holes.append(f"{call.name}, {name}: {found or 'in'}, not {want}")
        assert not holes, "\n".join(holes)
        assert cells == len(MATRIX) * 23


@pytest.mark.asyncio
async def test_an_expired_or_revoked_token_is_unknown_on_every_call() -> None:
    """Expired, revoked and made-up tokens get 401, also on public calls."""
    async with newsroom("public") as (harness, client):
        tokens = harness.services.tokens
        expired, _ = await tokens.make(
            b'{"scopes": ["admin"], "expires_at": "2100-01-01T00:00:00Z"}'
        )
        revoked, token = await tokens.make(b'{"scopes": ["admin"]}')
        assert await tokens.revoke(token.id, Requester("a"))
        tokens._clock = lambda: 4_200_000_000_000
        over = [expired, revoked, "sp_none", "st_none", "eyJ.eyJ.x", "ss_none", "x"]
        for call, secret in itertools.product(MATRIX, over):
            assert await outcome(client, call, secret) == 401, (call.name, secret)
