"""Thousands of readers in one process, each of which checks its own connection.

It measures what only many readers show: when each returns, and how soon all are
connected. A reader here is a socket, a cursor and a few counts. Rules: each event
follows the one before, in its epoch; after a bye a reader waits as the page's reader
does; after a break without a bye it waits with full jitter within the `retry_ms` of the
last hello; after a reset it fetches one snapshot, within the time that the reset names.
"""

from __future__ import annotations

import base64
import errno
import heapq
import os
import random
import re
import select
import socket
import time
from collections import Counter
from collections.abc import Callable
from itertools import count

from stoppress.domain.cursor import Cursor

_MESSAGE = re.compile(
    rb'\{"type":"(?P<kind>[a-z.]+)"(?:,"feed":"[^"]*")?'
    rb'(?:,"cursor":"(?P<epoch>[a-z0-9]+)-(?P<seq>\d+)")?'
)
_EVENT = re.compile(
    rb'\{"type":"(?:post|feed)\.[a-z]+","feed":"[^"]*","cursor":"([a-z0-9]+)-(\d+)"'
)
_RETRY = re.compile(rb'"retry_ms":(\d+)')
_SNAPSHOT = re.compile(rb'"cursor":"([a-z0-9]+)-(\d+)"')
_CACHED_RUNS = 4096
"""How many different runs of events are cached."""
_CONCURRENT_SNAPSHOTS = 1000
"""Concurrent snapshot requests: 18,000 readers leave few of 20,000 descriptors."""
_READERS_PER_ADDRESS = 8_000
"""Readers per loopback address: an address has ports for some 28,000."""
_NO_PORT = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24)


Run = tuple[str, int, int, int]
"""Consecutive events: epoch, first and last seq, and their bytes."""


class CrowdReader:
    """One reader of the crowd."""

    __slots__ = (
        "away",
        "buffer",
        "is_connected",
        "cursor",
        "retry_ms",
        "wanted_cursor",
    )

    def __init__(self, place: Cursor | None) -> None:
        self.cursor = place
        self.wanted_cursor: Cursor | None = None
        """Where its snapshot has to be, at least, after a reset."""
        self.buffer = b""
        self.is_connected = False
        self.away = False
        self.retry_ms = 4000


class ReaderCrowd:
    """Readers of one feed, at one address."""

    def __init__(self, address: tuple[str, int], feed: str, seed: int) -> None:
        self.readers: list[CrowdReader] = []
        self.seen: Counter[str] = Counter()
        self.faults: list[str] = []
        self.handshake_times: list[float] = []
        """When each handshake was answered."""
        self._address = address
        self._feed = feed
        self._random = random.Random(seed)
        self._poll = select.epoll()
        self._lines: dict[int, tuple[socket.socket, CrowdReader]] = {}
        self._gets: dict[int, tuple[socket.socket, CrowdReader, bytearray]] = {}
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._turns = count()
        self._runs: dict[bytes, Run | None] = {}

    # Commands

    def add(self, cursor: Cursor | None) -> None:
        """Connect one more reader, from this cursor on."""
        reader = CrowdReader(cursor)
        self.readers.append(reader)
        self._connect(reader)

    def run_once(self, wait_s: float) -> None:
        """Handle socket events and due timers."""
        now = time.monotonic()
        if self._due:
            wait_s = max(0.0, min(wait_s, self._due[0][0] - now))
        for fd, event in self._poll.poll(wait_s):
            if fd in self._lines:
                self._on_live_event(fd, event)
            elif fd in self._gets:
                self._on_snapshot_event(fd, event)
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()

    @property
    def connected(self) -> int:
        """How many have received hello or a reset."""
        return sum(reader.is_connected for reader in self.readers)

    def at(self, goal: Cursor) -> int:
        """How many are at that cursor, with a snapshot if one was due."""
        return sum(
            reader.cursor == goal and reader.wanted_cursor is None
            for reader in self.readers
        )

    def close(self) -> None:
        """Close every connection."""
        for line, _ in self._lines.values():
            line.close()
        for line, _, _ in self._gets.values():
            line.close()
        self._poll.close()

    # Live connections

    def _schedule(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._turns), act))

    def _socket(self) -> socket.socket:
        line = socket.socket()
        line.setblocking(False)
        opened = len(self._lines) + len(self._gets)
        if opened >= _READERS_PER_ADDRESS:
            line.setsockopt(socket.IPPROTO_IP, _NO_PORT, 1)
            line.bind((f"127.0.0.{1 + opened // _READERS_PER_ADDRESS}", 0))
        line.connect_ex(self._address)
        return line

    def _connect(self, reader: CrowdReader) -> None:
        reader.buffer = b""
        reader.is_connected = reader.away = False
        line = self._socket()
        self._lines[line.fileno()] = line, reader
        self._poll.register(line.fileno(), select.EPOLLOUT)

    def _request(self, reader: CrowdReader) -> bytes:
        at = "" if reader.cursor is None else f"@{reader.cursor}"
        key = base64.b64encode(os.urandom(16)).decode()
        host, port = self._address
        return (
            f"GET /v1/live?feed={self._feed}{at} HTTP/1.1\r\nHost: {host}:{port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()

    def _on_live_event(self, fd: int, event: int) -> None:
        line, reader = self._lines[fd]
        if event & select.EPOLLOUT:
            self._poll.modify(fd, select.EPOLLIN)
            try:
                line.send(self._request(reader))
            except OSError:
                self._on_close(fd, "unreachable")
            return
        try:
            data = line.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._on_close(fd, "broken")
            return
        reader.buffer += data
        if not reader.is_connected and reader.buffer.startswith(b"HTTP/1.1"):
            head, found, rest = reader.buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._on_close(fd, f"status {head[9:12].decode()}")
                return
            self.handshake_times.append(time.monotonic())
            reader.buffer = rest
        self._parse(fd, reader)

    def _parse(self, fd: int, reader: CrowdReader) -> None:
        """Consume complete frames: runs of events at once, other messages singly."""
        while reader.buffer and not reader.away:
            run = self._run(reader.buffer)
            if run is not None:
                epoch, first, last, length = run
                if reader.cursor != (epoch, first - 1):
                    text = f"{epoch}-{first} was received after {reader.cursor}"
                    self.faults.append(text)
                self.seen["events"] += last - first + 1
                reader.cursor = Cursor(epoch, last)
                reader.buffer = reader.buffer[length:]
                continue
            frame = _frame(reader.buffer, 0)
            if frame is None:
                return
            message, end = frame
            reader.buffer = reader.buffer[end:]
            if message is not None:
                self._on_message(fd, reader, message)

    def _run(self, data: bytes) -> Run | None:
        """The events that `data` begins with; equal bytes are parsed once."""
        try:
            return self._runs[data]
        except KeyError:
            pass
        found: Run | None = None
        at = 0
        while (frame := _frame(data, at)) is not None:
            message, end = frame
            match = _EVENT.match(message or b"")
            if match is None:
                break
            epoch, seq = match[1].decode(), int(match[2])
            if found is None:
                found = epoch, seq, seq, end
            elif (epoch, seq) == (found[0], found[2] + 1):
                found = epoch, found[1], seq, end
            else:
                break
            at = end
        if len(self._runs) > _CACHED_RUNS:
            self._runs.clear()
        self._runs[data] = found
        return found

    def _on_message(self, fd: int, reader: CrowdReader, message: bytes) -> None:
        found = _MESSAGE.match(message)
        if found is None:
            self.faults.append(f"no message: {message[:100]!r}")
            return
        kind = found["kind"].decode()
        self.seen[kind] += 1
        if kind == "bye":
            wait_ms = _retry_ms(message, 0)
            self._on_close(fd, "sent away", self._spread(wait_ms / 4, wait_ms))
            return
        if found["epoch"] is None:
            return
        place = Cursor(found["epoch"].decode(), int(found["seq"]))
        before = reader.cursor
        if kind == "hello":
            reader.is_connected, reader.retry_ms = True, _retry_ms(message, 4000)
            if before is not None and place != before:
                self.faults.append(f"hello at {place} to one at {before}")
            reader.cursor = place
        elif kind == "reset":
            reader.is_connected = True
            reader.cursor = reader.wanted_cursor = place
            self._schedule(
                self._spread(_retry_ms(message, 0), 0), lambda: self._fetch(reader)
            )
        elif place != before:
            self.faults.append(f"{kind} at {place} to one at {before}")

    def _spread(self, over_ms: float, least_ms: float) -> float:
        return (least_ms + self._random.random() * over_ms) / 1000

    def _on_close(self, fd: int, why: str, wait_s: float | None = None) -> None:
        """The connection ended; the reader reconnects after its wait."""
        line, reader = self._lines.pop(fd)
        line.close()
        self.seen[why] += 1
        reader.is_connected, reader.away = False, True
        if wait_s is None:
            wait_s = self._spread(reader.retry_ms, 0)
        self._schedule(wait_s, lambda: self._connect(reader))

    # Snapshots

    def _fetch(self, reader: CrowdReader) -> None:
        if len(self._gets) >= _CONCURRENT_SNAPSHOTS:
            self._schedule(0.02, lambda: self._fetch(reader))
            return
        line = self._socket()
        self._gets[line.fileno()] = line, reader, bytearray()
        self._poll.register(line.fileno(), select.EPOLLOUT)

    def _on_snapshot_event(self, fd: int, event: int) -> None:
        line, reader, answer = self._gets[fd]
        host, port = self._address
        why = "broken"
        try:
            if event & select.EPOLLOUT:
                self._poll.modify(fd, select.EPOLLIN)
                path = f"/v1/feeds/{self._feed}?at={reader.wanted_cursor}"
                head = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n"
                line.send(f"{head}Connection: close\r\n\r\n".encode())
                return
            data = line.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError as error:
            why, data = errno.errorcode.get(error.errno or 0, "broken"), b""
        answer += data
        if data:
            return
        del self._gets[fd]
        line.close()
        found = _SNAPSHOT.search(answer)
        if not answer.startswith(b"HTTP/1.1 200") or found is None:
            self.seen[f"snapshot {answer[9:12].decode() or why}"] += 1
            self._schedule(
                self._spread(reader.retry_ms, 0), lambda: self._fetch(reader)
            )
            return
        self.seen["snapshots"] += 1
        at, wanted_cursor = (
            Cursor(found[1].decode(), int(found[2])),
            reader.wanted_cursor,
        )
        if (
            wanted_cursor is None
            or at.epoch != wanted_cursor.epoch
            or at < wanted_cursor
        ):
            self.faults.append(f"a snapshot at {at}, requested at {wanted_cursor}")
        reader.wanted_cursor = None


def _frame(data: bytes, at: int) -> tuple[bytes | None, int] | None:
    """The text (None: not a text frame) and the end of a complete frame."""
    if len(data) - at < 2:
        return None
    size, begin = data[at + 1], at + 2
    if size >= 126:
        begin += 2 if size == 126 else 8
        size = int.from_bytes(data[at + 2 : begin])
    end = begin + size
    if end > len(data):
        return None
    return (data[begin:end] if data[at] & 0x0F == 1 else None), end


def _retry_ms(message: bytes, otherwise: int) -> int:
    found = _RETRY.search(message)
    return otherwise if found is None else int(found[1])


def peak(times: list[float], window_s: float = 1.0) -> int:
    """The most of `times` within any window of that length."""
    times = sorted(times)
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - window_s:
            first += 1
        most = max(most, last - first + 1)
    return most
