"""Many readers in one process: as many sockets as descriptors allow.

Rules:
- One reader, the witness, parses every message and checks its number. All get the
  same bytes, so the byte count of any other tells which posts it has: its bytes
  are dropped in the kernel (MSG_TRUNC), which makes a reader cheap enough for one
  process to be faster than the server.
- At the end every reader must have exactly as many bytes as the witness.
- The delay of every delivery is known, even if its bytes were split.
- Over TLS only the witness decrypts; of other readers only the record heads are read.
"""

from __future__ import annotations

import gc
import select
import socket
import ssl
import time
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from stoppress.bench.count_tls_bytes_without_decryption import TlsRecords
from stoppress.bench.run_plan_and_result import (
    MARK,
    STEPS_A_SECOND,
    BenchFailed,
    RunPlan,
)
from stoppress.bench.stream_parser import StreamParser


class SendTimes(Protocol):
    """When each post was sent, in seconds of the monotonic clock."""

    def __getitem__(self, index: int) -> float:
        """The time of post `index`."""


_READ = 1 << 20
_DROP = socket.MSG_TRUNC
_TOLD_EVERY = 64
_A_SOURCE = 8_000
"""Readers per source address on loopback: beyond half of the port range the kernel
takes a millisecond to find a free port."""
_NO_PORT = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24)
"""Choose the port when connecting: it need be unique only per destination."""
_UNKNOWN = 1 << 62


class ReaderCrowd:
    """Readers of one feed: connects them, reads them, counts deliveries."""

    def __init__(
        self, plan: RunPlan, reported: Callable[[int], object] = lambda n: None
    ):
        if not hasattr(select, "epoll"):
            raise BenchFailed("the readers need epoll: run them on Linux")
        self._plan = plan
        self._told = reported
        self._family, self._address = _resolved(plan)
        self.asked_s = 0.0
        """From the call of `enter` until the last reader had sent its request."""
        self.came_again = 0
        """How often a connection was reset before any answer, and made again."""
        self._is_here = str(self._address[0]).startswith("127.")
        self._trust = any_certificate() if plan.tls else None
        self._shaken: set[int] = set()
        """Readers whose TLS handshake is done."""
        self._records: dict[int, TlsRecords] = {}
        self._poll = select.epoll()
        self._lines: dict[int, socket.socket] = {}
        self._buffer = bytearray(_READ)
        self._totals: dict[int, int] = {}
        self._witness = -1
        self._stream: StreamParser | None = None
        self._start = 0
        self._ends: list[int] = []
        self._lost = 0
        # One row per read: when, and how many bytes its reader had before and after.
        self._rows = array("d"), array("q"), array("q")

    def enter(self, count: int, deadline: float) -> None:
        """Connect `count` readers; the first one ever is the witness."""
        waiting: dict[int, bytes] = {}
        limit = self._plan.at_once or count
        request, wanted = self._plan.target.request(self._plan), len(self._totals)
        wanted += count
        opened, began = len(self._totals), time.monotonic()
        while len(self._totals) < wanted:
            while opened < wanted and len(waiting) < limit:
                waiting[self._connect(request)] = b""
                opened += 1
                self.asked_s = time.monotonic() - began
                if not opened % _TOLD_EVERY:
                    break  # handle the answers that came meanwhile
            is_full = opened == wanted or len(waiting) >= limit
            for fd, event in self._poll.poll(1.0 if is_full else 0):
                if fd not in waiting:
                    self._take(fd, 0.0)
                elif self._trust and fd not in self._shaken:
                    self._shake_hands(self._trust, fd, request)
                elif event & select.EPOLLOUT:
                    if self._ask(self._lines[fd], request):
                        self._poll.modify(fd, select.EPOLLIN)
                elif (is_in := self._heard(fd, waiting)) is None:
                    del waiting[fd]
                    self.came_again += 1
                    waiting[self._connect(request)] = b""
                elif is_in:
                    del waiting[fd]
                    if not len(self._totals) % _TOLD_EVERY:
                        self._told(len(self._totals))
            if time.monotonic() > deadline:
                raise BenchFailed(
                    f"{len(self._totals)} of {wanted} readers connected in time: "
                    "raise --timeout, or use fewer --readers"
                )
        self._told(len(self._totals))

    def settle(self) -> None:
        """Reset the count of bytes: from here on, all readers get the same bytes."""
        while events := self._poll.poll(0.05):
            for fd, _ in events:
                self._take(fd, 0.0)
        self._totals = dict.fromkeys(self._totals, 0)
        self._rows = array("d"), array("q"), array("q")
        self._ends = []
        if self._stream is not None:
            self._start = self._stream.end

    def read(self, deadline: float) -> None:
        """Read until all readers have every post, or until the deadline."""
        gc.disable()  # only numbers are made here
        missing, whole = len(self._totals), _UNKNOWN
        totals, clock = self._totals, time.monotonic
        while missing > 0 and not self._lost and clock() < deadline:
            for fd, _ in self._poll.poll(0.5):
                before = totals[fd]
                after = self._take(fd, clock())
                if before < whole <= after:
                    missing -= 1
            if whole == _UNKNOWN and len(self._ends) == self._plan.posts:
                whole = self._ends[-1]
                missing = sum(had < whole for had in totals.values())
        gc.enable()

    def check(self) -> None:
        """Raises BenchFailed unless each reader got all posts, and nothing else."""
        if self._lost:
            raise BenchFailed(
                f"the server disconnected {self._lost} readers: see the server's log"
            )
        posts, heard = self._plan.posts, len(self._ends)
        if heard < posts:
            raise BenchFailed(
                f"{heard} of {posts} posts arrived in time: raise --timeout, "
                "or see the server's log"
            )
        whole = self._ends[-1]
        wrong = [had for had in self._totals.values() if had != whole]
        if wrong:
            raise BenchFailed(
                f"{len(wrong)} of {len(self._totals)} readers did not get the "
                f"{whole} bytes of all posts, but {min(wrong)} to {max(wrong)}: "
                "raise --timeout, or see the server's log"
            )

    def tally(self, sent: SendTimes) -> tuple[Counter[int], list[float]]:
        """Deliveries by their delay, and the delay of each post's last reader."""
        ends, posts = self._ends, len(self._ends)
        counted: Counter[int] = Counter()
        lasts = [0.0] * posts
        index: dict[int, int] = {}
        for at, before, after in zip(*self._rows, strict=True):
            first, past = index.get(before, -1), index.get(after, -1)
            if first < 0:
                first = index[before] = bisect_right(ends, before)
            if past < 0:
                past = index[after] = bisect_right(ends, after)
            for post in range(first, past):
                delay = at - sent[post]
                counted[int(delay * STEPS_A_SECOND)] += 1
                if delay > lasts[post]:
                    lasts[post] = delay
        return counted, lasts

    @property
    def size(self) -> int:
        """How many readers are connected."""
        return len(self._totals)

    @property
    def received(self) -> int:
        """How many bytes all of them received since `settle`."""
        return sum(self._totals.values())

    def close(self) -> None:
        """Close all connections."""
        for line in self._lines.values():
            line.close()
        self._poll.close()

    def _connect(self, request: bytes) -> int:
        """Start one more reader; its request is sent as soon as possible."""
        line = socket.socket(self._family, socket.SOCK_STREAM)
        line.setblocking(False)
        if self._is_here and len(self._lines) >= _A_SOURCE:
            line.setsockopt(socket.IPPROTO_IP, _NO_PORT, 1)
            line.bind((f"127.0.0.{1 + len(self._lines) // _A_SOURCE}", 0))
        line.connect_ex(self._address)
        fd = line.fileno()
        self._lines[fd] = line
        if self._trust:
            self._poll.register(fd, select.EPOLLOUT)
            return fd
        is_out = self._ask(line, request)
        wanted = select.EPOLLIN if is_out else select.EPOLLIN | select.EPOLLOUT
        self._poll.register(fd, wanted)
        return fd

    def _shake_hands(self, trust: ssl.SSLContext, fd: int, request: bytes) -> None:
        """Continue a TLS handshake; send the request when it is done."""
        line = self._lines[fd]
        try:
            if not isinstance(line, ssl.SSLSocket):
                line = self._lines[fd] = trust.wrap_socket(
                    line,
                    server_hostname=self._plan.address[0],
                    do_handshake_on_connect=False,
                )
            line.do_handshake()
        except ssl.SSLWantReadError:
            self._poll.modify(fd, select.EPOLLIN)
            return
        except (OSError, ValueError) as error:
            raise BenchFailed(f"a TLS handshake failed: {error}") from None
        self._shaken.add(fd)
        self._records[fd] = TlsRecords(line.version() or "")
        line.send(request)
        self._poll.modify(fd, select.EPOLLIN)

    def _ask(self, line: socket.socket, request: bytes) -> bool:
        """Send the request; False if it is not connected yet."""
        try:
            line.send(request)
        except BlockingIOError:
            return False
        except (ConnectionResetError, BrokenPipeError):
            return True  # the read will fail
        except OSError as error:
            host, port = self._plan.address
            raise BenchFailed(
                f"no server answers on {host}:{port} ({error}): start one, or use --url"
            ) from None
        return True

    def _heard(self, fd: int, waiting: dict[int, bytes]) -> bool | None:
        """Read the answer of a new reader; returns whether it is connected now.

        None: it was reset, since too many waited to be accepted, and must reconnect.
        """
        target = self._plan.target
        try:
            data = self._lines[fd].recv(65_536)
        except ssl.SSLWantReadError:
            return False
        except OSError as error:
            if not waiting[fd] and self.came_again < len(self._lines):
                self._lines.pop(fd).close()
                return None
            raise BenchFailed(f"the server closed a reader: {error}") from None
        before = waiting[fd]
        said = before + data
        if not data:
            raise BenchFailed(f"the server closed a reader: {said[:200]!r}")
        waiting[fd] = said
        if not said.startswith((b"HTTP/1.1 101", b"HTTP/1.1 200")[: len(said)]):
            raise BenchFailed(f"a reader was refused: {said[:300].decode()!r}")
        if target.ready not in said:
            if target.asks and target.asks in said and target.asks not in before:
                self._lines[fd].send(target.reply)
            return False
        self._totals[fd] = 0
        if self._witness < 0:
            head, _, rest = said.partition(b"\r\n\r\n")
            plan = self._plan
            self._stream = StreamParser(plan.transport, head, plan.deflate)
            self._witness = fd
            self._listen(rest)
        return True

    def _take(self, fd: int, now: float) -> int:
        """Receive bytes for a reader; returns the number of its bytes so far."""
        before = self._totals[fd]
        is_witness = fd == self._witness
        records = None if is_witness else self._records.get(fd)
        try:
            if records is not None:
                # Without OpenSSL, which has read whole records and no more.
                size = socket.socket.recv_into(self._lines[fd], self._buffer)
            else:
                size = self._lines[fd].recv_into(
                    self._buffer, 0, 0 if is_witness else _DROP
                )
        except (BlockingIOError, ssl.SSLWantReadError):
            return before
        except OSError:
            size = 0
        if not size:
            self._lost += 1
            self._poll.unregister(fd)
            return before
        if records is not None:
            size = records.feed(memoryview(self._buffer)[:size])
            if not size:
                return before
        after = self._totals[fd] = before + size
        times, firsts, lasts = self._rows
        times.append(now)
        firsts.append(before)
        lasts.append(after)
        if is_witness:
            self._listen(memoryview(self._buffer)[:size])
        return after

    def _listen(self, data: bytes | memoryview) -> None:
        """Parse the witness's bytes: every post once, in order."""
        assert self._stream is not None  # noqa: S101 (for the type checker)
        for end, message in self._stream.feed(data):
            if MARK not in message:
                continue
            due = len(self._ends)
            if b"%b %d" % (MARK, due) not in message:
                raise BenchFailed(f"expected post {due}, received {message[:200]!r}")
            self._ends.append(end - self._start)


def any_certificate() -> ssl.SSLContext:
    """TLS without a check of the certificate, as servers are only measured."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _resolved(plan: RunPlan) -> tuple[int, tuple[object, ...]]:
    """The server's address for a socket. Raises BenchFailed."""
    host, port = plan.address
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise BenchFailed(
            f"host {host!r} has no address ({error}): use --url"
        ) from None
    return found[0][0], found[0][4]
