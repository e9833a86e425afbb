"""OpenSSL's state of one connection, without the socket that Python wraps around it.

`ssl.SSLSocket` makes a second socket object of each connection, with a dict and five
system calls, and runs a function of Python around each call of OpenSSL. The transport
needs none of it: it has the socket, and calls OpenSSL itself.

Rules:
- `SSLContext._wrap_socket`, and what it returns, are private to Python; a test checks
  that they are there and behave as TlsState says. They are used nowhere else.
- The state does not keep its socket alive: its owner has both.
"""

from __future__ import annotations

import socket
import ssl
from typing import Protocol, cast


class TlsState(Protocol):
    """What OpenSSL keeps of a connection.

    Each method raises SSLWantReadError or SSLWantWriteError if the kernel has nothing,
    or takes nothing; another OSError ends the connection.
    """

    context: ssl.SSLContext
    session_reused: bool

    def do_handshake(self) -> None:
        """Go on with the handshake as far as the peer's bytes allow."""

    def read(self, size: int, /) -> bytes:
        """Bytes of one record; b"" after the peer's close_notify.

        Raises SSLEOFError if the peer's connection ended without one.
        """

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Encrypt and send bytes; how many of them were taken."""

    def pending(self) -> int:
        """Bytes that are decrypted and not read yet."""

    def shutdown(self) -> object:
        """Send close_notify; raises SSLWantReadError until the peer's has come."""


def server_state(context: ssl.SSLContext, connection: socket.socket) -> TlsState:
    """The state of a connection whose handshake has not begun. Raises OSError."""
    wrap = context._wrap_socket  # type: ignore[attr-defined]  # private to Python
    return cast(TlsState, wrap(connection, True, None))
