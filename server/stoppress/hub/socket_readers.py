"""Readers that own their socket: the transport was taken over from the web server.

Rules:
- The sweep writes directly to `fd` while the transport's buffer is empty. The
  transport's high-water mark is the lowest, so it reports at once when bytes are
  buffered (`pause_writing`) and when they are sent (`resume_writing`).
- `fd` is set to -1 before the transport closes the descriptor: the number may belong
  to another connection a moment later.
- Over TLS `fd` stays -1, and the sweep writes through the transport, which encrypts and
  sends at once. It may keep one visit's bytes (64 KiB) until the kernel takes them.
- The kernel detects dead peers and bounds the send buffer, as set on the listening
  socket (`process/listening_sockets.py`), which connections of a Unix socket do not
  inherit; a connection with more than 64 KiB of unsent messages beside the ring is
  aborted.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
from typing import Self, cast

from stoppress.domain.errors import Malformed
from stoppress.hub.feed_status_and_access import ReadRights
from stoppress.hub.follow_and_round_robin_order import Follow
from stoppress.hub.incoming_messages import InboundMessages, ProtocolViolation, read_op
from stoppress.hub.is_socket_reset_or_unread import has_unread_bytes, is_reset
from stoppress.hub.reader import DETAILS, MAX_WAITING, Reader, ReaderOwner
from stoppress.hub.ring import Bytes
from stoppress.wire import encode_frames
from stoppress.wire.close_codes import CloseCode
from stoppress.wire.wire_formats import LAST_CHUNK, WireFormat, chunk

UNIX_SEND_BYTES = 16 << 10
"""Kernel send buffer per reader behind a proxy on this machine. The proxy has not read
its content yet: with the default of 208 KiB the hub counted hundreds of posts as sent,
and did not slow editors down.
"""

Registry = set[asyncio.Protocol]
"""The web server's open connections, which it closes at shutdown and waits for."""


class SocketReader(Reader, asyncio.Protocol):
    """A reader with a transport of its own."""

    __slots__ = ("registry", "transport")

    transport: asyncio.Transport

    def __init__(
        self, owner: ReaderOwner, wire: WireFormat, rights: ReadRights
    ) -> None:
        super().__init__(owner, wire, rights)
        self.registry: Registry | None = None

    def take(
        self,
        transport: asyncio.Transport,
        registry: Registry,
        *,
        is_tcp: bool = False,
    ) -> None:
        """Take over `transport`, which must be open.

        `is_tcp`: it is known to be no Unix socket; its family is dear to ask for.
        """
        self.transport = transport
        self.registry = registry
        registry.add(self)
        transport.set_protocol(self)
        peer = transport.get_extra_info("socket")
        if peer is not None and transport.get_extra_info("sslcontext") is None:
            self.fd = peer.fileno()
            if not is_tcp and peer.family == socket.AF_UNIX:
                self._limit_buffer_of(peer)
        transport.set_write_buffer_limits(high=0)
        self.blocked = transport.get_write_buffer_size() > 0
        transport.resume_reading()
        self.owner.reader_opened(self)

    def _limit_buffer_of(self, peer: socket.socket) -> None:
        """Set the send buffer of a Unix socket, unless there is to be no limit."""
        if self.owner.settings.send_buffer_bytes:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNIX_SEND_BYTES)

    def buffered(self, head: bytes) -> BufferingTransport:
        """Collect `head` and all writes of the block, and send them in one write."""
        return BufferingTransport(self, head)

    # asyncio.Protocol

    def pause_writing(self) -> None:
        """Block: the transport has buffered bytes."""
        self.blocked = True

    def resume_writing(self) -> None:
        """Unblock: the transport's buffer is empty."""
        self.drained()

    def eof_received(self) -> bool | None:
        """Close soon: the peer closed, perhaps with thousands of others."""
        self.blocked = True
        self.owner.closing_connections.close_soon(self.transport.close)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """End the follows; the descriptor is closed right after this call."""
        self.fd = -1
        self.blocked = True
        self.closing = self.closing or CloseCode.BYE
        self.leave_all()
        if self.registry is not None:
            self.registry.discard(self)
            self.registry = None
            self.owner.reader_closed(self)

    def shutdown(self) -> None:
        """Close with `bye`: the web server shuts down."""
        self.bye(self.owner.settings.retry_ms)

    # Reader

    def write(self, data: Bytes) -> None:
        """Send bytes in order; abort if too many are buffered already."""
        transport = self.transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() > MAX_WAITING:
            transport.abort()
        else:
            transport.write(data)

    def put(self, follow: Follow, data: Bytes, after: int) -> int:
        """Write through the transport, which sends what the kernel takes (TLS)."""
        follow.seq = after
        self.transport.write(data)
        channel = follow.channel
        if self.blocked:
            self.owner.metrics.stuck.add()
        elif channel is not None and after != channel.ring.head:
            channel.ready(follow)
        return 0

    def has_unread_bytes(self) -> bool:
        """Whether a proxy on this machine has not read all of it (a Unix socket)."""
        if self.fd < 0:
            return False
        peer = self.transport.get_extra_info("socket")
        return peer.family == socket.AF_UNIX and has_unread_bytes(self.fd)

    def write_failed(self) -> None:
        """Abort; the transport then calls `connection_lost`."""
        self.blocked = True
        self.transport.abort()

    def abort(self) -> None:
        """Close the connection now."""
        if self.registry is not None:
            self.transport.abort()


class BufferingTransport:
    """Replaces a transport with an empty buffer for a block, and collects the bytes."""

    __slots__ = ("_parts", "_reader", "_transport")

    def __init__(self, reader: SocketReader, head: bytes) -> None:
        self._reader = reader
        self._transport = reader.transport
        self._parts: list[Bytes] = [head]

    def __enter__(self) -> Self:
        self._reader.transport = cast(asyncio.Transport, self)
        return self

    def __exit__(self, *_: object) -> None:
        """Send the collected bytes: to the socket if possible, else by transport."""
        self._reader.transport = self._transport
        data = b"".join(self._parts)
        fd, sent = self._reader.fd, 0
        if fd >= 0:
            try:
                sent = os.write(fd, data)
            except OSError:  # full, or broken: the transport handles it
                sent = 0
        if sent < len(data):
            self._transport.write(data[sent:])

    # The transport methods that a reader uses

    def write(self, data: Bytes) -> None:
        """Collect the bytes."""
        self._parts.append(data)

    def get_write_buffer_size(self) -> int:
        """0: a transport is replaced only while its buffer is empty."""
        return 0

    def is_closing(self) -> bool:
        """Whether the transport closes."""
        return self._transport.is_closing()

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)


class WebSocketReader(SocketReader):
    """A reader on a WebSocket."""

    __slots__ = ("_inbound",)

    def __init__(
        self, owner: ReaderOwner, rights: ReadRights, *, deflated: bool = False
    ) -> None:
        super().__init__(
            owner, WireFormat.DEFLATED if deflated else WireFormat.WEBSOCKET, rights
        )
        self._inbound: InboundMessages | None = None

    def data_received(self, data: bytes) -> None:
        """Parse a message of the reader, or its answer to a close."""
        inbound = self._inbound
        if inbound is None:
            inbound = InboundMessages(
                self.owner.settings.max_message_bytes,
                deflated=self.wire is WireFormat.DEFLATED,
            )
            if self.closing:
                inbound.close_sent(self.closing)
            if not _is_one_frame(data):
                self._inbound = inbound
        try:
            texts, answer, closed = inbound.take(data)
        except ProtocolViolation as broken:
            self._inbound = inbound
            self._break_off(broken)
            return
        if answer and not self.closing:
            self.write(answer)
        if closed:
            self.closing = self.closing or CloseCode.BYE
            self.leave_all()
            self.transport.close()
            self.owner.closing_connections.abort_later(self)
        elif not self.closing:
            self._handle(texts)

    def _handle(self, texts: list[bytes | None]) -> None:
        for text in texts:
            try:
                asked = read_op(text)
            except Malformed:
                self.close(CloseCode.BAD_REQUEST)
                return
            self.do(asked)

    def _break_off(self, broken: ProtocolViolation) -> None:
        """Send the close frame, and read on, so that the peer can receive it."""
        assert self._inbound is not None  # noqa: S101 (for the type checker)
        self._inbound.discards_input = True
        if not self.closing:
            self.closing = broken.code
            self.leave_all()
            self.owner.metrics.closed[str(int(broken.code))].add()
            self.owner.close_reason(int(broken.code))  # its frame is made already
            self.write(broken.answer)
            self.owner.closing_connections.abort_later(self)
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()

    def _end(self, code: CloseCode) -> None:
        self.write(encode_frames.websocket_close(code, self.owner.close_reason(code)))
        if self._inbound is not None:
            self._inbound.close_sent(code)
        self.owner.closing_connections.abort_later(self)


class EventStreamReader(SocketReader):
    """A reader of server-sent events, after the head of the response."""

    __slots__ = ()

    def __init__(
        self, owner: ReaderOwner, rights: ReadRights, *, chunked: bool = True
    ) -> None:
        form = WireFormat.CHUNKS if chunked else WireFormat.STREAM
        super().__init__(owner, form, rights)

    def data_received(self, data: bytes) -> None:
        """Discard: an event stream has no inbound messages."""

    def eof_received(self) -> bool | None:
        """Probe the peer: it closed its side, and is gone or still reads."""
        if self.closing or self.fd < 0:  # over TLS both sides end together
            return super().eof_received()
        self.owner.closing_connections.probe(self)
        return True

    def probe(self) -> None:
        """Send an empty comment; a peer that is gone answers with RST."""
        if not self.closing:
            self.write(self._framed(encode_frames.SSE_COMMENT))

    def close_if_gone(self) -> None:
        """Close the connection if the peer has reset it."""
        if self.fd >= 0 and is_reset(self.fd):
            self.blocked = True
            self.transport.close()

    def _framed(self, event: bytes) -> bytes:
        return chunk(event) if self.wire is WireFormat.CHUNKS else event

    def send_hello(self, hello: bytes) -> None:
        """Send `hello`, with a random `retry:` that spreads unplanned reconnects."""
        wait_ms = random.randint(0, self.owner.settings.retry_ms)  # noqa: S311 (spreads load, no secret)
        self.write(self._framed(encode_frames.sse_retry(wait_ms)) + hello)

    def refuse(self, feed: str, code: CloseCode, detail: str) -> None:
        """Refuse the follow, and close: an event stream has only one."""
        super().refuse(feed, code, detail)
        self.close(code)

    def end_follow(self, follow: Follow, code: CloseCode) -> None:
        """End the follow; first say that the credential is over, if it is."""
        if code is CloseCode.UNAUTHENTICATED and not self.closing:
            super().refuse(follow.feed, code, DETAILS[code])
        super().end_follow(follow, code)

    def bye(self, retry_ms: int) -> None:
        """Close with `bye`; an EventSource takes the delay from `retry:`."""
        if not self.closing:
            self.write(self._framed(encode_frames.sse_retry(retry_ms)))
        super().bye(retry_ms)

    def _end(self, code: CloseCode) -> None:
        self.owner.close_reason(code)  # an event stream has no place for it
        if self.wire is WireFormat.CHUNKS:
            self.write(LAST_CHUNK)
        self.transport.close()
        self.owner.closing_connections.abort_later(self)


def _is_one_frame(data: bytes) -> bool:
    """Whether the bytes are exactly one short, final, masked frame.

    Then the parser is between two messages afterwards, and need not be kept.
    """
    return (
        len(data) >= 6
        and data[0] & 0x80 != 0
        and data[0] & 0x0F != 0
        and data[1] & 0x80 != 0
        and data[1] & 0x7F < 126
        and len(data) == 6 + (data[1] & 0x7F)
    )
