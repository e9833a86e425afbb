"""A client of sockets and bytes: what is sent, and in which pieces, is up to the test.

Nothing here comes from a library of HTTP or of WebSockets, so that no library's
opinion stands between a test and the RFC.

An `https` address is spoken to over TLS, with any certificate.

Rules: `PATIENCE_S` ends what never comes; no result depends on how long something
took. A frame of the server that no server may send fails the test at once.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from tests.plain_http import ANY_CERTIFICATE

PATIENCE_S = 60.0
BETWEEN_PIECES_S = 0.01
"""Between two pieces, so that they travel as segments of their own. Where they are
joined all the same a test holds less, and fails no more often."""
MASK = b"\x37\xfa\x21\x3d"

_GONE = (BrokenPipeError, ConnectionResetError, ssl.SSLError)

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    mask: bytes | None = MASK,
    length_bytes: int | None = None,
    says: int | None = None,
) -> bytes:
    """A frame as a client sends it, or as none should.

    Args:
        reserved: the three reserved bits, RSV1 is 4.
        mask: None leaves the payload as it is and says so.
        length_bytes: 1, 2 or 8, for a length written longer than need be.
        says: another length than the payload has.
    """
    length = len(payload) if says is None else says
    if length_bytes is None:
        length_bytes = 1 if length < 126 else 2 if length < 1 << 16 else 8
    masked = 0 if mask is None else 0x80
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    if length_bytes == 1:
        head += bytes([masked | length])
    elif length_bytes == 2:
        head += struct.pack("!BH", masked | 126, length)
    else:
        head += struct.pack("!BQ", masked | 127, length)
    if mask is None:
        return head + payload
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


def close_frame(code: int, reason: bytes = b"") -> bytes:
    """A close frame of a client."""
    return frame(CLOSE, struct.pack("!H", code) + reason)


def deflated(text: bytes) -> bytes:
    """A message as permessage-deflate sends it."""
    compressor = zlib.compressobj(wbits=-15)
    data = compressor.compress(text) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return data[:-4]


def handshake(target: str, *more: str, key: str = "dGhlIHNhbXBsZSBub25jZQ==") -> bytes:
    """The head of an ordinary WebSocket handshake."""
    return "\r\n".join(
        (
            f"GET {target} HTTP/1.1",
            "Host: reader.example",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            *more,
            "\r\n",
        )
    ).encode("latin-1")


def in_pieces(data: bytes, size: int) -> list[bytes]:
    """The bytes, so many at a time."""
    return [data[at : at + size] for at in range(0, len(data), size)]


@dataclass(frozen=True, slots=True)
class ServerFrame:
    """A frame of the server."""

    opcode: int
    payload: bytes
    compressed: bool = False

    @property
    def text(self) -> str:
        """What a text frame says."""
        data = self.payload
        if self.compressed:
            data = zlib.decompressobj(wbits=-15).decompress(data + b"\0\0\xff\xff")
        return data.decode()

    @property
    def code(self) -> int | None:
        """The code of a close frame."""
        return struct.unpack("!H", self.payload[:2])[0] if self.payload else None


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer."""

    status: int
    headers: dict[str, str]


class RawSocket:
    """One connection."""

    def __init__(self, url: str, patience_s: float = PATIENCE_S) -> None:
        address = urlsplit(url)
        assert address.hostname is not None
        connected = socket.create_connection(
            (address.hostname, address.port or 80), patience_s
        )
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if address.scheme == "https":
            connected = ANY_CERTIFICATE.wrap_socket(connected)
        self._socket = connected
        self._buffer = b""
        self.is_over = False
        """Whether the server has ended the connection."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def wait_longer(self, patience_s: float = PATIENCE_S) -> None:
        """Wait so long for whatever is read from now on."""
        self._socket.settimeout(patience_s)

    def send(self, *pieces: bytes) -> None:
        """Send each piece as a segment of its own; the server may be gone."""
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(BETWEEN_PIECES_S)
            try:
                self._socket.sendall(piece)
            except _GONE:
                return

    def send_each(self, data: Iterable[bytes]) -> None:
        """Send many small pieces, one call each, without a pause."""
        for piece in data:
            try:
                self._socket.sendall(piece)
            except _GONE:
                return

    def end_sending(self) -> None:
        """Say that no more comes, and go on reading; the server may be gone."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    @property
    def unread(self) -> bytes:
        """What has come and was not taken yet."""
        return self._buffer

    def _more(self) -> bool:
        """Read what has come; False once the server has ended the connection."""
        try:
            data = self._socket.recv(1 << 16)
        except (ConnectionResetError, ssl.SSLEOFError):
            data = b""
        self._buffer += data
        self.is_over = not data
        return bool(data)

    def exactly(self, size: int) -> bytes | None:
        """So many bytes; None if the connection ends before."""
        while len(self._buffer) < size:
            if not self._more():
                return None
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def head(self) -> Head | None:
        """The head of an answer; None if the connection ends before."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._more():
                return None
        text, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = text.decode("latin-1").split("\r\n")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Head(int(first.split()[1]), headers)

    def rest(self) -> bytes:
        """All that comes until the server ends the connection."""
        while self._more():
            pass
        data, self._buffer = self._buffer, b""
        return data

    def frame(self) -> ServerFrame | None:
        """The next frame; None if the connection ends before."""
        head = self.exactly(2)
        if head is None:
            return None
        assert head[0] & 0x80, "the server sends no fragments"
        assert head[0] & 0x30 == 0, f"reserved bits in {head!r}"
        assert head[1] & 0x80 == 0, "a server's frame is not masked"
        length = head[1]
        if length == 126:
            length = struct.unpack("!H", self.exactly(2) or b"")[0]
        elif length == 127:
            length = struct.unpack("!Q", self.exactly(8) or b"")[0]
        payload = self.exactly(length)
        assert payload is not None, "the connection ended within a frame"
        opcode = head[0] & 0x0F
        assert opcode < 8 or length <= 125, "a control frame is too long"
        return ServerFrame(opcode, payload, bool(head[0] & 0x40))

    def until(self, wanted: bytes) -> bytes:
        """What comes up to these bytes, with them; less if the connection ends."""
        while wanted not in self._buffer:
            if not self._more():
                break
        data, found, self._buffer = self._buffer.partition(wanted)
        return data + found
