"""A transport over a TLS socket: the sweep's bytes go to OpenSSL directly.

asyncio's own TLS works on buffers in memory and can't be taken over. This transport has
the interface of any other, so uvicorn's protocols and the hub's readers use it as such.

Rules:
- OpenSSL keeps a record that the kernel took in part, and must get the same bytes
  again: they stay first in the buffer, and nothing is sent before them.
- The protocol is paused while bytes are buffered above the high-water mark, as on any
  transport.
- An event of the poller reads one record (at most 16 KiB), so that all sockets get a
  turn.
- `close` sends what is buffered, then close_notify once, without waiting for the
  peer's. A peer that takes nothing is ended by the kernel (TCP_USER_TIMEOUT, set on
  the listening socket).
- `write_eof` sends close_notify after what is buffered, and reads on.
- A peer that ends its side may still read; the protocol's `eof_received` decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from collections.abc import Iterable
from typing import Any, cast

from stoppress.web.line.call_openssl_without_ssl_socket import TlsState
from stoppress.web.line.poll_sockets_with_one_epoll import (
    DISCONNECTED,
    READABLE,
    WRITABLE,
    SocketPoller,
)

READ_BYTES = 16 << 10
"""The plain bytes of one record, at most."""
HIGH_WATER_BYTES = 64 << 10
"""Buffered bytes above which the protocol is paused; asyncio's own default."""

_OPEN, _CLOSING, _CLOSED = range(3)
_NO_PROTOCOL = asyncio.Protocol()
"""Replaces the protocol of a closed connection, which would be a reference cycle."""


class TlsTransport(asyncio.Transport):
    """The transport of one connection whose TLS handshake is done."""

    __slots__ = (
        "_buffer",
        "_buffered",
        "_ends_writing",
        "_events",
        "_has_paused",
        "_high",
        "_low",
        "_poller",
        "_protocol",
        "_reads",
        "_socket",
        "_state",
        "_tls",
    )

    def __init__(
        self,
        poller: SocketPoller,
        connection: socket.socket,
        tls: TlsState,
        protocol: asyncio.BaseProtocol,
    ) -> None:
        """No poller watches the connection yet."""
        self._poller = poller
        self._socket = connection
        self._tls = tls
        self._protocol = cast(asyncio.Protocol, protocol)
        self._buffer: deque[bytes | memoryview] | None = None
        self._buffered = 0
        self._high, self._low = HIGH_WATER_BYTES, HIGH_WATER_BYTES // 4
        self._has_paused = False
        self._ends_writing = False
        self._reads = True
        self._state = _OPEN
        self._events = READABLE
        poller.watch(connection.fileno(), self, READABLE)

    def begin(self) -> None:
        """Give the transport to its protocol; read what came after the handshake."""
        self._protocol.connection_made(self)
        if self._reads and self._state == _OPEN:
            self._read()

    # asyncio.BaseTransport

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """The socket, its TLS context, its addresses."""
        match name:
            case "socket":
                return self._socket
            case "ssl_object":
                return self._tls
            case "sslcontext":
                return self._tls.context
            case "peername" | "sockname":
                with contextlib.suppress(OSError):
                    if name == "peername":
                        return self._socket.getpeername()
                    return self._socket.getsockname()
        return default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Give bytes and events to another protocol from now on."""
        self._protocol = cast(asyncio.Protocol, protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The protocol of the connection."""
        return self._protocol

    def is_closing(self) -> bool:
        """Whether the transport closes, or has closed."""
        return self._state != _OPEN

    def close(self) -> None:
        """Send the buffered bytes, then close."""
        if self._state != _OPEN:
            return
        self._state = _CLOSING
        if self._buffer:
            self._watch()
        else:
            self._say_end()

    def abort(self) -> None:
        """Close now, with bytes unsent."""
        if self._state != _CLOSED:
            self._end(None)

    # Reading

    def is_reading(self) -> bool:
        """Whether bytes are given to the protocol."""
        return self._reads and self._state == _OPEN

    def pause_reading(self) -> None:
        """Leave further bytes in the kernel."""
        self._reads = False
        self._watch()

    def resume_reading(self) -> None:
        """Read on."""
        if not self._reads and self._state == _OPEN:
            self._reads = True
            self._watch()
            if self._tls.pending():
                asyncio.get_running_loop().call_soon(self._read)

    def is_ready(self, events: int) -> None:
        """Handle an event of the poller."""
        waits_to_read = not self._events & READABLE
        if events & WRITABLE and self._buffer:
            self._flush()
        elif events & WRITABLE and self._state == _CLOSING:
            self._say_end()
        elif events & WRITABLE:
            self._watch()
        if self.is_reading():
            if events & (READABLE | DISCONNECTED) or waits_to_read:
                self._read()
        elif events & DISCONNECTED and self._state != _CLOSED:
            self._end(ConnectionResetError("the peer closed the connection"))

    def _read(self) -> None:
        """Give the protocol one record, or the peer's end of file."""
        while self.is_reading():
            try:
                data = self._tls.read(READ_BYTES)
            except ssl.SSLWantReadError:
                return
            except ssl.SSLEOFError:
                data = b""
            except ssl.SSLWantWriteError:
                # An answer of the TLS layer (a new key) must leave first.
                self._watch(WRITABLE)
                return
            except OSError as error:
                self._end(error)
                return
            if not data:
                self._reads = False
                if self._protocol.eof_received():
                    self._watch()
                else:
                    self.close()
                return
            self._protocol.data_received(data)
            if self._state == _CLOSED or not self._tls.pending():
                return

    # Writing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes, or buffer them behind those that wait."""
        if not data or self._state != _OPEN or self._ends_writing:
            return
        if not self._buffer:
            sent = self._send(data)
            if sent == len(data) or self.is_closing():
                return
            if sent:
                data = memoryview(data)[sent:]
            if self._buffer is None:
                self._buffer = deque()
        # OpenSSL gets the same bytes again, so they must not change.
        self._buffer.append(bytes(data) if isinstance(data, bytearray) else data)
        self._buffered += len(data)
        self._watch()
        if self._buffered > self._high and not self._has_paused:
            self._has_paused = True
            self._protocol.pause_writing()

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Send bytes as one record, if they fit into one."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """True: a peer that has close_notify knows that no more comes."""
        return True

    def write_eof(self) -> None:
        """Send close_notify after the buffered bytes; go on reading."""
        if self._state == _OPEN and not self._ends_writing:
            self._ends_writing = True
            if not self._buffer:
                self._end_writing()

    def get_write_buffer_size(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self._buffered

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """The low-water and the high-water mark."""
        return self._low, self._high

    def set_write_buffer_limits(
        self, high: int | None = None, low: int | None = None
    ) -> None:
        """Set the marks, as on any transport."""
        if high is None:
            high = HIGH_WATER_BYTES if low is None else 4 * low
        self._high, self._low = high, high // 4 if low is None else low

    def _send(self, data: bytes | bytearray | memoryview) -> int:
        """Send as much as possible at once; 0 if the kernel takes nothing now."""
        try:
            return self._tls.write(data)
        except ssl.SSLWantWriteError:
            return 0
        except OSError as error:
            self._end(error)
            return 0

    def _flush(self) -> None:
        """Send as much of the buffer as possible."""
        buffer = self._buffer
        while buffer:
            data = buffer[0]
            sent = self._send(data)
            if self._state == _CLOSED:
                return
            self._buffered -= sent
            if sent < len(data):
                if sent:
                    buffer[0] = memoryview(data)[sent:]
                break
            buffer.popleft()
        if not buffer:
            self._buffer = None
        self._watch()
        if self._has_paused and self._buffered <= self._low:
            self._has_paused = False
            self._protocol.resume_writing()
        if self._state == _CLOSING and not self._buffer:
            self._say_end()
        elif self._ends_writing and not self._buffer:
            self._end_writing()

    def _watch(self, events: int = 0) -> None:
        """Tell the poller which events matter now."""
        if self._state == _CLOSED:
            return
        if not events:
            events = READABLE if self.is_reading() else 0
            if self._buffer:
                events |= WRITABLE
        if events != self._events:
            self._events = events
            self._poller.change(self._socket.fileno(), self, events)

    # The end

    def _end_writing(self) -> None:
        """Send close_notify. Where the kernel takes nothing, `close` sends it later."""
        with contextlib.suppress(OSError, ValueError):
            # It raises, as the peer's own has not come.
            self._tls.shutdown()

    def _say_end(self) -> None:
        """Send close_notify after all bytes, without waiting for the peer's."""
        try:
            self._tls.shutdown()
        except ssl.SSLWantWriteError:
            self._watch(WRITABLE)
            return
        except (OSError, ValueError):
            pass  # the peer's has not come, or the connection is broken
        self._end(None)

    def _end(self, error: Exception | None) -> None:
        """Close the connection; the protocol is told in the next turn."""
        self._state = _CLOSED
        self._buffer, self._buffered = None, 0
        self._poller.forget(self._socket.fileno())
        asyncio.get_running_loop().call_soon(self._closed, error)

    def _closed(self, error: Exception | None) -> None:
        try:
            self._protocol.connection_lost(error)
        finally:
            self._protocol = _NO_PROTOCOL
            self._socket.close()
