"""Who can't be let onto the live line, or must leave it, and how they are told."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.client import ClientConnection

from tests.unit.web.line.live_harness import (
    LiveServer,
    code,
    cursors,
    on_every_server,
    take,
)


@on_every_server()
async def test_a_refused_follow_is_an_error_message_and_the_socket_stays(
    live: LiveServer,
) -> None:
    live.upstream.make("secret", visibility="private")
    async with live.ws("feed=x") as socket:
        await take(socket, 1)
        for feed in ("nowhere", "secret"):
            await socket.send(json.dumps({"op": "follow", "feed": feed}))
            (error,) = await take(socket, 1)
            assert error["type"] == "error"
            assert (error["feed"], error["code"]) == (feed, 4404)
        live.publish(1)
        assert cursors(await take(socket, 1)) == ["published k3v9-1"]


BAD = {
    "no-feed": "",
    "repeated": "feed=x&feed=x",
    "slug": "feed=Not%20a%20slug",
    "cursor": "feed=x@k3v9",
    "too-many": "&".join(f"feed=f{n}" for n in range(33)),
}


@on_every_server()
async def test_a_bad_request_is_closed_4400_after_the_upgrade(live: LiveServer) -> None:
    for query in BAD.values():
        async with live.ws(query) as socket:
            assert await code(socket) == 4400, query


@on_every_server()
async def test_refusals_are_close_codes(live: LiveServer) -> None:
    live.upstream.make("secret", visibility="private")
    live.upstream.make("over", status="closed")
    live.upstream.make("closing", status="closed")
    live.time += 3599
    for query, headers, expected in [
        ("feed=nowhere", {}, 4404),
        ("feed=x&feed=nowhere", {}, 4404),
        ("feed=secret", {}, 4404),
        ("feed=secret", {"Authorization": "Bearer sp_other"}, 4404),
        ("feed=secret", {"Authorization": "Bearer sp_wrong"}, 4401),
        ("feed=x&token=sp_wrong", {}, 4401),
        ("feed=x&ticket=sp_all", {}, 4401),
        ("feed=x&ticket=%20sp_all", {}, 4401),
    ]:
        async with live.ws(query, additional_headers=headers) as socket:
            assert await code(socket) == expected, (query, headers)
    async with live.ws("feed=closing") as socket:
        await take(socket, 1)
        live.time += 1
        live.hub.tick(live.hub.now())
        assert await code(socket) == 4410
    async with live.ws("feed=over") as socket:
        assert await code(socket) == 4410
    async with live.stream("over") as stream:
        assert stream.response.status_code == 204


@on_every_server()
async def test_a_token_opens_a_private_feed_on_every_transport(
    live: LiveServer,
) -> None:
    live.upstream.make("secret", visibility="private")
    bearer = {"Authorization": "Bearer sp_all"}
    async with live.ws("feed=secret", additional_headers=bearer) as socket:
        assert cursors(await take(socket, 1)) == ["hello k3v9-0"]
    for query in ("token=sp_all", "token=%20sp_all", "ticket=st_secret"):
        async with live.ws(f"feed=secret&{query}") as socket:
            assert cursors(await take(socket, 1)) == ["hello k3v9-0"]
    async with live.stream("secret", "token=sp_all") as stream:
        assert cursors(await stream.take(1)) == ["hello k3v9-0"]
    assert (await live.get("/v1/feeds/secret/events", **bearer)).status_code == 200
    assert (await live.get("/v1/feeds/secret/events")).status_code == 404
    wrong = {"Authorization": "Bearer sp_wrong"}
    assert (await live.get("/v1/feeds/secret/events", **wrong)).status_code == 401


@on_every_server()
async def test_a_stale_cookie_is_ignored_on_every_transport(live: LiveServer) -> None:
    """The browser sends it unasked: a public feed stays readable."""
    live.upstream.make("secret", visibility="private")
    stale = {"cookie": "stoppress_desk=sps_wrong", "origin": "http://h"}
    async with live.ws("feed=x", additional_headers=stale) as socket:
        assert cursors(await take(socket, 1)) == ["hello k3v9-0"]
    async with live.stream("x", **stale) as stream:
        assert cursors(await stream.take(1)) == ["hello k3v9-0"]
    assert (await live.get("/v1/feeds/x/events", **stale)).status_code == 200
    async with live.ws("feed=secret", additional_headers=stale) as socket:
        assert await code(socket) == 4404
    assert (await live.get("/v1/feeds/secret/events", **stale)).status_code == 404


@on_every_server()
async def test_a_stale_cookie_leaves_the_ticket_beside_it(live: LiveServer) -> None:
    """On every transport; not at the desk, whose person has to sign in again."""
    live.upstream.make("secret", visibility="private")
    await live.hub.channel("secret")
    cookies = "stoppress_desk=sps_wrong; stoppress_ticket=st_secret"
    both = {"cookie": cookies, "origin": "http://h"}
    for query in ("feed=secret", "feed=x&feed=secret"):
        async with live.ws(query, additional_headers=both) as socket:
            assert (await take(socket, 1))[0]["type"] == "hello"
    async with live.stream("secret", **both) as stream:
        assert cursors(await stream.take(1)) == ["hello k3v9-0"]
    assert (await live.get("/v1/feeds/secret/events", **both)).status_code == 200
    async with live.ws("desk=secret&feed=x", additional_headers=both) as socket:
        assert await code(socket) == 4401
    sibling = {"cookie": cookies, "origin": "http://blog.h"}
    async with live.ws("feed=secret", additional_headers=sibling) as socket:
        assert await code(socket) == 4404


@on_every_server()
async def test_a_cookie_counts_only_from_the_sites_own_origin(live: LiveServer) -> None:
    """A page of a sibling site reads public feeds only."""
    live.upstream.make("secret", visibility="private")
    await live.hub.channel("secret")
    desk = {"cookie": "stoppress_desk=sps_all"}
    ours = desk | {"origin": "http://h"}
    async with live.ws("feed=secret", additional_headers=ours) as socket:
        assert cursors(await take(socket, 1)) == ["hello k3v9-0"]
    async with live.stream("secret", **ours) as stream:
        assert cursors(await stream.take(1)) == ["hello k3v9-0"]
    assert (await live.get("/v1/feeds/secret/events", **ours)).status_code == 200
    for whose in ({"origin": "http://blog.h"}, {"sec-fetch-site": "same-site"}):
        sibling = desk | whose
        async with live.ws("feed=secret", additional_headers=sibling) as socket:
            assert await code(socket) == 4404
        async with live.ws("feed=x", additional_headers=sibling) as socket:
            assert cursors(await take(socket, 1)) == ["hello k3v9-0"]
        for accept in ("text/event-stream", "application/json"):
            answer = await live.get("/v1/feeds/secret/events", accept=accept, **sibling)
            assert answer.status_code == 404


@on_every_server()
async def test_a_feed_that_becomes_private_disconnects_its_readers(
    live: LiveServer,
) -> None:
    """They don't receive the change, either."""
    bearer = {"Authorization": "Bearer sp_all"}
    async with (
        live.ws("feed=x") as anyone,
        live.ws("feed=x", additional_headers=bearer) as known,
    ):
        await take(anyone, 1)
        await take(known, 1)
        live.upstream.change("x", visibility="private", title="Hush")
        (message,) = await take(known, 1)
        assert message["value"]["title"] == "Hush"
        with pytest.raises(Exception, match="4404"):
            await take(anyone, 1)


@on_every_server()
async def test_a_deleted_feed_closes_4410_and_its_slug_is_free(
    live: LiveServer,
) -> None:
    async with live.ws("feed=x") as socket, live.ws("feed=x&feed=other") as both:
        await take(socket, 1)
        await take(both, 2)
        asking = asyncio.create_task(live.get("/v1/feeds/x/events?since=k3v9-0"))
        await live.until(lambda: live.size() == 3)
        live.upstream.drop("x")
        assert await code(socket) == 4410
        (error,) = await take(both, 1)
        assert (error["feed"], error["code"]) == ("x", 4410)
        assert (await asking).status_code == 204
        live.upstream.publish("other")
        assert cursors(await take(both, 1)) == ["published k3v9-1"]
    live.upstream.make("x", epoch="again")
    async with live.ws("feed=x@k3v9-0") as socket:
        assert cursors(await take(socket, 1)) == ["reset again-0"]


@on_every_server()
async def test_an_invalid_reader_message_closes_4400(live: LiveServer) -> None:
    """Invalid JSON, binary and over 4 KiB."""

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
        async with live.ws("feed=x") as socket:
            assert await says(socket, junk) == 4400, junk
    async with live.ws("feed=x") as socket:
        op = json.dumps({"op": "unfollow", "feed": "other", "pad": "n" * 3000})
        await take(socket, 1)
        await socket.send([op[:100], op[100:]])  # in two fragments
        live.publish(1)
        await take(socket, 1)


@on_every_server()
async def test_readers_over_the_limit_get_a_retry_time(live: LiveServer) -> None:
    object.__setattr__(live.settings, "max_readers", 1)
    async with live.ws("feed=x") as first:
        await take(first, 1)
        async with live.ws("feed=x") as second:
            (bye,) = await take(second, 1)
            assert bye["type"] == "bye"
            assert await code(second) == 4029
        await told_to_come_back(live, "x")
        refused = await live.get("/v1/feeds/x/events")
        assert refused.status_code == 429
        assert refused.headers["retry-after"].isdigit()


@on_every_server(address_handshakes_per_s=0.1)
async def test_handshakes_over_the_limit_per_address_are_refused(
    live: LiveServer,
) -> None:
    """Three at once here; each transport then gets a retry time in its own way."""
    for _ in range(3):
        async with live.ws("feed=x") as socket:
            await take(socket, 1)
    async with live.ws("feed=x") as socket:
        (bye,) = await take(socket, 1)
        assert bye["type"] == "bye" and bye["retry_ms"] >= 0
        assert await code(socket) == 4029
    await told_to_come_back(live, "x")
    refused = await live.get("/v1/feeds/x/events")
    assert refused.status_code == 429
    assert refused.headers["retry-after"].isdigit()
    assert live.ledger.sum("stoppress_limited") == 3


async def told_to_come_back(live: LiveServer, feed: str) -> None:
    """An EventSource gives up for good on any status but 200."""
    async with live.stream(feed) as stream:
        assert stream.response.status_code == 200
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        assert stream.response.headers["cache-control"].startswith("no-store")
        assert stream.response.headers["access-control-allow-origin"] == "*"
        bye = await stream.next()
        assert bye is not None and bye[:2] == ("bye", None)
        assert stream.retry
        assert await stream.next() is None


@on_every_server()
async def test_without_redis_new_readers_are_refused_and_connected_ones_stay(
    live: LiveServer,
) -> None:
    async with live.ws("feed=x") as socket:
        await take(socket, 1)
        live.upstream.store.away = True
        async with live.ws("feed=other") as connection:
            (bye,) = await take(connection, 1)
            assert bye["type"] == "bye"
            assert await code(connection) == 4000
        assert (await live.get("/v1/feeds/other/events")).status_code == 503
        await told_to_come_back(live, "other")
        async with live.ws("feed=x") as another:  # which is open already
            await take(another, 1)
            live.publish(1)
            assert await take(socket, 1) == await take(another, 1)


@on_every_server()
async def test_a_drain_closes_all_readers_with_spread_retry_times(
    live: LiveServer,
) -> None:
    async with live.ws("feed=x&feed=other") as socket, live.stream("x") as stream:
        await take(socket, 2)
        await stream.take(1)
        asking = asyncio.create_task(live.get("/v1/feeds/x/events?since=k3v9-0"))
        await live.until(lambda: live.size() == 3)
        await live.hub.drain(0.05)
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
    async with live.ws("feed=x") as late:
        assert await code(late) == 4000


@on_every_server()
async def test_plain_http_gets_426(live: LiveServer) -> None:
    answer = await live.get("/v1/live?feed=x")
    assert answer.status_code == 426
    assert answer.headers["upgrade"] == "websocket"
    assert answer.headers["content-type"] == "application/problem+json"


@on_every_server(ring_events=64)
async def test_a_reader_behind_the_ring_is_closed_and_reset_on_return(
    live: LiveServer,
) -> None:
    """A reader that takes nothing keeps its cursor until the ring has moved on."""
    async with live.ws("feed=x", max_queue=1) as slow, live.ws("feed=x") as quick:
        await take(slow, 1)
        await take(quick, 1)
        slow.transport.pause_reading()
        for _ in range(30):
            for _ in range(20):
                live.upstream.publish("x", "n" * 30_000)
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
    async with live.ws(f"feed=x@k3v9-{last}") as again:
        assert cursors(await take(again, 1)) == ["reset k3v9-600"]
