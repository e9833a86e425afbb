"""The long poll: what it answers at once, and how long it waits."""

from __future__ import annotations

import asyncio

from stoppress.web.line import long_poll
from tests.unit.web.line.live_harness import LiveServer, on_every_server


@on_every_server()
async def test_a_poll_answers_as_documented(live: LiveServer) -> None:
    live.publish(250)
    head = await live.get("/v1/feeds/x/events")
    assert head.json() == {"cursor": "k3v9-250", "events": []}
    assert head.headers["cache-control"] == "no-store"
    assert head.headers["access-control-allow-origin"] == "*"
    page = (await live.get("/v1/feeds/x/events?since=k3v9-0")).json()
    assert len(page["events"]) == 200
    assert page["cursor"] == page["events"][-1]["cursor"] == "k3v9-200"
    quiet = await live.get("/v1/feeds/x/events?since=k3v9-250&wait=0")
    assert quiet.json() == {"cursor": "k3v9-250", "events": []}
    for query, status in [
        ("since=nonsense", 400),
        ("since=", 400),
        ("wait=61", 422),
        ("wait=-1", 422),
        ("wait=soon", 422),
        ("wait=0000000300", 422),
        ("wait=000000000" + "9" * 400, 422),
    ]:
        answer = await live.get(f"/v1/feeds/x/events?{query}")
        assert answer.status_code == status, query
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await live.get("/v1/feeds/nowhere/events")).status_code == 404
    assert (await live.get("/v1/feeds/No%20slug/events")).status_code == 404


def test_an_answer_is_limited_in_bytes() -> None:
    """It has at least one message; the cursor is that of the last message."""
    messages = [b"x" * 40] * 5
    assert long_poll._within(messages, 100) == messages[:3]
    assert long_poll._within(messages, 120) == messages[:3]
    assert long_poll._within(messages, 1) == messages[:1]
    assert long_poll._within(messages, 1000) == messages


@on_every_server()
async def test_a_poll_ends_when_its_client_disconnects(live: LiveServer) -> None:
    """At once, not at its timeout; other polls continue."""
    live.publish(1)
    staying = asyncio.create_task(live.get("/v1/feeds/x/events?since=k3v9-1&wait=60"))
    leaving = asyncio.create_task(live.get("/v1/feeds/x/events?since=k3v9-1&wait=60"))
    await live.until(lambda: live.size() == 2)
    leaving.cancel()
    await live.until(lambda: live.size() == 1)
    live.publish(1)
    assert (await staying).json()["cursor"] == "k3v9-2"
