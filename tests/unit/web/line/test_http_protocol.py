"""Requests as foreign clients send them: in pieces, with upgrades, half-closed."""

from __future__ import annotations

import gc
import json

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from stoppress.web.line.head_checks import head_bytes
from stoppress.web.line.http_protocol import LiveHttp
from tests.unit.web.line.bare import STREAM, UPGRADE, Raw, raw, taken
from tests.unit.web.line.live_harness import LiveServer

POLL = b"GET /v1/feeds/x/events HTTP/1.1\r\nHost: h\r\n\r\n"
OFFER = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n"
)
SEGMENT = 1448
"""Bytes of a TCP segment on most networks."""


async def send_in_pieces(live: LiveServer, client: Raw, data: bytes) -> None:
    """Send bytes of which the server reads the first piece alone."""
    client.send(data[:SEGMENT])
    await live.until(
        lambda: any(
            isinstance(one, LiveHttp) and one._is_in_head
            for one in live.server.server_state.connections
        )
    )
    for at in range(SEGMENT, len(data), SEGMENT):
        client.send(data[at : at + SEGMENT])
        await client.writer.drain()


@taken
async def test_a_31_kib_handshake_in_segments_is_accepted(live: LiveServer) -> None:
    """A long cookie or many headers: both are answered like a short one."""
    cookie = b"Cookie: a=" + b"c" * 31_000 + b"\r\n"
    many = b"".join(b"X-Header-%d: some value\r\n" % n for n in range(1000))
    for more in (cookie, many):
        handshake = UPGRADE.replace(b"Upgrade:", more + b"Upgrade:", 1)
        assert len(handshake) < live.settings.max_head_bytes
        async with raw(live) as client:
            await send_in_pieces(live, client, handshake)
            await client.until(b"HTTP/1.1 101")
            await client.until(b'"hello","feed":"x"')


@taken
async def test_a_head_beyond_the_limit_is_refused_on_every_path(
    live: LiveServer,
) -> None:
    """In one segment and in many, of a handshake and of any other request."""
    if live.path != "fast_path":
        return  # without what stands before it, nothing has limits
    for request in (UPGRADE, POLL):
        cookie = b"\r\nCookie: " + b"c" * live.settings.max_head_bytes
        request = request.replace(b"\r\nHost: h", b"\r\nHost: h" + cookie, 1)
        async with raw(live) as client:
            client.send(request)
            assert (await client.end()).startswith(b"HTTP/1.1 431 ")
        async with raw(live) as client:
            await send_in_pieces(live, client, request)
            assert (await client.end()).startswith(b"HTTP/1.1 431 ")


@taken
async def test_another_websocket_version_gets_the_supported_one(
    live: LiveServer,
) -> None:
    """RFC 6455, section 4.4."""
    async with raw(live) as client:
        client.send(UPGRADE.replace(b"Version: 13", b"Version: 8"))
        answer = await client.end()
        assert answer.startswith(b"HTTP/1.1 426 ")
        assert b"\r\nSec-WebSocket-Version: 13\r\n" in answer


@taken
async def test_an_invalid_handshake_is_refused_with_the_reason(
    live: LiveServer,
) -> None:
    """Each fault gets an answer, and the connection ends."""
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    for request, reason in (
        (UPGRADE.replace(key, b""), b"Sec-WebSocket-Key"),
        (UPGRADE.replace(key, b"Sec-WebSocket-Key: c2hvcnQ=\r\n"), b"16 bytes"),
        (UPGRADE.replace(b"GET", b"POST"), b"GET"),
        (UPGRADE.replace(b"Host", b"Content-Length: 5\r\nHost"), b"body"),
        (UPGRADE.replace(b"Host", b"Expect: 100-continue\r\nHost"), b"body"),
    ):
        async with raw(live) as client:
            client.send(request)
            answer = await client.end()
            assert answer.startswith(b"HTTP/1.1 400 "), request
            assert reason in answer


@taken
async def test_a_request_without_one_host_is_refused(live: LiveServer) -> None:
    """None, two, or one that is no host; a handshake or any other request."""
    for request in (UPGRADE, POLL):
        for host in (b"", b"Host: h\r\nHost: h\r\n", b"Host: h/x\r\n"):
            async with raw(live) as client:
                client.send(request.replace(b"Host: h\r\n", host))
                assert (await client.end()).startswith(b"HTTP/1.1 400 "), host


@taken
async def test_an_absolute_target_opens_the_live_line(live: LiveServer) -> None:
    """RFC 9112 (3.2.2): a server takes it, whatever its scheme; on all transports."""
    for request, seen in ((UPGRADE, b"101"), (STREAM, b'"hello"'), (POLL, b"200")):
        for origin in (b"http://h", b"WS://other.example:80"):
            async with raw(live) as client:
                client.send(request.replace(b" /", b" " + origin + b"/", 1))
                await client.until(seen)


@taken
async def test_another_version_of_http_is_refused(live: LiveServer) -> None:
    """Its keep-alive and framing may differ from those of 1.1."""
    for request in (UPGRADE, POLL):
        async with raw(live) as client:
            client.send(request.replace(b"HTTP/1.1", b"HTTP/2.0"))
            assert (await client.end()).startswith(b"HTTP/1.1 505 ")


@taken
async def test_websocket_among_other_offers_is_taken(live: LiveServer) -> None:
    """In lists, in two headers of one name, in any case."""
    for old, new in (
        (b"Upgrade: websocket", b"Upgrade: h2c, WebSocket"),
        (b"Connection: Upgrade", b"Connection: upgrade\r\nConnection: keep-alive"),
        (b"Connection: Upgrade", b"Connection: keep-alive, Upgrade"),
    ):
        handshake = UPGRADE.replace(old, new)
        padding = b"X-Padding: " + b"p" * 2 * SEGMENT + b"\r\nHost:"
        for whole in (handshake, handshake.replace(b"Host:", padding)):
            async with raw(live) as client:
                if len(whole) > SEGMENT:
                    await send_in_pieces(live, client, whole)
                else:
                    client.send(whole)
                await client.until(b"HTTP/1.1 101")


@taken
async def test_http_1_0_gets_no_upgrade(live: LiveServer) -> None:
    """RFC 9110, section 7.8: it is a plain GET of an address for WebSockets."""
    async with raw(live) as client:
        client.send(UPGRADE.replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert (await client.end()).startswith(b"HTTP/1.1 426 ")


@taken
async def test_a_stream_in_http_1_0_has_no_chunks(live: LiveServer) -> None:
    """The body is the bytes of the stream, and ends with the connection."""
    async with raw(live) as client:
        client.send(STREAM.replace(b"HTTP/1.1", b"HTTP/1.0"))
        await client.until(b'"hello"')
        live.publish(2)
        await client.until(b"k3v9-2")
        await live.hub.drain(0)
        head, _, body = (await client.end()).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()
    fields = {line.partition(b":")[0] for line in body.split(b"\n") if line}
    assert fields == {b"retry", b"id", b"event", b"data"}


@taken
async def test_an_offer_of_h2c_is_ignored(live: LiveServer) -> None:
    """The request is answered, and so is the next on the connection."""
    request = POLL.replace(b"Host", OFFER + b"Host")
    async with raw(live) as client:
        client.send(request + POLL)
        await client.until(b"HTTP/1.1 200", times=2)


@taken
async def test_a_poll_whose_peer_closed_its_side_is_answered(live: LiveServer) -> None:
    """At once with what there is: no other request can follow."""
    async with raw(live) as client:
        client.send(POLL)
        cursor = json.loads((await client.until(b"}")).partition(b"\r\n\r\n")[2])
    waiting = POLL.replace(b"events", b"events?since=" + cursor["cursor"].encode())
    for is_late in (True, False):
        async with raw(live) as client:
            client.send(waiting)
            if is_late:
                await live.until(lambda: live.size() == 1)
            client.writer.write_eof()
            answer = await client.end()
            assert answer.startswith(b"HTTP/1.1 200") and b'"events":[]' in answer


@taken
async def test_an_answered_request_is_freed_without_the_collector(
    live: LiveServer,
) -> None:
    """Nothing it was made of refers to it; a connection keeps its last one."""
    gc.collect()
    before = _requests_in_memory()
    gc.disable()
    try:
        async with raw(live) as client:
            for _ in range(20):
                client.send(POLL)
                assert b'"cursor"' in await client.until(b"}")
                client.seen = b""
            await live.until(lambda: _requests_in_memory() <= before + 1)
    finally:
        gc.enable()


def _requests_in_memory() -> int:
    return sum(isinstance(one, RequestResponseCycle) for one in gc.get_objects())


def test_a_heads_length_is_measured_as_sent() -> None:
    """Except white space that means nothing."""
    head = b"GET /a HTTP/1.1\r\nHost: h\r\nX: yz\r\n\r\n"
    size = head_bytes(b"/a", [(b"host", b"h"), (b"x", b"yz")])
    assert abs(size - len(head)) <= 2
