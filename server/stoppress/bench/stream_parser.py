"""Parses the bytes of one reader: its messages, and where each of them ends.

Only one reader per process, the witness, is parsed; for the others bytes are counted,
since the server sends all readers the same. Fed in pieces of any size.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

from stoppress.bench.run_plan_and_result import BenchFailed, Transport
from stoppress.wire.encode_frames import CLOSE, COMPRESSED, TEXT

_NO_CONTEXT = b"server_no_context_takeover"
_FLUSHED = b"\x00\x00\xff\xff"
"""The bytes that RFC 7692 (7.2.1) removes."""

_Cut = tuple[int, bytes | None]
"""The end of the next complete frame, and its message, if any."""


class StreamParser:
    """Parses one reader's bytes after the head of its answer, `head`."""

    def __init__(self, transport: Transport, head: bytes, deflate: bool) -> None:
        self.end = 0
        """Where the last whole message ended."""
        self._rest = b""
        self._cut: Callable[[bytes, int], _Cut | None] = _frame
        head = head.lower()
        if transport == "sse":
            self._cut = _chunk if b"transfer-encoding: chunked" in head else _event
        if deflate and _NO_CONTEXT not in head:
            raise BenchFailed(
                "the server did not agree to permessage-deflate without context "
                "takeover, so its readers' bytes can't be counted: leave out --deflate"
            )

    def feed(self, data: bytes | memoryview) -> Iterator[tuple[int, bytes]]:
        """The messages that are complete now, each with the offset of its end."""
        said, at = self._rest + data, 0
        while (found := self._cut(said, at)) is not None:
            self.end += found[0] - at
            at, message = found
            if message is not None:
                yield self.end, message
        self._rest = said[at:]


def _frame(data: bytes, at: int) -> _Cut | None:
    """A frame of a server (RFC 6455, section 5.2): unmasked, one per message."""
    body = at + 2
    if len(data) < body:
        return None
    length = data[at + 1] & 0x7F
    if length > 125:
        body = at + (4 if length == 126 else 10)
        if len(data) < body:
            return None
        length = int.from_bytes(data[at + 2 : body])
    end = body + length
    if len(data) < end:
        return None
    opcode, said = data[at] & 0xF, data[body:end]
    if opcode == CLOSE:
        code = int.from_bytes(said[:2])
        raise BenchFailed(f"the server closed a reader: {code} {said[2:].decode()}")
    if opcode != TEXT:
        return end, None
    if data[at] & COMPRESSED:
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        said = inflate.decompress(said + _FLUSHED)
    return end, said


def _chunk(data: bytes, at: int) -> _Cut | None:
    """A chunk of an HTTP/1.1 body (RFC 9112, section 7.1), one per message."""
    line = data.find(b"\r\n", at)
    if line < 0:
        return None
    body = line + 2
    end = body + int(data[at:line], 16)
    if end == body:
        raise BenchFailed("the server ended a reader's stream")
    return (end + 2, data[body:end]) if len(data) >= end + 2 else None


def _event(data: bytes, at: int) -> _Cut | None:
    """A server-sent event of a body that is not in chunks."""
    end = data.find(b"\n\n", at)
    return None if end < 0 else (end + 2, data[at:end])
