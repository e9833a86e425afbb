"""The live line over real sockets: same messages and cursors on every transport."""

from __future__ import annotations

import asyncio

from stoppress.domain.timestamps import parse_instant
from tests.unit.web.line.live_harness import LiveServer, cursors, on_every_server, take


@on_every_server()
async def test_a_reader_from_now_gets_hello_at_the_head_and_later_events(
    live: LiveServer,
) -> None:
    live.publish(3)
    async with live.ws("feed=x") as socket:
        (hello,) = await take(socket, 1)
        assert parse_instant(hello.pop("at"))
        assert hello == {
            "type": "hello",
            "feed": "x",
            "cursor": "k3v9-3",
            "resumed": False,
            "beat": 25,
            "retry_ms": 4000,
        }
        live.upstream.publish("x", "news")
        live.upstream.edit("x", "p4", "better")
        got = await take(socket, 2)
        live.upstream.withdraw("x", "p4")
        live.upstream.change("x", title="New")
        got += await take(socket, 2)
    assert cursors(got) == [
        "published k3v9-4",
        "updated k3v9-5",
        "withdrawn k3v9-6",
        "updated k3v9-7",
    ]
    assert got[0]["post"]["url"] == "http://h/live/x/p4"
    assert got[2]["post"] == {"id": "p4"}
    assert got[3]["value"]["title"] == "New"


@on_every_server()
async def test_a_reader_resumes_at_its_cursor(live: LiveServer) -> None:
    live.publish(5)
    async with live.ws("feed=x@k3v9-2") as socket:
        got = await take(socket, 4)
        assert got[0]["resumed"] is True
        assert got[0]["cursor"] == "k3v9-2"
        assert cursors(got[1:]) == [f"published k3v9-{n}" for n in (3, 4, 5)]
        live.publish(1)
        assert cursors(await take(socket, 1)) == ["published k3v9-6"]


@on_every_server()
async def test_all_transports_carry_the_same_messages(live: LiveServer) -> None:
    live.publish(2)
    async with (
        live.ws("feed=x@k3v9-1") as socket,
        live.stream("x", "since=k3v9-1") as s,
    ):
        by_socket, by_stream = await take(socket, 2), await s.take(2)
        for hello in (by_socket[0], by_stream[0]):
            assert hello.pop("at"), "when it was made"
        assert by_socket == by_stream
        asking = asyncio.create_task(live.get("/v1/feeds/x/events?since=k3v9-2"))
        await live.until(lambda: live.size() == 3)
        live.upstream.publish("x", "çağrı ölüm şiir")
        by_socket, by_stream = await take(socket, 1), await s.take(1)
        answer = await asking
    assert by_socket == by_stream == answer.json()["events"]
    assert answer.json()["cursor"] == "k3v9-3"


@on_every_server()
async def test_a_reader_may_change_transports_mid_stream(live: LiveServer) -> None:
    seen: list[str] = []
    async with live.ws("feed=x") as socket:
        (hello,) = await take(socket, 1)
        live.publish(2)
        seen += [m["cursor"] for m in await take(socket, 2)]
    live.publish(2)
    async with live.stream("x", last_event_id=seen[-1], since="k3v9-0") as stream:
        first = await stream.next()
        assert first is not None
        assert first[2]["resumed"]
        seen += [m["cursor"] for m in await stream.take(2)]
    live.publish(2)
    answer = await live.get(f"/v1/feeds/x/events?since={seen[-1]}")
    seen += [m["cursor"] for m in answer.json()["events"]]
    assert seen == [f"k3v9-{n}" for n in range(1, 7)]


@on_every_server()
async def test_a_cursor_outside_the_log_is_reset(live: LiveServer) -> None:
    """Another epoch, older than the log's window, beyond its head."""
    live.upstream.window_events = 2
    live.publish(5)
    for channel in list(live.hub._channels.all()):
        live.hub.channel_ended(channel)  # so that it is filled from that window
    for place in ("zzz-3", "k3v9-1", "k3v9-99"):
        async with live.ws(f"feed=x@{place}") as socket:
            (reset,) = await take(socket, 1)
            assert reset == {
                "type": "reset",
                "feed": "x",
                "cursor": "k3v9-5",
                "retry_ms": 3000,
            }
        async with live.stream("x", f"since={place}") as stream:
            event = await stream.next()
            assert event is not None
            assert event[0] == "reset"
            assert event[1] == "k3v9-5"
        answer = await live.get(f"/v1/feeds/x/events?since={place}")
        assert answer.json() == {"reset": True, "cursor": "k3v9-5", "retry_ms": 3000}
    async with live.ws("feed=x@zzz-3") as socket:
        await take(socket, 1)
        live.publish(1)
        assert cursors(await take(socket, 1)) == ["published k3v9-6"]


@on_every_server()
async def test_a_cursor_ahead_of_the_subscription_waits_for_it(
    live: LiveServer,
) -> None:
    """The log has the event, the subscription not yet: no reset, one read for all."""
    live.publish(2)
    async with live.ws("feed=x") as first:
        await take(first, 1)
        live.upstream.held = True
        live.publish(2)
        sockets = [live.ws("feed=x@k3v9-4"), live.ws("feed=x@k3v9-3")]
        async with sockets[0] as ahead, sockets[1] as between:
            await live.until(lambda: live.upstream.heads >= 1)
            live.upstream.deliver("x")
            (hello,) = await take(ahead, 1)
            assert hello["resumed"] and hello["cursor"] == "k3v9-4"
            got = await take(between, 2)
            assert cursors(got) == ["hello k3v9-3", "published k3v9-4"]


@on_every_server()
async def test_a_new_epoch_resets_everyone(live: LiveServer) -> None:
    live.publish(3)
    async with live.ws("feed=x") as socket, live.stream("x") as stream:
        await take(socket, 1)
        await stream.take(1)
        asking = asyncio.create_task(live.get("/v1/feeds/x/events?since=k3v9-3"))
        await live.until(lambda: live.size() == 3)
        live.upstream.restart("x", "w7", keep=1)
        (reset,) = await take(socket, 1)
        assert reset["type"] == "reset"
        assert reset["cursor"] == "w7-1"
        assert await stream.take(1) == [reset]
        assert (await asking).json()["reset"] is True
        live.publish(1)
        assert cursors(await take(socket, 1)) == ["published w7-2"]


@on_every_server()
async def test_no_reader_stays_registered(live: LiveServer) -> None:
    """Closed, cut off, or a stream ended by its client."""
    async with live.ws("feed=x") as socket, live.stream("x") as stream:
        await take(socket, 1)
        await stream.take(1)
        assert live.ledger.here == 2
        socket.transport.abort()
    await live.until(lambda: live.ledger.here == 0)
    await live.until(lambda: live.size() == 0)


@on_every_server(beat_s=1)
async def test_beats_go_to_readers_at_the_head(live: LiveServer) -> None:
    live.publish(1)
    async with live.ws("feed=x") as socket, live.stream("x") as stream:
        await take(socket, 1)
        await stream.take(1)
        live.hub.tick(live.hub.now() + 1)
        assert await take(socket, 1) == [
            {"type": "beat", "feed": "x", "cursor": "k3v9-1"}
        ]
        beat = await stream.next()
        assert beat is not None
        assert beat[:2] == ("beat", None)


@on_every_server()
async def test_readers_receive_the_reader_count(live: LiveServer) -> None:
    live.upstream.make("crowd", show_readers=True)
    async with live.ws("feed=crowd") as socket:
        await take(socket, 1)
        live.hub.tick(live.hub.now() + 10)
        counted = {"type": "readers", "feed": "crowd", "count": 1}
        assert await take(socket, 1) == [counted]
        async with live.ws("feed=crowd") as another:
            await take(another, 1)
            live.hub.tick(live.hub.now() + 20)
            assert await take(socket, 1) == [counted | {"count": 2}]


@on_every_server(channel_idle_s=5.0)
async def test_a_feed_opens_once_and_closes_when_unused(live: LiveServer) -> None:
    live.upstream.answering = asyncio.Event()
    comers = [asyncio.create_task(live.get("/v1/feeds/x/events")) for _ in range(5)]
    await live.until(lambda: live.upstream.opens == 1)
    live.upstream.answering.set()
    assert {(await comer).status_code for comer in comers} == {200}
    async with live.ws("feed=x") as socket:
        await take(socket, 1)
        live.hub.tick(live.hub.now() + 100)
        assert live.upstream.closes == 0
    await live.until(lambda: live.size() == 0)
    live.hub.tick(live.hub.now() + 1)
    assert live.upstream.closes == 0
    live.hub.tick(live.hub.now() + 100)
    await live.until(lambda: live.upstream.closes == 1)
    async with live.ws("feed=x") as socket:
        await take(socket, 1)
    assert live.upstream.opens == 2


@on_every_server()
async def test_each_event_is_encoded_once_for_all_readers(live: LiveServer) -> None:
    async with (
        live.ws("feed=x") as one,
        live.ws("feed=x") as two,
        live.stream("x") as s,
    ):
        for got in (await take(one, 1), await take(two, 1), await s.take(1)):
            assert got[0]["type"] == "hello"
        live.publish(20)
        assert await take(one, 20) == await take(two, 20) == await s.take(20)
        await live.get("/v1/feeds/x/events?since=k3v9-0")
    assert live.ledger.encodes == 20
