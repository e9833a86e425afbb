"""The measurement has every route by which a stranger may ask for a feed."""

from __future__ import annotations

import asyncio
import re
import sys

import pytest
from starlette.routing import Route, WebSocketRoute

from stoppress.web.api import route_table
from stoppress.web.line import websocket_and_events_routes
from stoppress.web.pages import page_routes
from tests.bench import existence_by_time
from tests.bench.existence_by_time import EVENT_STREAM, LINE, ROUTES
from tests.unit.web.desk_harness import open_office

FOR_EDITORS = re.compile(
    "/v1/feeds/{feed}/(drafts|presence|webhooks|dead-letters|withdrawn"
    "|posts/{post}/revisions)"
)
"""Refused (401) before the feed is looked at."""


@pytest.mark.asyncio
async def test_every_route_of_a_feed_is_measured() -> None:
    """From the routing tables; of the events both answers, of the line the socket."""
    async with open_office() as office:
        routes = [
            *websocket_and_events_routes.routes(office.services),
            *route_table.routes(office.services),
            *page_routes.routes(office.services),
        ]
    asked = [path.partition("?")[0] for path, _ in ROUTES]
    for route in routes:
        if isinstance(route, WebSocketRoute):
            assert route.path == LINE.partition("?")[0] and route.path in asked
            continue
        assert isinstance(route, Route)
        methods = getattr(route.endpoint, "_handlers", {"GET": None})
        if "{feed}" not in route.path or "GET" not in methods:
            continue
        if FOR_EDITORS.match(route.path):
            continue
        # A parameter but the feed may be anything.
        parts = re.split(r"{(?!feed})[^}]*}", route.path)
        pattern = "[^/]+".join(map(re.escape, parts))
        assert any(re.fullmatch(pattern, path) for path in asked), route.path
    assert "/oembed" in asked
    assert ("/v1/feeds/{feed}/events", EVENT_STREAM) in ROUTES


def test_every_answer_is_the_same_refusal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the time, which an idle machine tells: each request is asserted on."""
    monkeypatch.setattr(existence_by_time, "WARM_UP", 2)
    monkeypatch.setattr(sys, "argv", ["existence_by_time", "--requests", "4"])
    asyncio.run(existence_by_time.main())
    assert capsys.readouterr().out.count("AUC") == 2 * len(ROUTES)
