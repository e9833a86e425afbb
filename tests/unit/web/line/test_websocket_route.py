"""The WebSocket: many feeds on one, pings and closes."""

from __future__ import annotations

import asyncio

from tests.unit.web.line.live_harness import LiveServer, cursors, on_every_server, take


@on_every_server()
async def test_one_socket_follows_many_feeds(live: LiveServer) -> None:
    async with live.ws("feed=x&feed=other") as socket:
        hellos = await take(socket, 2)
        assert {hello["feed"] for hello in hellos} == {"x", "other"}
        live.upstream.publish("x")
        live.upstream.publish("other")
        assert {m["feed"] for m in await take(socket, 2)} == {"x", "other"}
        await socket.send('{"op":"unfollow","feed":"x"}')
        await socket.send('{"op":"follow","feed":"other","cursor":"k3v9-0"}')
        got = await take(socket, 2)
        assert cursors(got) == ["hello k3v9-0", "published k3v9-1"]
        assert {m["feed"] for m in got} == {"other"}
        live.upstream.publish("x")
        live.upstream.publish("other")
        (message,) = await take(socket, 1)
        assert message["feed"] == "other"


@on_every_server()
async def test_pings_and_closes_are_answered(live: LiveServer) -> None:
    async with live.ws("feed=x") as socket:
        await take(socket, 1)
        async with asyncio.timeout(60):
            await (await socket.ping(b"are you there"))
        await socket.close(1000)
        assert socket.close_code == 1000
    await live.until(lambda: live.ledger.here == 0)
