"""Readers that own their socket: the transport was taken from the web server.

Rules:
- The sweep writes straight to `fd` while nothing waits in the transport. The
  transport's high-water mark is the lowest, so it says at once when something does
  (`pause_writing`) and when it is gone (`resume_writing`).
- A descriptor is forgotten (`fd = -1`) before the transport closes it: the number
  may belong to somebody else a moment later.
- TLS has no socket to write to past its transport: there `fd` stays -1.
- Dead peers and the send buffer's bound are the kernel's job, told to the listening
  socket (`process/listening_sockets.py`); who takes nothing beside the ring is cut
  at 64 KiB.
"""

from __future__ import annotations

import asyncio
import os
import random
import select
from typing import Self, cast

from stoppress.domain.errors import Malformed
from stoppress.hub.feed_state import ReadRights
from stoppress.hub.follow import Follow
from stoppress.hub.reader import MAX_WAITING, Reader, ReaderOwner
from stoppress.hub.reader_messages import InboundMessages, ProtocolViolation, read_op
from stoppress.hub.ring import Bytes, Parts
from stoppress.wire import frames
from stoppress.wire.close_codes import CloseCode
from stoppress.wire.wire_formats import LAST_CHUNK, WireFormat, chunk

Registry = set[asyncio.Protocol]
"""The web server's connections: whom it asks to end, and waits for."""


class SocketReader(Reader, asyncio.Protocol):
    """A reader with a transport of its own."""

    __slots__ = ("registry", "transport")

    transport: asyncio.Transport

    def __init__(
        self, owner: ReaderOwner, wire: WireFormat, rights: ReadRights
    ) -> None:
        super().__init__(owner, wire, rights)
        self.registry: Registry | None = None

    def take(self, transport: asyncio.Transport, registry: Registry) -> None:
        """Own `transport` from here on. It must be open."""
        self.transport = transport
        self.registry = registry
        registry.add(self)
        transport.set_protocol(self)
        peer = transport.get_extra_info("socket")
        # A socket's transport pauses above the mark, one of TLS already at it.
        tls = transport.get_extra_info("sslcontext") is not None
        if peer is not None and not tls:
            self.fd = peer.fileno()
        transport.set_write_buffer_limits(high=int(tls))
        self.blocked = transport.get_write_buffer_size() > 0
        transport.resume_reading()
        self.owner.came(self)

    def held(self, head: bytes) -> BufferingTransport:
        """Send `head` and all that is written meanwhile at once, at the end."""
        return BufferingTransport(self, head)

    # asyncio.Protocol

    def pause_writing(self) -> None:
        """Bytes wait in the transport."""
        self.blocked = True

    def resume_writing(self) -> None:
        """No bytes wait any more."""
        self.drained()

    def eof_received(self) -> bool | None:
        """The peer hung up, perhaps with thousands of others."""
        if self.fd < 0:  # over TLS a connection can't stay half open
            return False
        self.blocked = True
        self.owner.leaving.let_go(self.transport.close)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, and its descriptor soon."""
        self.fd = -1
        self.blocked = True
        self.closing = self.closing or CloseCode.BYE
        self.leave_all()
        if self.registry is not None:
            self.registry.discard(self)
            self.registry = None
            self.owner.went(self)

    def shutdown(self) -> None:
        """The web server ends, and asks every connection to."""
        self.bye(self.owner.settings.retry_ms)

    # Reader

    def write(self, data: Bytes) -> None:
        """Send bytes in order; a peer that takes none is cut off."""
        transport = self.transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() > MAX_WAITING:
            transport.abort()
        else:
            transport.write(data)

    def put(self, follow: Follow, parts: Parts, after: int) -> int:
        """Write through the transport, where there is no socket to write to."""
        follow.seq = after
        self.transport.writelines(parts)
        channel = follow.channel
        if not self.blocked and channel is not None and after != channel.ring.head:
            channel.ready(follow)
        return 0

    def lost(self) -> None:
        """The socket is broken; the transport will say that it is gone."""
        self.blocked = True
        self.transport.abort()

    def cut(self) -> None:
        """End now."""
        if self.registry is not None:
            self.transport.abort()


class BufferingTransport:
    """Stands before a transport on which nothing waits, and holds back the bytes."""

    __slots__ = ("_parts", "_reader", "_transport")

    def __init__(self, reader: SocketReader, head: bytes) -> None:
        self._reader = reader
        self._transport = reader.transport
        self._parts: list[Bytes] = [head]

    def __enter__(self) -> Self:
        self._reader.transport = cast(asyncio.Transport, self)
        return self

    def __exit__(self, *_: object) -> None:
        """Send what was held back: to the socket, if it is one, else by transport."""
        self._reader.transport = self._transport
        data = b"".join(self._parts)
        fd, sent = self._reader.fd, 0
        if fd >= 0:
            try:
                sent = os.write(fd, data)
            except OSError:  # full, or broken: the transport will find out
                sent = 0
        if sent < len(data):
            self._transport.write(data[sent:])

    # What a reader asks of its transport

    def write(self, data: Bytes) -> None:
        """Hold the bytes back."""
        self._parts.append(data)

    def get_write_buffer_size(self) -> int:
        """Nothing waits, or it would not be held."""
        return 0

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
        """What the reader says, or its answer to our close."""
        inbound = self._inbound
        if inbound is None:
            inbound = InboundMessages(
                self.owner.settings.max_message_bytes,
                deflated=self.wire is WireFormat.DEFLATED,
            )
            if self.closing:
                inbound.say_close(self.closing)
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
            self.owner.leaving.add(self)
        elif not self.closing:
            self._act(texts)

    def _act(self, texts: list[bytes | None]) -> None:
        for text in texts:
            try:
                op, feed, cursor = read_op(text)
            except Malformed:
                self.close(CloseCode.BAD_REQUEST)
                return
            if op == "unfollow":
                self.strike(feed)
            else:
                self.owner.follow(self, feed, cursor)

    def _break_off(self, broken: ProtocolViolation) -> None:
        """Say why, and read on, so that the peer gets to read it too."""
        assert self._inbound is not None
        self._inbound.deaf = True
        if not self.closing:
            self.closing = broken.code
            self.leave_all()
            self.owner.metrics.closed[str(int(broken.code))].add()
            self.write(broken.answer)
            self.owner.leaving.add(self)
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()

    def _end(self, code: CloseCode) -> None:
        self.write(frames.websocket_close(code))
        if self._inbound is not None:
            self._inbound.say_close(code)
        self.owner.leaving.add(self)


class EventStreamReader(SocketReader):
    """A reader of server-sent events, after the head of the response."""

    __slots__ = ()

    def __init__(
        self, owner: ReaderOwner, rights: ReadRights, *, chunked: bool = True
    ) -> None:
        form = WireFormat.CHUNKS if chunked else WireFormat.STREAM
        super().__init__(owner, form, rights)

    def data_received(self, data: bytes) -> None:
        """Nothing a client could say now has an answer."""

    def eof_received(self) -> bool | None:
        """The peer has closed its side: it is gone, or goes on reading."""
        if self.fd < 0:
            return False
        if self.closing:
            return super().eof_received()
        self.owner.leaving.look_after(self)
        return True

    def probe(self) -> None:
        """Send a comment, which means nothing; a peer that is gone answers by RST."""
        if not self.closing:
            self.write(self._framed(frames.SSE_COMMENT))

    def close_if_gone(self) -> None:
        """Close the line if the peer has reset the connection."""
        if self.fd >= 0 and is_reset(self.fd):
            self.blocked = True
            self.transport.close()

    def _framed(self, event: bytes) -> bytes:
        return chunk(event) if self.wire is WireFormat.CHUNKS else event

    def greet(self, hello: bytes) -> None:
        """Say hello, and spread the return after a break nobody announced."""
        wait_ms = random.randint(0, self.owner.settings.retry_ms)
        self.write(self._framed(frames.sse_retry(wait_ms)) + hello)

    def refuse(self, feed: str, code: CloseCode, detail: str) -> None:
        """An event stream has one follow, and ends with it."""
        super().refuse(feed, code, detail)
        self.close(code)

    def bye(self, retry_ms: int) -> None:
        """Say goodbye; an EventSource reads when to return from `retry:`."""
        if not self.closing:
            self.write(self._framed(frames.sse_retry(retry_ms)))
        super().bye(retry_ms)

    def _end(self, code: CloseCode) -> None:
        if self.wire is WireFormat.CHUNKS:
            self.write(LAST_CHUNK)
        self.transport.close()
        self.owner.leaving.add(self)


def is_reset(fd: int) -> bool:
    """Whether a connection is over in both directions, as far as the kernel knows."""
    poll = select.poll()
    poll.register(fd, 0)  # errors and hang-ups are told in any case
    return bool(poll.poll(0))


def _is_one_frame(data: bytes) -> bool:
    """Whether the bytes are one short masked frame that stands alone.

    Then the parser stands between two messages after it, and need not be kept.
    """
    return (
        len(data) >= 6
        and data[0] & 0x80 != 0
        and data[0] & 0x0F != 0
        and data[1] & 0x80 != 0
        and data[1] & 0x7F < 126
        and len(data) == 6 + (data[1] & 0x7F)
    )
