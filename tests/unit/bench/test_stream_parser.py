"""What a witness reads is what the server framed, wherever the bytes are cut."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from stoppress.bench.run_plan_and_result import BenchFailed, Transport
from stoppress.bench.stream_parser import StreamParser
from stoppress.wire.encode_frames import (
    sse,
    websocket_close,
    websocket_deflated,
    websocket_text,
)
from stoppress.wire.wire_formats import LAST_CHUNK, chunk

SAID = [b"short", b"rain " * 60, b"r" * 125, b"r" * 126, bytes(70_000), b"wind " * 99]
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
AGREED = b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover"


def event(data: bytes) -> bytes:
    """A server-sent event."""
    return sse("post.published", data)


@pytest.mark.parametrize(
    ("frame", "transport", "head", "deflate"),
    [
        (websocket_text, "websocket", b"", False),
        (websocket_deflated, "websocket", AGREED, True),
        (lambda data: chunk(event(data)), "sse", CHUNKED, False),
        (event, "sse", b"", False),
    ],
    ids=["websocket", "deflate", "chunks", "stream"],
)
def test_messages_and_their_ends(
    frame: Callable[[bytes], bytes], transport: Transport, head: bytes, deflate: bool
) -> None:
    """Cut byte by byte, at once, and anywhere between."""
    framed = [frame(said) for said in SAID]
    stream = b"".join(framed)
    ends = [sum(map(len, framed[: index + 1])) for index in range(len(framed))]
    for longest in (1, 7, 1000, len(stream)):
        chance = random.Random(longest)
        reader, at = StreamParser(transport, head, deflate), 0
        found: list[tuple[int, bytes]] = []
        # A byte at a time is slow in the longest message: most of it comes at once.
        while at < len(stream):
            is_long = 1000 < at < len(stream) - 2000 and longest < 1000
            cut = 50_000 if is_long else chance.randint(1, longest)
            found += reader.feed(stream[at : at + cut])
            at += cut
        assert [end for end, _ in found] == ends
        assert all(
            said in message for said, (_, message) in zip(SAID, found, strict=True)
        )


def test_an_end_is_told() -> None:
    """With the code and the reason of a WebSocket."""
    with pytest.raises(BenchFailed, match="4001 slow"):
        list(StreamParser("websocket", b"", False).feed(websocket_close(4001, "slow")))
    with pytest.raises(BenchFailed, match="ended"):
        list(StreamParser("sse", CHUNKED, False).feed(LAST_CHUNK))


def test_only_a_shared_compression_can_be_counted() -> None:
    """With a context, each reader's bytes would be its own."""
    with pytest.raises(BenchFailed, match="leave out --deflate"):
        StreamParser("websocket", b"Sec-WebSocket-Extensions: permessage-deflate", True)
