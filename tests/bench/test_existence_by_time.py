"""The measurement has every route by which a stranger may ask for a feed."""

from __future__ import annotations

import asyncio
import re
import sys

import pytest
from starlette.routing import Route, WebSocketRoute

from stoppress.web.api import route_table
from stoppress.web.line import websocket_and_events_routes
from stoppress.web.line.websocket_not_found import WebSocketNotFound
from stoppress.web.pages import page_routes
from tests.bench import existence_by_time
from tests.bench.existence_by_time import EVENT_STREAM, LINE, ROUTES
from tests.unit.web.desk_harness import open_harness

FOR_EDITORS = re.compile(
    "/v1/feeds/{feed}/(drafts|presence|webhooks|dead-letters|withdrawn"
    "|posts/{post}/(revisions|notes))"
)
"""Refused (401) before the feed is looked at."""


@pytest.mark.asyncio
async def test_every_route_of_a_feed_is_measured() -> None:
    """From the routing tables; both answers of the events route, and the WebSocket."""
    async with open_harness() as harness:
        routes = [
            *websocket_and_events_routes.routes(harness.services),
            *route_table.routes(harness.services),
            *page_routes.routes(harness.services),
        ]
    asked = [path.partition("?")[0] for path, _ in ROUTES]
    for route in routes:
        if isinstance(route, WebSocketRoute):
            if isinstance(route.app, WebSocketNotFound):
                continue
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
    """Times need an idle machine; here only each answer is asserted."""
    monkeypatch.setattr(existence_by_time, "WARM_UP", 2)
    monkeypatch.setattr(sys, "argv", ["existence_by_time", "--requests", "4"])
    asyncio.run(existence_by_time.main())
    assert capsys.readouterr().out.count("AUC") == 2 * len(ROUTES)
