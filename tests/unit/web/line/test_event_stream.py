"""The event stream: its head, ids and names."""

from __future__ import annotations

from tests.unit.web.line.live_harness import LiveServer, on_every_server


@on_every_server()
async def test_the_stream_has_the_headers_that_proxies_need(live: LiveServer) -> None:
    live.publish(1)
    async with live.stream("x", "since=k3v9-0", last_event_id="") as stream:
        headers = stream.response.headers
        assert headers["content-type"].startswith("text/event-stream")
        assert headers["cache-control"] == "no-store, no-transform"
        assert headers["x-accel-buffering"] == "no"
        assert headers["access-control-allow-origin"] == "*"
        hello, event = await stream.next(), await stream.next()
        assert hello is not None and event is not None
        assert hello[:2] == ("hello", "k3v9-0")
        assert event[:2] == ("post.published", "k3v9-1")
        assert 0 <= stream.retry[0] <= 4000
    async with live.stream("x", "since=k3v9-1&lastEventId=k3v9-0") as stream:
        hello = await stream.next()
        assert hello is not None and hello[:2] == ("hello", "k3v9-0")
    async with live.stream(
        "x", "since=k3v9-1&lastEventId=k3v9-1", last_event_id="k3v9-0"
    ) as stream:
        hello = await stream.next()
        assert hello is not None and hello[:2] == ("hello", "k3v9-0")
    bad = await live.get("/v1/feeds/x/events?since=1", accept="text/event-stream")
    assert bad.status_code == 400
