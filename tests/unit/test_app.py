"""What a process answers before it has reached Redis."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from stoppress.app import ServerProcess, create_app
from stoppress.log.embedded_valkey_server import EmbeddedValkey
from stoppress.log.publish_from_redis_inbox import Inbox
from stoppress.settings import Settings

SETTINGS = Settings(redis="unix:///nowhere")


async def ask(method: str, path: str, **headers: str) -> httpx.Response:
    """The answer of a server whose start is still under way."""
    transport = httpx.ASGITransport(create_app(SETTINGS))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
        return await http.request(method, path, headers=headers)


@pytest.mark.asyncio
async def test_healthz_answers_while_redis_is_away() -> None:
    """A proxy leaves it in; a roll-out waits for /readyz."""
    assert (await ask("GET", "/healthz")).status_code == 200


@pytest.mark.parametrize("path", ["/readyz", "/", "/v1/feeds", "/live/x", "/metrics"])
@pytest.mark.asyncio
async def test_all_else_comes_later(path: str) -> None:
    """503, with the reason and when to ask again."""
    answer = await ask("GET", path)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert "retry-after" in answer.headers
    assert "Redis" in answer.json()["detail"]
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.asyncio
async def test_an_event_source_is_told_to_come_back() -> None:
    """By a stream: on any other answer it would give up for good."""
    answer = await ask("GET", "/v1/feeds/x/events", accept="text/event-stream")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.startswith("retry: ")
    assert "\nevent: bye\n" in answer.text
    assert (await ask("GET", "/v1/feeds/x/events")).status_code == 503


@pytest.mark.asyncio
async def test_pages_of_any_site_may_ask() -> None:
    """The browser's question before a read is answered, and nothing may be written."""
    answer = await ask("OPTIONS", "/v1/feeds/x")
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD"
    refused = await ask("POST", "/v1/feeds")
    assert "access-control-allow-origin" not in refused.headers


@pytest.mark.asyncio
async def test_a_write_is_not_taken() -> None:
    """Its outcome is open, which 503 says."""
    assert (await ask("POST", "/v1/feeds")).status_code == 503


@pytest.mark.asyncio
async def test_a_live_line_is_sent_away_to_come_back() -> None:
    """After the upgrade: browsers see no refusal over HTTP."""
    said = iter([{"type": "websocket.connect"}])
    answers: list[Any] = []

    async def receive() -> Any:
        return next(said)

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {
        "type": "websocket",
        "path": "/v1/live",
        "headers": [],
        "query_string": b"",
    }
    await create_app(SETTINGS)(scope, receive, send)
    assert [answer["type"] for answer in answers] == [
        "websocket.accept",
        "websocket.close",
    ]
    assert answers[-1]["code"] == 4000


def test_the_app_knows_its_process() -> None:
    """So that the worker can drain it."""
    app = create_app(Settings())
    assert isinstance(app.state.serving, ServerProcess)


@pytest.mark.asyncio
async def test_a_part_that_fails_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a server would look like a whole one to its readers."""

    async def run(self: Inbox) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Inbox, "run", run)
    valkey = EmbeddedValkey(tmp_path / "data", Settings())
    settings = Settings(redis=await valkey.start())
    try:
        app = create_app(settings)
        async with asyncio.timeout(60), app.router.lifespan_context(app):
            await app.state.serving.over.wait()
            assert app.state.serving.failed
    finally:
        await valkey.stop()
    assert "ZeroDivisionError" in caplog.text
