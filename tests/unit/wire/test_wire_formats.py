"""The forms in which one message goes out."""

from __future__ import annotations

import random
import zlib

import pytest

from stoppress.wire import encode_frames
from stoppress.wire.wire_formats import LAST_CHUNK, WireFormat, chunk, framed

MESSAGE = b'{"type":"beat","feed":"x","cursor":"e-1"}'
LONG = b'{"text":"%b"}' % (b"rain " * 200)


def test_a_chunk_tells_its_length_in_hex() -> None:
    """RFC 9112, section 7.1; the last one is empty."""
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
    assert chunk(b"") == LAST_CHUNK


@pytest.mark.parametrize(
    ("wire", "bytes_"),
    [
        (WireFormat.WEBSOCKET, encode_frames.websocket_text(MESSAGE)),
        (WireFormat.DEFLATED, encode_frames.websocket_text(MESSAGE)),
        (WireFormat.LINES, MESSAGE + b"\n"),
        (WireFormat.STREAM, b"event: beat\ndata: " + MESSAGE + b"\n\n"),
        (WireFormat.CHUNKS, chunk(b"event: beat\ndata: " + MESSAGE + b"\n\n")),
    ],
)
def test_a_message_is_the_same_on_every_wire(wire: WireFormat, bytes_: bytes) -> None:
    """Only what stands around it differs; a short one is not compressed."""
    assert framed(wire, "beat", MESSAGE) == bytes_
    assert MESSAGE in framed(wire, "beat", MESSAGE)


def test_a_cursor_stands_where_a_reader_may_resume() -> None:
    """As the id of an event stream; the others find it in the message."""
    assert framed(WireFormat.STREAM, "beat", MESSAGE, "e-1").startswith(b"id: e-1\n")
    assert framed(WireFormat.LINES, "beat", MESSAGE, "e-1") == MESSAGE + b"\n"


def test_a_long_message_is_compressed_where_that_was_agreed() -> None:
    """And inflates to what it was (RFC 7692, section 7.2.2)."""
    frame = framed(WireFormat.DEFLATED, "post.published", LONG)
    assert len(frame) < len(LONG) / 2
    assert (
        frame[0] == 0x80 | encode_frames.COMPRESSED | encode_frames.TEXT
        and frame[1] < 126
    )
    inflate = zlib.decompressobj(-encode_frames.WINDOW_BITS)
    assert inflate.decompress(frame[2:] + b"\x00\x00\xff\xff") == LONG


def test_a_message_that_compression_does_not_shorten_is_sent_plain() -> None:
    """Every reader would have to inflate it for nothing."""
    noise = random.Random(3).randbytes(2 * encode_frames.WORTH_BYTES)
    assert framed(WireFormat.DEFLATED, "x", noise) == encode_frames.websocket_text(
        noise
    )
