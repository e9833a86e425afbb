"""How a line that was taken over ends, by either side, and what then stays."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import socket
from collections import Counter
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from stoppress.hub.abort_or_probe_closing_connections import CLOSES_PER_TURN
from stoppress.hub.socket_readers import (
    EventStreamReader,
    SocketReader,
    WebSocketReader,
)
from stoppress.web.line.http_protocol import LiveHttp
from stoppress.web.line.takeover import LiveWebSocket
from tests.unit.web.line.bare import LOOPS, STREAM, UPGRADE, raw, taken
from tests.unit.web.line.live_harness import LiveServer


@taken
async def test_broken_frames_close_with_the_code_of_the_rfc(live: LiveServer) -> None:
    unmasked = Frame(Opcode.TEXT, b"{}").serialize(mask=False)
    reserved = b"\xf1" + Frame(Opcode.TEXT, b"{}").serialize(mask=True)[1:]
    not_utf8 = Frame(Opcode.TEXT, b'{"op":"\xff"}').serialize(mask=True)
    for data, expected in [(unmasked, 1002), (reserved, 1002), (not_utf8, 1007)]:
        async with raw(live) as client:
            client.send(UPGRADE)
            await client.until(b'"hello"')
            client.send(data)
            end = await client.end()
            assert end.partition(b"}")[2][2:4] == expected.to_bytes(2), (data, end)
    await live.until(lambda: live.ledger.here == 0)


@taken
async def test_the_close_reason_reaches_a_peer_that_still_sends(
    live: LiveServer,
) -> None:
    """Over 4 KiB: the rest of the message is read, so that 4400 arrives."""
    async with raw(live) as client:
        client.send(UPGRADE)
        await client.until(b'"hello"')
        client.send(Frame(Opcode.TEXT, b"n" * 300_000).serialize(mask=True))
        end = await client.end()
        assert end.partition(b"}")[2][2:4] == (4400).to_bytes(2)


@taken
async def test_a_peer_that_never_answers_a_close_is_aborted(live: LiveServer) -> None:
    live.hub.closing_connections._grace_s = 0.05
    async with raw(live) as client:
        client.send(UPGRADE)
        await client.until(b'"hello"')
        await live.hub.drain(0)
        with contextlib.suppress(ConnectionError):
            await client.end()
    await live.until(lambda: live.ledger.here == 0)


@taken
async def test_limits_are_set_as_socket_options(live: LiveServer) -> None:
    for request in (UPGRADE, STREAM):
        async with raw(live) as client:
            client.send(request)
            await client.until(b'"hello"')
            (reader,) = live.server.server_state.connections
            assert isinstance(reader, SocketReader)
            peer = reader.transport.get_extra_info("socket")
            assert reader.fd == peer.fileno()
            limit = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert limit == 30_000
            size = peer.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            assert size == 2 * live.settings.send_buffer_bytes  # Linux doubles it
        await live.until(lambda: not live.server.server_state.connections)


@pytest.mark.parametrize("loop", LOOPS, ids=["uvloop", "asyncio"])
def test_server_shutdown_closes_the_readers(loop: Any) -> None:
    """Without a drain, uvicorn's own shutdown closes them and completes."""

    async def scenario() -> None:
        live = LiveServer("takeover")
        live.upstream.make("x")
        async with asyncio.timeout(60), live.running():
            async with raw(live) as client, raw(live) as stream:
                client.send(UPGRADE)
                stream.send(STREAM)
                await client.until(b'"hello"')
                await stream.until(b'"hello"')
                live.server.should_exit = True
                assert b"\x88\x02" + (4000).to_bytes(2) in await client.until(b"\x88")
                assert (await stream.end()).endswith(b"0\r\n\r\n")
                # It answers the close, as a client does.
                client.send(
                    Frame(Opcode.CLOSE, (4000).to_bytes(2)).serialize(mask=True)
                )
                await client.end()
                await live.until(lambda: not live.server.server_state.connections)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())


def _census() -> Counter[str]:
    return Counter(type(thing).__name__ for thing in gc.get_objects())


@taken
async def test_a_connected_reader_keeps_few_objects(
    live: LiveServer,
) -> None:
    """No task, timer, queue, dict or closure per reader; nothing for the collector."""
    many = 40

    loop = asyncio.get_running_loop()

    async def crowd(stack: contextlib.ExitStack, request: bytes) -> None:
        for _ in range(many):  # with clients that are nothing but a socket
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", live.port))
            await loop.sock_sendall(client, request)
            seen = b""
            while b'"hello"' not in seen:
                seen += await loop.sock_recv(client, 65536)

    for request, kind in ((UPGRADE, WebSocketReader), (STREAM, EventStreamReader)):
        with contextlib.ExitStack() as stack:
            await crowd(stack, request)  # so that what is made once is there
            await live.until(lambda: not live.server.server_state.tasks)
            gc.collect()
            gc.disable()
            try:
                tasks, before = len(asyncio.all_tasks()), _census()
                await crowd(stack, request)
                await live.until(lambda: not live.server.server_state.tasks)
                after = _census()
                assert len(asyncio.all_tasks()) == tasks
            finally:
                gc.enable()
            grown = {
                name: count - before[name]
                for name, count in after.items()
                if count - before[name] >= many // 2
            }
            assert grown.pop(kind.__name__) == many
            assert grown.pop("Follow") == many
            for gone in (LiveWebSocket, LiveHttp, ServerProtocol, RequestResponseCycle):
                assert gone.__name__ not in grown
            for costly in ("TimerHandle", "Queue", "deque", "Event", "partial"):
                assert costly not in grown, (costly, grown)
        await live.until(lambda: not live.server.server_state.connections)
    assert not any(isinstance(thing, SocketReader) for thing in gc.get_objects())


@taken
async def test_many_hang_ups_are_handled_over_several_turns(live: LiveServer) -> None:
    """No byte is sent to closed peers; other readers keep receiving."""
    async with contextlib.AsyncExitStack() as stack:
        clients = []
        for _ in range(4 * CLOSES_PER_TURN):
            client = await stack.enter_async_context(raw(live))
            client.send(UPGRADE)
            await client.until(b'"hello"')
            clients.append(client)
        loop, left = asyncio.get_running_loop(), []

        def count() -> None:
            left.append(live.ledger.here)
            if live.ledger.here > 1:
                loop.call_soon(count)

        for client in clients[1:]:
            client.writer.write_eof()
        count()
        await live.until(lambda: live.ledger.here == 1)
        live.publish(1)
        await clients[0].until(b"post.published")
        drops = [before - after for before, after in itertools.pairwise(left)]
        assert sum(drops) == len(clients) - 1
        assert max(drops) <= 2 * CLOSES_PER_TURN  # closed, and closing
        for client in clients[1:]:
            assert b"post.published" not in await client.end()
    await live.until(lambda: not live.server.server_state.connections)


@taken
async def test_a_stream_whose_peer_closed_its_side_goes_on(live: LiveServer) -> None:
    """As `nc -N` does after its request; also if both come in one segment."""
    for is_late in (True, False):
        async with raw(live) as client:
            client.send(STREAM)
            if is_late:
                await client.until(b'"hello"')
            client.writer.write_eof()
            await client.until(b":\n\n")
            live.publish(1)
            await client.until(b"post.published")
            assert live.ledger.here == 1
        # When it goes on to leave, the next bytes for it tell.
        while live.ledger.here:
            live.publish(1)
            await asyncio.sleep(0.001)


@taken
async def test_streams_whose_peers_are_gone_are_closed(live: LiveServer) -> None:
    """Without waiting for a post or a beat."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(2 * CLOSES_PER_TURN):
            client = await stack.enter_async_context(raw(live))
            client.send(STREAM)
            await client.until(b'"hello"')
        assert live.ledger.here == 2 * CLOSES_PER_TURN
    await live.until(lambda: live.ledger.here == 0)
    await live.until(lambda: not live.server.server_state.connections)
