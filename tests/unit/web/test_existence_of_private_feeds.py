"""A private feed and one that does not exist are told apart by nothing, work included.

Every route of a feed, from the routing table: same status, same headers and body (but
for the slug), the same calls of the store in the same order, no feed opened. What
takes the same work takes the same time; `tests/bench/existence_by_time.py` measures it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.routing import Route

from stoppress.web.api import route_table
from stoppress.web.line import websocket_and_events_routes
from stoppress.web.pages import page_routes
from stoppress.web.problems import exception_handlers
from tests.unit.web.desk_harness import BASE, DeskHarness, open_harness

pytestmark = pytest.mark.asyncio

ABSENT, UNUSED, OPENED = "aaaa", "uuuu", "oooo"
"""No feed; a private one that nobody reads; one that is open. Of one length."""


@dataclass
class Outsider:
    """The API with all its routes, and somebody who may read no private feed."""

    harness: DeskHarness
    app: Starlette

    async def asked(self, path: str, method: str, headers: dict[str, str]) -> object:
        """What a request shows, and what it cost."""
        store, upstream = self.harness.store, self.harness.upstream
        store.calls.clear()
        opens = upstream.opens
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            answer = await client.request(method, path, headers=headers)
        feed = re.compile("|".join((ABSENT, UNUSED, OPENED)))
        shown = {
            name: feed.sub("-", value)
            for name, value in answer.headers.items()
            if name != "x-request-id"
        }
        text = re.sub(r'"request_id":"[^"]*"', "", feed.sub("-", answer.text))
        # Whether the credential is cached has nothing to do with the feed.
        calls = [name for name in store.calls if name != "token"]
        return answer.status_code, shown, text, calls, upstream.opens - opens


@pytest_asyncio.fixture
async def outsider() -> AsyncIterator[Outsider]:
    async with open_harness() as harness:
        for slug in (UNUSED, OPENED):
            await harness.feed(slug, visibility="private")
        # Made by another process: this one has not opened it.
        for channel in list(harness.services.hub._channels.all()):
            harness.services.hub._channels.close(channel)
        await harness.services.hub.channel(OPENED)
        app = Starlette(
            routes=[
                *websocket_and_events_routes.routes(harness.services),
                *route_table.routes(harness.services),
                *page_routes.routes(harness.services),
            ],
            exception_handlers=exception_handlers(BASE),
        )
        yield Outsider(harness, app)


def addresses(app: Starlette) -> list[tuple[str, str]]:
    """Method and path of every route of a feed, and oEmbed's."""
    found = [("GET", "/oembed?url=" + f"{BASE}/live/{{feed}}")]
    for route in app.routes:
        if isinstance(route, Route) and "{feed}" in route.path:
            methods = route.methods or ("GET", "POST", "PATCH", "PUT", "DELETE")
            path = re.sub(r"\{(?!feed)[^}]*\}", "p0", route.path)
            found += [(method, path) for method in sorted(methods) if method != "HEAD"]
    return found


@pytest.mark.parametrize("who", ["nobody", "a foreign token", "a foreign reader"])
async def test_private_and_unknown_feeds_have_the_same_answers(
    outsider: Outsider, who: str
) -> None:
    headers = {"if-match": '"1"', "content-type": "application/json"}
    if who != "nobody":
        scope = "read" if who.endswith("reader") else "manage"
        headers["authorization"] = await outsider.harness.token(scope, feeds=["other"])
    table = addresses(outsider.app)
    assert len(table) > 25
    for method, path in table:
        absent = await outsider.asked(path.format(feed=ABSENT), method, headers)
        for slug in (UNUSED, OPENED):
            private = await outsider.asked(path.format(feed=slug), method, headers)
            assert private == absent, f"{method} {path}"
