"""Frames are read by the `websockets` library and by the SSE grammar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode
from websockets.streams import StreamReader

from stoppress.wire.encode_frames import sse, sse_retry, websocket_close, websocket_text


def parsed(data: bytes) -> Frame:
    """The one frame in `data`, as a client reads it."""
    reader = StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    parser = Frame.parse(reader.read_exact, mask=False, max_size=None)
    with pytest.raises(StopIteration) as stop:
        next(parser)
    frame: Frame = stop.value.value
    return frame


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536, 70_000])
def test_a_text_frame_is_read_whole(length: int) -> None:
    """Each of the three length encodings of RFC 6455 is right at its edges."""
    payload = b"a" * length
    frame = parsed(websocket_text(payload))
    assert (frame.opcode, frame.data, frame.fin) == (Opcode.TEXT, payload, True)


@given(st.text(max_size=200))
def test_a_close_frame_keeps_valid_utf8(reason: str) -> None:
    """A long reason is cut between characters, never inside one."""
    frame = parsed(websocket_close(4400, reason))
    close = Close.parse(bytes(frame.data))
    assert close.code == 4400
    assert reason.startswith(close.reason)


def test_an_event_stream_block() -> None:
    """id, event and data stand on their own lines; without a cursor, no id."""
    assert (
        sse("post.published", b"{}", "k3-7")
        == b"id: k3-7\nevent: post.published\ndata: {}\n\n"
    )
    assert sse("beat", b"{}") == b"event: beat\ndata: {}\n\n"
    assert sse_retry(800) == b"retry: 800\n\n"
