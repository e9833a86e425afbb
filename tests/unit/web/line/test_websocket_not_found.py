"""A WebSocket at an address that has none gets 404, and where the live line is."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from stoppress.guard.refusal_log import RefusalLog
from stoppress.web.edge.add_request_id_and_log_refusal import RequestTrace
from stoppress.web.line.websocket_not_found import WebSocketNotFound
from tests.unit.web.line.live_harness import LiveServer, on_every_server


@on_every_server()
async def test_a_client_is_told_the_address_of_the_live_line(live: LiveServer) -> None:
    address = f"ws{live.http.removeprefix('http')}/v1/feeds/x/events"
    with pytest.raises(InvalidStatus) as refused:
        await connect(address, ssl=live.trust)
    response = refused.value.response
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    reported = json.loads(response.body or b"")
    assert reported["type"] == "urn:stop-press:problem:not-found"
    assert "use /v1/live?feed=SLUG" in reported["detail"]


async def answered(scope: dict[str, Any], root: str = "") -> list[Any]:
    """The messages that answer one handshake."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    app = RequestTrace(WebSocketNotFound(root), (), RefusalLog())
    await app(
        {"type": "websocket", "path": "/ws", "headers": [], "client": None} | scope,
        receive,
        send,
    )
    return sent


@pytest.mark.asyncio
async def test_the_refusal_has_an_id_and_a_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    scope: dict[str, Any] = {"extensions": {"websocket.http.response": {}}}
    start, body = await answered(scope, "/liveblog")
    reported = json.loads(body["body"])
    assert "use /liveblog/v1/live?feed=SLUG" in reported["detail"]
    assert (b"x-request-id", reported["request_id"].encode()) in start["headers"]
    (line,) = [one for one in caplog.records if one.name == "stoppress.refused"]
    assert vars(line)["fields"]["reason"] == "not-found"


@pytest.mark.asyncio
async def test_a_server_without_the_extension_closes_the_connection() -> None:
    (closed,) = await answered({})
    assert closed["type"] == "websocket.close"
