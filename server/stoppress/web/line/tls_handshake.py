"""New connections on a TLS port: accepted, and through their handshake, in slices.

The first bytes after the handshake decide as on a plain port: the connection gets a
`TlsTransport` and the protocol of every new connection (`fast_path_or_uvicorn.py`).

Rules:
- A handshake's first step costs 0.3 ms of signing. It waits in an arrival queue of its
  own, with the same rules as the live line's: many arrivals never delay a publish.
- OpenSSL's state is made when a ClientHello has arrived, not before: a silent
  connection costs little. `head_limits` bounds how long a connection may be silent, and
  how many are; the queue has bounds of its own.
- At most MAX_AWAITED handshakes wait for their peer's answer; above, the one that
  has waited longest is closed. Of these one address has at most MAX_AWAITED_BY_ADDRESS,
  and its connections are limited (`guard/open_connections.py`): what is above is closed
  before OpenSSL has any work with it, so it shuts nobody else out.
- Plain HTTP gets a plain answer that names https, and one line in the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable

from stoppress.guard.open_connections import OpenConnections
from stoppress.metric_instruments import NO_METER, Meter
from stoppress.web.line.arrival_queue import (
    CHECK_PEER_AFTER_S,
    ArrivalOutcome,
    ArrivalQueue,
    QueuePlace,
    has_hung_up,
)
from stoppress.web.line.call_openssl_without_ssl_socket import TlsState, server_state
from stoppress.web.line.head_checks import BAD_REQUEST, refusal_response
from stoppress.web.line.head_limits import HeadLimits
from stoppress.web.line.poll_sockets_with_one_epoll import (
    DISCONNECTED,
    READABLE,
    WRITABLE,
    SocketPoller,
    socket_poller,
)
from stoppress.web.line.tls_transport import READ_BYTES, TlsTransport

MAX_AWAITED = 2048
"""Handshakes that wait for their peers, per process: 40 KB each. At 1,850 handshakes
per second and core, those of about one second."""
MAX_AWAITED_BY_ADDRESS = 1024
"""Those of one address (IPv6: a /64), unless it is a proxy's. Of clients 300 ms away
600 wait at the highest rate of handshakes."""
ACCEPTS_PER_TURN = 16
"""Connections accepted per turn of the loop."""
ACCEPT_PAUSE_S = 1.0
"""How long to accept nothing when descriptors or memory are used up."""
WAITING_BYTES = 1024
"""Memory counted per connection that waits for its first step."""
LOGGED_EVERY_S = 60.0
"""Seconds between two log lines about clients that speak the other protocol."""

TLS_HANDSHAKE = b"\x16"
"""The first byte of a TLS connection (RFC 8446, section 5.1)."""
_USED_UP = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PLAIN = b"This port speaks TLS: use https:// in the address."

log = logging.getLogger(__name__)


class TlsMetrics:
    """The metrics of TLS."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.handshakes = meter.counters(
            "stoppress_tls_handshakes",
            "TLS handshakes by outcome: full, resumed, failed, crowded out (too many "
            "waited for their peers), refused (before it began: too many of its "
            "address), plain (HTTP without TLS).",
            "outcome",
            ("full", "resumed", "failed", "crowded_out", "refused", "plain"),
        )


class TlsPort:
    """The connections of a listening socket, until their handshakes are done."""

    def __init__(
        self,
        listener: socket.socket,
        poller: SocketPoller,
        context: Callable[[], ssl.SSLContext],
        protocol: Callable[[], asyncio.BaseProtocol],
        arrival_queue: ArrivalQueue,
        head_limits: HeadLimits,
        connections: OpenConnections,
        metrics: TlsMetrics,
    ) -> None:
        self.transports = poller
        # Its own poller: many handshakes do not delay connected readers.
        self.poller = socket_poller(asyncio.get_running_loop(), only_changes=True)
        self.context = context
        self.protocol = protocol
        self.arrival_queue = arrival_queue
        self.head_limits = head_limits
        self.connections = connections
        self.metrics = metrics
        self._listener = listener
        self._open: set[TlsHandshake] = set()
        self._awaited: dict[TlsHandshake, None] = {}
        self._awaited_by_address: Counter[str] = Counter()
        self._pause: asyncio.TimerHandle | None = None
        self._logged_at = -LOGGED_EVERY_S
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._open)

    def begin(self) -> None:
        """Accept connections from now on."""
        self._pause = None
        loop = asyncio.get_running_loop()
        loop.add_reader(self._listener.fileno(), self._accept)

    def close(self) -> None:
        """Accept no more connections, and close those in their handshake."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._pause is not None:
            self._pause.cancel()
        asyncio.get_running_loop().remove_reader(self._listener.fileno())
        self._listener.close()
        for handshake in list(self._open):
            handshake.abort()
        self.poller.close()

    def _accept(self) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            try:
                connection, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno not in _USED_UP:
                    raise
                log.warning("accepting connections pauses for a moment: %s", error)
                loop = asyncio.get_running_loop()
                loop.remove_reader(self._listener.fileno())
                self._pause = loop.call_later(ACCEPT_PAUSE_S, self.begin)
                return
            connection.setblocking(False)
            handshake = TlsHandshake(self, connection)
            key = self.connections.begin_handshake(peer, handshake)
            if key is None or self.has_too_many(key):
                self.connections.end_handshake(handshake)
                self.metrics.handshakes["refused"].add()
                connection.close()
                continue
            handshake.address_key = key
            self._open.add(handshake)
            self.head_limits.begin(handshake, handshake.address_key)
            self.poller.watch(connection.fileno(), handshake, READABLE)

    def has_too_many(self, key: str) -> bool:
        """Whether too many handshakes of an address wait for their peers."""
        return bool(key) and self._awaited_by_address[key] >= MAX_AWAITED_BY_ADDRESS

    def awaits(self, handshake: TlsHandshake) -> None:
        """Note that a handshake waits for its peer; close the oldest if too many do."""
        if handshake not in self._awaited:
            self._awaited[handshake] = None
            self._awaited_by_address[handshake.address_key] += 1
        self.head_limits.begin(handshake, handshake.address_key)
        if len(self._awaited) > MAX_AWAITED:
            next(iter(self._awaited)).fail("crowded_out")

    def is_over(self, handshake: TlsHandshake) -> None:
        """Forget a handshake that is done, or has failed."""
        self._open.discard(handshake)
        if handshake in self._awaited:
            del self._awaited[handshake]
            key = handshake.address_key
            self._awaited_by_address[key] -= 1
            if not self._awaited_by_address[key]:
                del self._awaited_by_address[key]
        self.head_limits.end(handshake)
        self.connections.end_handshake(handshake)

    def plain_http(self) -> None:
        """Count a client that speaks HTTP without TLS; sometimes log it."""
        self.metrics.handshakes["plain"].add()
        now = time.monotonic()
        if now - self._logged_at >= LOGGED_EVERY_S:
            self._logged_at = now
            log.warning(
                "a client speaks HTTP without TLS on port %d: it needs https://, or "
                "the port of redirect_port",
                self._listener.getsockname()[1],
            )


class TlsHandshake:
    """One connection from its acceptance until its handshake is done."""

    __slots__ = (
        "_fd",
        "_is_over",
        "_is_refused",
        "_place",
        "_port",
        "_socket",
        "_tls",
        "address_key",
    )

    def __init__(self, port: TlsPort, connection: socket.socket) -> None:
        self._port = port
        self._socket = connection
        self._fd = connection.fileno()
        self._tls: TlsState | None = None
        self._place: QueuePlace | None = None
        self._is_over = False
        self._is_refused = False
        self.address_key = ""
        """The key of its address; "": it is not limited by address."""

    # For the poller

    def is_ready(self, events: int) -> None:
        """Take the next step."""
        if self._place is not None:
            if events & DISCONNECTED:
                self.fail()
        elif self._tls is not None:
            if events & WRITABLE:
                self._port.poller.change(self._fd, self, READABLE)
            self._step(self._tls)
        elif self._is_refused:
            self._ignore_bytes()
        else:
            self._first_byte()

    def abort(self) -> None:
        """Close the connection."""
        if self._is_over:
            return
        self._is_over = True
        self._port.is_over(self)
        if self._place is not None:
            self._port.arrival_queue.leave(self._place)
            self._place = None
        self._port.poller.forget(self._fd)
        self._socket.close()

    def fail(self, outcome: str = "failed") -> None:
        """Close the connection, and count why."""
        self._port.metrics.handshakes[outcome].add()
        self.abort()

    def head_timed_out(self) -> None:
        """Close: the handshake was not done in time."""
        self.fail()

    def _first_byte(self) -> None:
        """Queue a handshake; answer HTTP without TLS."""
        try:
            first = self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            first = b""
        if not first:
            self.abort()
        elif first == TLS_HANDSHAKE:
            # From now on the connection waits for this server, not for its peer.
            self._port.head_limits.end(self)
            self._place = self._port.arrival_queue.enter(
                self, WAITING_BYTES, self.address_key
            )
        else:
            self._port.plain_http()
            self._is_refused = True
            with contextlib.suppress(OSError):
                self._socket.send(refusal_response(BAD_REQUEST, _PLAIN))
                self._socket.shutdown(socket.SHUT_WR)
            self._ignore_bytes()

    def _ignore_bytes(self) -> None:
        """Read without using it, until the peer has read its answer and ends.

        Unread bytes would make the kernel reset the connection and the answer; the
        time limit of the head ends a peer that goes on.
        """
        try:
            if self._socket.recv(READ_BYTES):
                # What is left is reported again, after the other connections' events.
                self._port.poller.change(self._fd, self, READABLE)
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.abort()

    # In the arrival queue

    def pause(self) -> None:
        """Wait for admission; DISCONNECTED is still reported."""
        if not self._port.poller.only_changes:
            self._port.poller.change(self._fd, self, 0)

    def admit(self, waited_s: float) -> ArrivalOutcome:
        """Take the first step, unless the peer has disconnected meanwhile."""
        was_paused, self._place = self._place is not None, None
        if waited_s >= CHECK_PEER_AFTER_S and has_hung_up(self._fd):
            self.fail()
            return ArrivalOutcome.GONE
        if self._port.has_too_many(self.address_key):
            self.fail("refused")
            return ArrivalOutcome.GONE
        try:
            tls = self._tls = server_state(self._port.context(), self._socket)
        except (OSError, ValueError):
            self.fail()
            return ArrivalOutcome.GONE
        if was_paused and not self._port.poller.only_changes:
            self._port.poller.change(self._fd, self, READABLE)
        self._step(tls)
        return ArrivalOutcome.WHOLE

    def close(self) -> None:
        """Close the connection without an answer: the queue is full."""
        self.fail()

    def _step(self, tls: TlsState) -> None:
        """Go on with the handshake as far as the peer's bytes allow."""
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            self._port.awaits(self)
            return
        except ssl.SSLWantWriteError:
            self._port.poller.change(self._fd, self, WRITABLE)
            return
        except (OSError, ValueError):
            self.fail()
            return
        self._is_over = True
        self._port.is_over(self)
        kind = "resumed" if tls.session_reused else "full"
        self._port.metrics.handshakes[kind].add()
        self._port.poller.forget(self._fd)
        TlsTransport(
            self._port.transports, self._socket, tls, self._port.protocol()
        ).begin()
