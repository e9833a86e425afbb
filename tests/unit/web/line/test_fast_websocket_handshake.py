"""The fast path: what comes in by it, and what is left to the plain path."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from websockets.utils import accept_key

from stoppress.web.line.fast_websocket_handshake import HandshakeRequest
from tests.unit.web.line.bare import UPGRADE, raw
from tests.unit.web.line.live_harness import LiveServer, cursors, take

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
LOOPS = [uvloop.new_event_loop, asyncio.new_event_loop]

Test = Callable[[LiveServer], Awaitable[None]]


def by_the_fast_path(test: Test) -> Callable[[Any], None]:
    """Run a test on both loops, over a server with the fast path."""

    @pytest.mark.parametrize("loop", LOOPS, ids=["uvloop", "asyncio"])
    def run(loop: Any) -> None:
        async def scenario() -> None:
            async with asyncio.timeout(60), LiveServer("fast_path").running() as live:
                await live.create_feeds()
                await test(live)

        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(scenario())

    return cast("Callable[[Any], None]", run)


@by_the_fast_path
async def test_an_admitted_handshake_creates_no_task(live: LiveServer) -> None:
    live.upstream.make("secret", visibility="private")
    await live.hub.channel("secret")
    bearer = {"Authorization": "Bearer sp_all"}
    sibling = {"Cookie": "stoppress_desk=sps_all", "Origin": "http://blog.h"}
    async with (
        live.ws("feed=x") as now,
        live.ws("feed=x@k3v9-0&other=1") as resumed,
        live.ws("feed=secret&feed=x&token=sp_all") as by_query,
        live.ws("feed=secret", additional_headers=bearer) as by_header,
        live.ws("feed=x", additional_headers=sibling) as nobody,
    ):
        for one in (now, resumed, by_query, by_header, nobody):
            await take(one, 1)
        await take(by_query, 1)
        assert live.asked == 0
        live.upstream.publish("x")
        assert cursors(await take(now, 1)) == ["published k3v9-1"]


@pytest.mark.asyncio
async def test_a_handshake_under_a_site_path_creates_no_task() -> None:
    """Whether or not a proxy strips the path; another path is refused."""
    async with LiveServer("fast_path", public_url="http://h/news").running() as live:
        await live.create_feeds()
        for path in (b"", b"/news"):
            async with raw(live) as client:
                client.send(UPGRADE.replace(b"/v1/", path + b"/v1/"))
                await client.until(b'"hello"')
            assert live.asked == 0, path
        async with raw(live) as client:
            client.send(UPGRADE.replace(b"/v1/", b"/news2/v1/"))
            await live.until(lambda: live.asked == 1)


@by_the_fast_path
async def test_many_handshakes_create_no_task_and_no_store_read(
    live: LiveServer,
) -> None:
    """Counts, not times, are checked."""
    loop, opens = asyncio.get_running_loop(), live.upstream.opens
    clients = [socket.socket() for _ in range(100)]
    try:
        for client in clients:
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", live.port))
            await loop.sock_sendall(client, UPGRADE)
        for client in clients:
            seen = b""
            while b'"hello"' not in seen:
                seen += await loop.sock_recv(client, 65536)
        assert live.ledger.here == 100
    finally:
        for client in clients:
            client.close()
    assert live.asked == 0
    assert (live.upstream.opens, live.upstream.heads) == (opens, 0)
    await live.until(lambda: live.ledger.here == 0)
    await live.until(lambda: not live.server.server_state.connections)


@by_the_fast_path
async def test_queued_and_refused_handshakes_take_the_slow_path(
    live: LiveServer,
) -> None:
    """The answer is the same; later handshakes may use the fast path."""
    unknown = {"Authorization": "Bearer sp_wrong"}
    stale = {"Cookie": "stoppress_desk=sps_wrong", "Origin": "http://h"}
    session = {"Cookie": "stoppress_desk=sps_all", "Origin": "http://h"}
    asked = 0
    for query, headers in [
        ("feed=other", {}),  # not open yet
        ("feed=nowhere", {}),
        ("feed=", {}),
        ("feed=x&token=sp_wrong", {}),
        ("feed=x", unknown),
        ("feed=x", stale),
        ("feed=x", session),  # looked up each time
    ]:
        async with live.ws(query, additional_headers=headers) as client:
            asked += 1
            await live.until(lambda: live.asked == asked)  # noqa: B023  # awaited here
            await client.close()
    async with live.ws("feed=other") as client:
        await take(client, 1)
    assert live.asked == asked


@by_the_fast_path
async def test_the_answer_is_a_valid_handshake(live: LiveServer) -> None:
    async with raw(live) as client:
        client.send(UPGRADE)
        seen = await client.until(b'"hello"')
    assert live.asked == 0
    head, _, body = seen.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    assert status == "HTTP/1.1 101 Switching Protocols"
    assert dict(line.split(": ") for line in lines) == {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": accept_key(KEY),
    }
    assert body[0] == 0x81


BROKEN = {
    "key": (KEY, "c2hvcnQ="),
    "key-base64": (KEY, "dGhlIHNhbXBsZSBub25jZ?=="),
    "version": ("Version: 13", "Version: 8"),
    "no-version": ("Sec-WebSocket-Version: 13\r\n", ""),
    "two-keys": ("Host: h", f"Host: h\r\nSec-WebSocket-Key: {KEY}"),
    "method": ("GET", "POST"),
    "body": ("Host: h", "Host: h\r\nContent-Length: 5"),
    "http-1.0": ("HTTP/1.1", "HTTP/1.0"),
    "upgrade": ("Upgrade: websocket", "Upgrade: h2c"),
    "connection": ("Connection: Upgrade", "Connection: close"),
}


@pytest.mark.parametrize(("old", "new"), BROKEN.values(), ids=BROKEN)
def test_an_invalid_handshake_is_not_accepted(old: str, new: str) -> None:
    assert HandshakeRequest(UPGRADE).accept() == accept_key(KEY).encode()
    broken = UPGRADE.replace(old.encode(), new.encode(), 1)
    assert broken != UPGRADE
    assert HandshakeRequest(broken).accept() is None


@by_the_fast_path
async def test_other_requests_are_answered_by_the_application(live: LiveServer) -> None:
    async def answer(of: LiveServer, data: bytes) -> bytes:
        async with raw(of) as client:
            client.send(data)
            client.writer.write_eof()
            return (await client.end()).partition(b"\r\n")[0]

    async with LiveServer("takeover").running() as plain:
        await plain.create_feeds()
        for old, new in BROKEN.values():
            data = UPGRADE.replace(old.encode(), new.encode(), 1)
            if data.startswith(b"POST") or b"HTTP/1.0" in data:
                continue  # uvicorn's own business, which may keep the connection
            assert await answer(live, data) == await answer(plain, data), data
        await plain.until(lambda: not plain.hub.readers())


@by_the_fast_path
async def test_a_handshake_in_pieces_is_accepted(live: LiveServer) -> None:
    for cut in (3, 30, len(UPGRADE) - 1):
        async with raw(live) as client:
            client.send(UPGRADE[:cut])
            await live.until(lambda: bool(live.server.server_state.connections))
            await asyncio.sleep(0)
            client.send(UPGRADE[cut:])
            await client.until(b'"hello"')
        await live.until(lambda: not live.server.server_state.connections)


@by_the_fast_path
async def test_shutdown_closes_a_silent_connection(live: LiveServer) -> None:
    async with raw(live) as silent:
        await live.until(lambda: bool(live.server.server_state.connections))
        live.server.should_exit = True
        assert await silent.end() == b""


@by_the_fast_path
async def test_a_full_process_refuses_with_bye(live: LiveServer) -> None:
    object.__setattr__(live.settings, "max_readers", 1)
    async with live.ws("feed=x") as first:
        await take(first, 1)
        async with live.ws("feed=x") as second:
            (bye,) = await take(second, 1)
            assert bye["type"] == "bye"
    assert live.asked == 1


@given(st.binary(max_size=200), st.integers(0, len(UPGRADE)))
def test_any_bytes_are_accepted_or_left_to_the_application(
    data: bytes, at: int
) -> None:
    HandshakeRequest(UPGRADE[:at] + data + UPGRADE[at:]).accept()
