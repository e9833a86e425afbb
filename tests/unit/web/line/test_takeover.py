"""Taking the transport over: what must hold at the seam with uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest
from websockets.frames import Frame, Opcode

from stoppress.hub import open_channels
from stoppress.web.line.takeover import hide_token
from stoppress.wire.close_codes import CloseCode
from tests.unit.web.line.bare import STREAM, UPGRADE, raw, taken
from tests.unit.web.line.live_harness import LiveServer, code, cursors, take

FOLLOW_OTHER = Frame(Opcode.TEXT, b'{"op":"follow","feed":"other"}').serialize(
    mask=True
)

UNUSUAL = (
    b"Content-Length: 0\r\n",
    b"X-Caf: \xe9\r\n",
    b"X-Twice: a\r\nX-Twice: b\r\n",
    b"".join(b"X-%d: y\r\n" % number for number in range(120)),
    b"X-Long: " + b"y" * 8000 + b"\r\n",
)
"""What may stand in a handshake too: some of it only the library reads."""


@taken
async def test_an_unusual_valid_handshake_is_accepted(live: LiveServer) -> None:
    """By the fast path, from the headers, or by the library."""
    for more in UNUSUAL:
        async with raw(live) as client:
            client.send(UPGRADE.replace(b"Upgrade:", more + b"Upgrade:", 1))
            await client.until(b"HTTP/1.1 101")
            await client.until(b'"hello","feed":"x"')
            client.send(FOLLOW_OTHER)
            await client.until(b'"hello","feed":"other"')


@taken
async def test_a_frame_in_the_handshakes_segment_is_read(
    live: LiveServer,
) -> None:
    async with raw(live) as client:
        client.send(UPGRADE + FOLLOW_OTHER)
        await client.until(b'"hello","feed":"x"')
        await client.until(b'"hello","feed":"other"')


@taken
async def test_a_frame_and_a_close_before_the_answer_are_read(
    live: LiveServer,
) -> None:
    """Reading, which uvicorn pauses, resumes: the close is seen."""
    live.upstream.answering = asyncio.Event()
    async with raw(live) as client:
        client.send(UPGRADE)
        await live.until(lambda: live.upstream.opens == 1)
        client.send(FOLLOW_OTHER[:5])
        await asyncio.sleep(0)
        client.send(FOLLOW_OTHER[5:])
        client.send(Frame(Opcode.PING, b"early").serialize(mask=True))
        live.upstream.answering.set()
        await client.until(b'"hello","feed":"other"')
        await client.until(b"\x8a\x05early")
        assert live.ledger.here == 1
    await live.until(lambda: live.ledger.here == 0)


@taken
async def test_too_many_early_bytes_end_the_connection(live: LiveServer) -> None:
    live.upstream.answering = asyncio.Event()
    async with raw(live) as client:
        opens = live.upstream.opens
        client.send(UPGRADE.replace(b"feed=x", b"feed=other"))
        await live.until(lambda: live.upstream.opens > opens)
        client.send(b"\x81" * 100_000)
        with contextlib.suppress(ConnectionError):
            assert await client.end() == b""
    live.upstream.answering.set()
    assert live.ledger.here == 0


@taken
async def test_a_peer_that_left_before_the_answer_is_not_registered(
    live: LiveServer,
) -> None:
    live.upstream.answering = asyncio.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(open_channels, "OPEN_S", 0.3)
        for request in (UPGRADE, STREAM):
            opens = live.upstream.opens
            async with raw(live) as client:
                client.send(request.replace(b"x", b"other", 1) if opens else request)
                await live.until(lambda: live.hub._channels._opening != {})
        assert live.ledger.here == 0
        await live.until(lambda: not live.server.server_state.connections)
    live.upstream.answering.set()
    await live.until(lambda: not live.server.server_state.tasks)
    assert live.ledger.here == 0


@taken
async def test_a_stream_on_a_used_connection_and_requests_behind_it(
    live: LiveServer,
) -> None:
    """Keep-alive before it, pipelining after it: the stream goes on."""
    async with raw(live) as client:
        client.send(b"GET /v1/live HTTP/1.1\r\nHost: h\r\n\r\n")
        await client.until(b"upgrade-required")
        client.send(STREAM + STREAM)
        await client.until(b'"hello"')
        client.send(STREAM)
        live.upstream.publish("x")
        await client.until(b'"k3v9-1"')
        assert client.seen.count(b"HTTP/1.1 200") == 1
        assert live.ledger.here == 1
    await live.until(lambda: live.ledger.here == 0)
    await live.until(lambda: not live.server.server_state.connections)


@taken
async def test_a_stream_is_well_formed_http(live: LiveServer) -> None:
    """Every chunk has its length, and the last one ends the answer."""
    async with raw(live) as client:
        client.send(STREAM)
        await client.until(b'"hello"')
        live.upstream.publish("x", "ş" * 500)
        await client.until(b'"k3v9-1"')
        await live.hub.drain(0)
        _, _, body = (await client.end()).partition(b"\r\n\r\n")
    decoded = b""
    while True:
        length, _, body = body.partition(b"\r\n")
        size = int(length, 16)
        decoded += body[:size]
        assert body[size : size + 2] == b"\r\n"
        body = body[size + 2 :]
        if not size:
            break
    assert body == b""
    assert decoded.count(b"event: ") == 3
    assert decoded.endswith(b"\n\n")


@taken
async def test_head_of_a_stream_has_no_body(live: LiveServer) -> None:
    async with raw(live) as client:
        client.send(STREAM.replace(b"GET", b"HEAD"))
        client.send(b"GET /v1/live HTTP/1.1\r\nHost: h\r\n\r\n")
        seen = await client.until(b"upgrade-required")
        assert seen.count(b"HTTP/1.1 200") == 1
        assert b"hello" not in seen


@taken
async def test_a_secret_in_the_query_is_not_logged(live: LiveServer) -> None:
    """It is moved to a header before uvicorn, which logs queries, sees the request."""
    live.upstream.make("secret", visibility="private")
    lines: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    loggers = [logging.getLogger(f"uvicorn.{name}") for name in ("access", "error")]
    listener = Listener()
    for logger in loggers:
        logger.addHandler(listener)
        logger.setLevel(logging.INFO)
    try:
        async with live.ws("feed=secret&token=sp%5Fall") as client:
            await take(client, 1)
        # uvicorn writes down whom nobody took.
        async with live.ws("feed=nowhere&token=sp%5Fall") as client:
            assert await code(client) == CloseCode.NOT_FOUND
        async with live.stream("secret", "token=sp_all&since=k3v9-0") as stream:
            assert cursors(await stream.take(1)) == ["hello k3v9-0"]
        assert (await live.get("/v1/feeds/secret/events?token=sp_all")).is_success
    finally:
        for logger in loggers:
            logger.removeHandler(listener)
            logger.setLevel(logging.NOTSET)
    assert any("/v1/live?feed=nowhere" in line for line in lines)
    assert any("since=k3v9-0" in line for line in lines)
    assert not any("sp_all" in line or "sp%5Fall" in line for line in lines)


@pytest.mark.parametrize(
    ("query", "header"),
    [
        (b"feed=x", None),
        (b"feed=x&token=sp_a", b"Bearer sp_a"),
        (b"token=ey.a.b&feed=x", b"Bearer ey.a.b"),
        (b"feed=x&ticket=st_a", b"Ticket st_a"),
        (b"feed=x&token=st_a", b"Ticket st_a"),
        # Blanks are no part of it: the age of a ticket in an address counts.
        (b"feed=x&token=%20st_a", b"Ticket st_a"),
        (b"feed=x&ticket=%20st_a+", b"Ticket st_a"),
        (b"feed=x&token=%1Cst_a", b"Ticket st_a"),
        # Not a ticket, and so unknown (`web/credential.py`).
        (b"feed=x&ticket=sp_a", b"Ticket sp_a"),
        (b"ticket=st_a&feed=x&token=sp_a", b"Ticket st_a"),
        (b"feed=x&ticket=&token=sp_a", b"Bearer sp_a"),
        (b"feed=x&ticket=%20", None),
    ],
)
def test_a_secret_of_the_query_becomes_a_header(
    query: bytes, header: bytes | None
) -> None:
    headers: list[tuple[bytes, bytes]] = []
    scope = {"query_string": query, "path": "/v1/live", "headers": headers}
    hide_token(scope)
    assert scope["query_string"] == b"feed=x"
    assert headers == ([] if header is None else [(b"authorization", header)])
