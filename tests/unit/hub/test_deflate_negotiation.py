"""permessage-deflate on the live line: agreed, shared, and never forced on anyone."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
import uvloop
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode

from stoppress.hub.deflate_negotiation import HEADER
from stoppress.hub.socket_readers import WebSocketReader
from stoppress.wire.wire_formats import WireFormat
from tests.unit.web.line.bare import UPGRADE, raw
from tests.unit.web.line.live_harness import (
    LiveServer,
    code,
    cursors,
    on_every_server,
    take,
)

LONG = "It rains on the old bridge, and çağrı is heard. " * 40
BROWSER = "permessage-deflate; client_max_window_bits"
SHORT_WINDOW = "permessage-deflate; server_max_window_bits=10"

Test = Callable[[LiveServer], Awaitable[None]]


def taken(test: Test) -> Callable[[Any, str], None]:
    """Run a test on both loops, by both paths."""

    @pytest.mark.parametrize("path", ["fast_path", "takeover"])
    @pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.new_event_loop])
    def run(loop: Any, path: str) -> None:
        async def scenario() -> None:
            async with asyncio.timeout(60), LiveServer(path).running() as live:
                await live.create_feeds()
                await test(live)

        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(scenario())

    return cast("Callable[[Any, str], None]", run)


def _wires(live: LiveServer) -> list[WireFormat]:
    return sorted(
        reader.wire
        for reader in live.server.server_state.connections
        if isinstance(reader, WebSocketReader)
    )


@on_every_server()
async def test_with_and_without_everyone_reads_the_same(live: LiveServer) -> None:
    """On a server that does not compress, the offer is simply not taken up."""
    live.upstream.publish("x", LONG)
    async with (
        live.ws("feed=x@k3v9-0") as plain,
        live.ws("feed=x@k3v9-0", compression="deflate") as squeezed,
    ):
        agreed = [extension.name for extension in squeezed.protocol.extensions]
        assert agreed == ([] if live.path == "plain" else ["permessage-deflate"])
        got, same = await take(plain, 2), await take(squeezed, 2)
        for number in range(20):
            live.upstream.publish("x", LONG if number % 2 else "short")
        live.upstream.withdraw("x", "p3")
        got += await take(plain, 21)
        same += await take(squeezed, 21)
    for hello in (got[0], same[0]):
        assert hello.pop("at"), "when it was made"
    assert got == same
    assert cursors(got)[-1] == "withdrawn k3v9-22"


@on_every_server()
async def test_a_compressed_reader_may_speak_compressed(live: LiveServer) -> None:
    """4 KiB is the limit after inflating, however small the message was."""
    async with live.ws("feed=x", compression="deflate") as socket:
        await take(socket, 1)
        op = json.dumps({"op": "follow", "feed": "other", "pad": "n" * 3000})
        for _ in range(2):
            await socket.send(op)
            (hello,) = await take(socket, 1)
            assert (hello["type"], hello["feed"]) == ("hello", "other")
        await socket.send([op[:100], op[100:]])
        await take(socket, 1)
        async with asyncio.timeout(60):
            await (await socket.ping(b"here?"))
        await socket.send(
            json.dumps({"op": "unfollow", "feed": "x", "pad": "n" * 9999})
        )
        assert await code(socket) == 4400


@on_every_server()
async def test_a_compression_bomb_is_refused(live: LiveServer) -> None:
    async with live.ws("feed=x", compression="deflate") as socket:
        await take(socket, 1)
        await socket.send("0" * 2_000_000)
        assert await code(socket) == 4400


@taken
async def test_readers_that_did_not_ask_share_the_plain_frames(
    live: LiveServer,
) -> None:
    """Two compressions for any number of readers: one an event, one the hello."""
    async with (
        live.ws("feed=x") as plain,
        live.ws("feed=x", compression="deflate") as one,
        live.ws("feed=x", compression="deflate") as two,
    ):
        everyone = (plain, one, two)
        for socket in everyone:
            await take(socket, 1)
        assert _wires(live) == [
            WireFormat.WEBSOCKET,
            WireFormat.DEFLATED,
            WireFormat.DEFLATED,
        ]
        live.upstream.publish("x", LONG)
        first = [await take(socket, 1) for socket in everyone]
        assert first[0] == first[1] == first[2]
        assert live.ledger.encodes == 1
        channel = await live.hub.channel("x")
        frames = {
            wire: b"".join(strip.frames)
            for wire, strip in channel.ring._blocks[-1].encoded.items()
        }
        assert set(frames) == {WireFormat.WEBSOCKET, WireFormat.DEFLATED}
        assert len(frames[WireFormat.DEFLATED]) < len(frames[WireFormat.WEBSOCKET]) / 3


@taken
async def test_the_agreed_compression_takes_no_context_over(live: LiveServer) -> None:
    """Each message inflates alone, in a window of 12 bits."""
    head, _, tail = UPGRADE.rpartition(b"\r\n")
    offers = head + f"{HEADER}: {BROWSER}\r\n".encode() + tail
    async with raw(live) as client:
        client.send(offers + b"\r\n")
        await client.until(b'"hello"')
        answer = client.seen.partition(b"\r\n\r\n")[0].decode().lower()
        line = next(row for row in answer.split("\r\n") if HEADER.lower() in row)
        assert set(line.partition(": ")[2].split("; ")) == {
            "permessage-deflate",
            "server_no_context_takeover",
            "client_no_context_takeover",
            "server_max_window_bits=12",
        }
        for number in (1, 2):
            client.seen = b""
            live.upstream.publish("x", LONG)
            seen = await client.until(b"")
            while len(seen) < 4 or len(seen) < 4 + int.from_bytes(seen[2:4]):
                size = len(seen)
                client.send(Frame(Opcode.PONG, b"").serialize(mask=True))
                seen += await client._reader.read(65536)
                assert len(seen) > size
            assert seen[:2] == bytes((0xC1, 126))
            text = zlib.decompressobj(-12).decompress(seen[4:] + b"\0\0\xff\xff")
            assert json.loads(text)["cursor"] == f"k3v9-{number}"


@taken
async def test_a_client_with_a_smaller_window_is_served_uncompressed(
    live: LiveServer,
) -> None:
    factory = ClientPerMessageDeflateFactory(server_max_window_bits=10)
    async with live.ws("feed=x", extensions=[factory]) as socket:
        assert not socket.protocol.extensions
        await take(socket, 1)
        assert _wires(live) == [WireFormat.WEBSOCKET]
        live.upstream.publish("x", LONG)
        await take(socket, 1)


@taken
async def test_an_offer_that_can_not_be_read_is_refused(live: LiveServer) -> None:
    head, _, tail = UPGRADE.rpartition(b"\r\n")
    broken = head + f"{HEADER}: permessage-deflate; =;\r\n".encode() + tail + b"\r\n"
    async with raw(live) as client:
        client.send(broken)
        assert (await client.end()).startswith(b"HTTP/1.1 400")
