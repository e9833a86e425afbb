"""Who can't be let onto the live line, or must leave it, and how they are told."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.client import ClientConnection

from tests.unit.web.line.live_harness import (
    Liveroom,
    code,
    cursors,
    on_every_server,
    take,
)


@on_every_server()
async def test_a_follow_that_can_not_be_is_an_error_and_the_socket_stays(
    room: Liveroom,
) -> None:
    room.paper.make("secret", visibility="private")
    async with room.ws("feed=x") as socket:
        await take(socket, 1)
        for feed in ("nowhere", "secret"):
            await socket.send(json.dumps({"op": "follow", "feed": feed}))
            (error,) = await take(socket, 1)
            assert error["type"] == "error"
            assert (error["feed"], error["code"]) == (feed, 4404)
        room.publish(1)
        assert cursors(await take(socket, 1)) == ["published k3v9-1"]


BAD = {
    "no-feed": "",
    "repeated": "feed=x&feed=x",
    "slug": "feed=Not%20a%20slug",
    "cursor": "feed=x@k3v9",
    "too-many": "&".join(f"feed=f{n}" for n in range(33)),
}


@on_every_server()
async def test_a_bad_request_is_closed_4400_after_the_upgrade(room: Liveroom) -> None:
    for query in BAD.values():
        async with room.ws(query) as socket:
            assert await code(socket) == 4400, query


@on_every_server()
async def test_refusals_come_as_close_codes(room: Liveroom) -> None:
    room.paper.make("secret", visibility="private")
    room.paper.make("over", status="closed")
    room.paper.make("closing", status="closed")
    room.time += 3599
    for query, headers, expected in [
        ("feed=nowhere", {}, 4404),
        ("feed=x&feed=nowhere", {}, 4404),
        ("feed=secret", {}, 4404),
        ("feed=secret", {"Authorization": "Bearer sp_other"}, 4404),
        ("feed=secret", {"Authorization": "Bearer sp_wrong"}, 4401),
        ("feed=x&token=sp_wrong", {}, 4401),
    ]:
        async with room.ws(query, additional_headers=headers) as socket:
            assert await code(socket) == expected, (query, headers)
    async with room.ws("feed=closing") as socket:
        await take(socket, 1)
        room.time += 1
        room.hub.tick(room.hub.now())
        assert await code(socket) == 4410
    async with room.ws("feed=over") as socket:
        assert await code(socket) == 4410
    async with room.stream("over") as stream:
        assert stream.response.status_code == 204


@on_every_server()
async def test_a_token_opens_a_private_feed_on_every_transport(room: Liveroom) -> None:
    room.paper.make("secret", visibility="private")
    bearer = {"Authorization": "Bearer sp_all"}
    async with room.ws("feed=secret", additional_headers=bearer) as socket:
        assert cursors(await take(socket, 1)) == ["hello k3v9-0"]
    async with room.ws("feed=secret&token=sp_all") as socket:
        assert cursors(await take(socket, 1)) == ["hello k3v9-0"]
    async with room.stream("secret", "token=sp_all") as stream:
        assert cursors(await stream.take(1)) == ["hello k3v9-0"]
    assert (await room.get("/v1/feeds/secret/events", **bearer)).status_code == 200
    assert (await room.get("/v1/feeds/secret/events")).status_code == 404
    wrong = {"Authorization": "Bearer sp_wrong"}
    assert (await room.get("/v1/feeds/secret/events", **wrong)).status_code == 401


@on_every_server()
async def test_a_stale_cookie_is_nobody_on_every_transport(room: Liveroom) -> None:
    """The page that it rides along with did not send it: what is public stays live."""
    room.paper.make("secret", visibility="private")
    stale = {"cookie": "stoppress_desk=sps_wrong", "origin": "http://h"}
    async with room.ws("feed=x", additional_headers=stale) as socket:
        assert cursors(await take(socket, 1)) == ["hello k3v9-0"]
    async with room.stream("x", **stale) as stream:
        assert cursors(await stream.take(1)) == ["hello k3v9-0"]
    assert (await room.get("/v1/feeds/x/events", **stale)).status_code == 200
    async with room.ws("feed=secret", additional_headers=stale) as socket:
        assert await code(socket) == 4404
    assert (await room.get("/v1/feeds/secret/events", **stale)).status_code == 404


@on_every_server()
async def test_a_cookie_counts_for_our_own_origin_alone(room: Liveroom) -> None:
    """A page of a sibling site reads what anyone may, and no more."""
    room.paper.make("secret", visibility="private")
    await room.hub.channel("secret")
    desk = {"cookie": "stoppress_desk=sps_all"}
    ours = desk | {"origin": "http://h"}
    async with room.ws("feed=secret", additional_headers=ours) as socket:
        assert cursors(await take(socket, 1)) == ["hello k3v9-0"]
    async with room.stream("secret", **ours) as stream:
        assert cursors(await stream.take(1)) == ["hello k3v9-0"]
    assert (await room.get("/v1/feeds/secret/events", **ours)).status_code == 200
    for whose in ({"origin": "http://blog.h"}, {"sec-fetch-site": "same-site"}):
        sibling = desk | whose
        async with room.ws("feed=secret", additional_headers=sibling) as socket:
            assert await code(socket) == 4404
        async with room.ws("feed=x", additional_headers=sibling) as socket:
            assert cursors(await take(socket, 1)) == ["hello k3v9-0"]
        for accept in ("text/event-stream", "application/json"):
            answer = await room.get("/v1/feeds/secret/events", accept=accept, **sibling)
            assert answer.status_code == 404


@on_every_server()
async def test_a_feed_that_becomes_private_shuts_its_readers_out(
    room: Liveroom,
) -> None:
    """They are not told what changed, either."""
    bearer = {"Authorization": "Bearer sp_all"}
    async with (
        room.ws("feed=x") as anyone,
        room.ws("feed=x", additional_headers=bearer) as known,
    ):
        await take(anyone, 1)
        await take(known, 1)
        room.paper.change("x", visibility="private", title="Hush")
        (message,) = await take(known, 1)
        assert message["value"]["title"] == "Hush"
        with pytest.raises(Exception, match="4404"):
            await take(anyone, 1)


@on_every_server()
async def test_a_deleted_feed_closes_4410_and_its_name_is_free(room: Liveroom) -> None:
    async with room.ws("feed=x") as socket, room.ws("feed=x&feed=other") as both:
        await take(socket, 1)
        await take(both, 2)
        asking = asyncio.create_task(room.get("/v1/feeds/x/events?since=k3v9-0"))
        await room.until(lambda: room.size() == 3)
        room.paper.drop("x")
        assert await code(socket) == 4410
        (error,) = await take(both, 1)
        assert (error["feed"], error["code"]) == ("x", 4410)
        assert (await asking).status_code == 204
        room.paper.publish("other")
        assert cursors(await take(both, 1)) == ["published k3v9-1"]
    room.paper.make("x", epoch="again")
    async with room.ws("feed=x@k3v9-0") as socket:
        assert cursors(await take(socket, 1)) == ["reset again-0"]


@on_every_server()
async def test_what_a_reader_may_not_say(room: Liveroom) -> None:
    """Junk, binary and over 4 KiB close 4400."""

    async def says(socket: ClientConnection, message: str | bytes) -> int | None:
        await take(socket, 1)
        await socket.send(message)
        return await code(socket)

    for junk in (
        "hello?",
        "[]",
        '{"op":"dance","feed":"x"}',
        '{"op":"follow"}',
        '{"op":"follow","feed":"X Y"}',
        '{"op":"follow","feed":"x","cursor":"nonsense"}',
        b'{"op":"unfollow","feed":"x"}',
        json.dumps({"op": "unfollow", "feed": "x", "pad": "n" * 4096}),
    ):
        async with room.ws("feed=x") as socket:
            assert await says(socket, junk) == 4400, junk
    async with room.ws("feed=x") as socket:
        op = json.dumps({"op": "unfollow", "feed": "other", "pad": "n" * 3000})
        await take(socket, 1)
        await socket.send([op[:100], op[100:]])  # in two fragments
        room.publish(1)
        await take(socket, 1)


@on_every_server()
async def test_too_many_readers_are_told_to_come_back(room: Liveroom) -> None:
    object.__setattr__(room.settings, "max_readers", 1)
    async with room.ws("feed=x") as first:
        await take(first, 1)
        async with room.ws("feed=x") as second:
            (bye,) = await take(second, 1)
            assert bye["type"] == "bye"
            assert await code(second) == 4029
        await told_to_come_back(room, "x")
        refused = await room.get("/v1/feeds/x/events")
        assert refused.status_code == 429
        assert refused.headers["retry-after"].isdigit()


@on_every_server(address_handshakes_per_s=0.1)
async def test_too_many_handshakes_of_one_address_are_refused(room: Liveroom) -> None:
    """Three at once here; then each transport is told to come back in its own way."""
    for _ in range(3):
        async with room.ws("feed=x") as socket:
            await take(socket, 1)
    async with room.ws("feed=x") as socket:
        (bye,) = await take(socket, 1)
        assert bye["type"] == "bye" and bye["retry_ms"] >= 0
        assert await code(socket) == 4029
    await told_to_come_back(room, "x")
    refused = await room.get("/v1/feeds/x/events")
    assert refused.status_code == 429
    assert refused.headers["retry-after"].isdigit()
    assert room.ledger.sum("stoppress_limited") == 3


async def told_to_come_back(room: Liveroom, feed: str) -> None:
    """An EventSource gives up for good on any status but 200."""
    async with room.stream(feed) as stream:
        assert stream.response.status_code == 200
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        assert stream.response.headers["cache-control"].startswith("no-store")
        assert stream.response.headers["access-control-allow-origin"] == "*"
        bye = await stream.next()
        assert bye is not None and bye[:2] == ("bye", None)
        assert stream.retry
        assert await stream.next() is None


@on_every_server()
async def test_redis_away_sends_newcomers_back_and_keeps_readers(
    room: Liveroom,
) -> None:
    async with room.ws("feed=x") as socket:
        await take(socket, 1)
        room.paper.store.away = True
        async with room.ws("feed=other") as connection:
            (bye,) = await take(connection, 1)
            assert bye["type"] == "bye"
            assert await code(connection) == 4000
        assert (await room.get("/v1/feeds/other/events")).status_code == 503
        await told_to_come_back(room, "other")
        async with room.ws("feed=x") as another:  # which is open already
            await take(another, 1)
            room.publish(1)
            assert await take(socket, 1) == await take(another, 1)


@on_every_server()
async def test_a_drain_sends_everyone_away_to_come_back_spread_out(
    room: Liveroom,
) -> None:
    async with room.ws("feed=x&feed=other") as socket, room.stream("x") as stream:
        await take(socket, 2)
        await stream.take(1)
        asking = asyncio.create_task(room.get("/v1/feeds/x/events?since=k3v9-0"))
        await room.until(lambda: room.size() == 3)
        await room.hub.drain(0.05)
        (bye,) = await take(socket, 1)
        assert bye["type"] == "bye"
        assert 0 <= bye["retry_ms"] <= 4000
        assert await code(socket) == 4000
        event = await stream.next()
        assert event is not None
        assert event[0] == "bye"
        assert event[1] is None
        assert stream.retry[-1] == event[2]["retry_ms"]
        assert await stream.next() is None
        assert (await asking).json() == {"cursor": "k3v9-0", "events": []}
    async with room.ws("feed=x") as late:
        assert await code(late) == 4000


@on_every_server()
async def test_plain_http_is_told_to_upgrade(room: Liveroom) -> None:
    answer = await room.get("/v1/live?feed=x")
    assert answer.status_code == 426
    assert answer.headers["upgrade"] == "websocket"
    assert answer.headers["content-type"] == "application/problem+json"


@on_every_server(ring_events=64)
async def test_who_falls_out_of_the_ring_is_closed_and_comes_back_reset(
    room: Liveroom,
) -> None:
    """A reader that takes nothing keeps its place until the ring has moved on."""
    async with room.ws("feed=x", max_queue=1) as slow, room.ws("feed=x") as quick:
        await take(slow, 1)
        await take(quick, 1)
        slow.transport.pause_reading()
        for _ in range(30):
            for _ in range(20):
                room.paper.publish("x", "n" * 30_000)
            await take(quick, 20)
        slow.transport.resume_reading()
        last = 0
        with pytest.raises(Exception, match="4001"):
            while True:
                (message,) = await take(slow, 1)
                seq = int(message["cursor"].split("-")[1])
                assert seq == last + 1
                last = seq
        assert 0 < last < 600
    async with room.ws(f"feed=x@k3v9-{last}") as again:
        assert cursors(await take(again, 1)) == ["reset k3v9-600"]
