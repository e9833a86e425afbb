"""Thousands of readers in one process, each of which checks its own line.

For what only many readers show: when each returns, and how soon all are connected. A
reader here is a socket, a cursor and a few counts. Rules: each event follows on the one
before, in its epoch; a bye is kept to as the page's reader keeps to it; a break without
a word is slept off by full jitter within the `retry_ms` of the last hello; a reset is
followed by one GET of the snapshot, within the time that it names.
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
_RUNS = 4096
"""How many different runs of events are remembered."""
_GETS = 1000
"""Snapshots under way at a time: 18,000 readers leave no more of 20,000 descriptors."""
_A_SOURCE = 8_000
"""Readers of one address of ours: loopback has ports for some 28,000 an address."""
_NO_PORT = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24)


Run = tuple[str, int, int, int]
"""Events that follow on each other: epoch, first and last seq, and their bytes."""


class Member:
    """One reader of the throng."""

    __slots__ = ("away", "buffer", "is_in", "place", "retry_ms", "wanted")

    def __init__(self, place: Cursor | None) -> None:
        self.place = place
        self.wanted: Cursor | None = None
        """Where its snapshot has to be, at least, after a reset."""
        self.buffer = b""
        self.is_in = False
        self.away = False
        self.retry_ms = 4000


class Throng:
    """Readers of one feed, at one address."""

    def __init__(self, address: tuple[str, int], feed: str, seed: int) -> None:
        self.members: list[Member] = []
        self.seen: Counter[str] = Counter()
        self.faults: list[str] = []
        self.entered: list[float] = []
        """When each handshake was answered."""
        self._address = address
        self._feed = feed
        self._chance = random.Random(seed)
        self._poll = select.epoll()
        self._lines: dict[int, tuple[socket.socket, Member]] = {}
        self._gets: dict[int, tuple[socket.socket, Member, bytearray]] = {}
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._turns = count()
        self._runs: dict[bytes, Run | None] = {}

    # What is asked of it

    def come(self, place: Cursor | None) -> None:
        """One more reader, from this place; it comes now."""
        member = Member(place)
        self.members.append(member)
        self._connect(member)

    def turn(self, wait_s: float) -> None:
        """What has happened, and what is due."""
        now = time.monotonic()
        if self._due:
            wait_s = max(0.0, min(wait_s, self._due[0][0] - now))
        for fd, event in self._poll.poll(wait_s):
            if fd in self._lines:
                self._heard(fd, event)
            elif fd in self._gets:
                self._answered(fd, event)
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()

    @property
    def size_in(self) -> int:
        """How many are on their lines, greeted."""
        return sum(member.is_in for member in self.members)

    def at(self, goal: Cursor) -> int:
        """How many are there, with a snapshot where one was due."""
        return sum(
            member.place == goal and member.wanted is None for member in self.members
        )

    def close(self) -> None:
        """Hang up."""
        for line, _ in self._lines.values():
            line.close()
        for line, _, _ in self._gets.values():
            line.close()
        self._poll.close()

    # Lines

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._turns), act))

    def _socket(self) -> socket.socket:
        line = socket.socket()
        line.setblocking(False)
        opened = len(self._lines) + len(self._gets)
        if opened >= _A_SOURCE:
            line.setsockopt(socket.IPPROTO_IP, _NO_PORT, 1)
            line.bind((f"127.0.0.{1 + opened // _A_SOURCE}", 0))
        line.connect_ex(self._address)
        return line

    def _connect(self, member: Member) -> None:
        member.buffer = b""
        member.is_in = member.away = False
        line = self._socket()
        self._lines[line.fileno()] = line, member
        self._poll.register(line.fileno(), select.EPOLLOUT)

    def _request(self, member: Member) -> bytes:
        at = "" if member.place is None else f"@{member.place}"
        key = base64.b64encode(os.urandom(16)).decode()
        host, port = self._address
        return (
            f"GET /v1/live?feed={self._feed}{at} HTTP/1.1\r\nHost: {host}:{port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()

    def _heard(self, fd: int, event: int) -> None:
        line, member = self._lines[fd]
        if event & select.EPOLLOUT:
            self._poll.modify(fd, select.EPOLLIN)
            try:
                line.send(self._request(member))
            except OSError:
                self._gone(fd, "unreachable")
            return
        try:
            data = line.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._gone(fd, "broken")
            return
        member.buffer += data
        if not member.is_in and member.buffer.startswith(b"HTTP/1.1"):
            head, found, rest = member.buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._gone(fd, f"status {head[9:12].decode()}")
                return
            self.entered.append(time.monotonic())
            member.buffer = rest
        self._listen(fd, member)

    def _listen(self, fd: int, member: Member) -> None:
        """Take what is whole by now: events by the run, anything else alone."""
        while member.buffer and not member.away:
            run = self._run(member.buffer)
            if run is not None:
                epoch, first, last, length = run
                if member.place != (epoch, first - 1):
                    text = f"{epoch}-{first} was heard after {member.place}"
                    self.faults.append(text)
                self.seen["events"] += last - first + 1
                member.place = Cursor(epoch, last)
                member.buffer = member.buffer[length:]
                continue
            frame = _frame(member.buffer, 0)
            if frame is None:
                return
            message, end = frame
            member.buffer = member.buffer[end:]
            if message is not None:
                self._told(fd, member, message)

    def _run(self, data: bytes) -> Run | None:
        """The events that `data` begins with; the same bytes are looked at once."""
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
        if len(self._runs) > _RUNS:
            self._runs.clear()
        self._runs[data] = found
        return found

    def _told(self, fd: int, member: Member, message: bytes) -> None:
        found = _MESSAGE.match(message)
        if found is None:
            self.faults.append(f"no message: {message[:100]!r}")
            return
        kind = found["kind"].decode()
        self.seen[kind] += 1
        if kind == "bye":
            wait_ms = _retry_ms(message, 0)
            self._gone(fd, "sent away", self._spread(wait_ms / 4, wait_ms))
            return
        if found["epoch"] is None:
            return
        place = Cursor(found["epoch"].decode(), int(found["seq"]))
        before = member.place
        if kind == "hello":
            member.is_in, member.retry_ms = True, _retry_ms(message, 4000)
            if before is not None and place != before:
                self.faults.append(f"hello at {place} to one at {before}")
            member.place = place
        elif kind == "reset":
            member.is_in = True
            member.place = member.wanted = place
            self._later(
                self._spread(_retry_ms(message, 0), 0), lambda: self._fetch(member)
            )
        elif place != before:
            self.faults.append(f"{kind} at {place} to one at {before}")

    def _spread(self, over_ms: float, least_ms: float) -> float:
        return (least_ms + self._chance.random() * over_ms) / 1000

    def _gone(self, fd: int, why: str, wait_s: float | None = None) -> None:
        """The line ended; the reader comes back in its time."""
        line, member = self._lines.pop(fd)
        line.close()
        self.seen[why] += 1
        member.is_in, member.away = False, True
        if wait_s is None:
            wait_s = self._spread(member.retry_ms, 0)
        self._later(wait_s, lambda: self._connect(member))

    # Snapshots

    def _fetch(self, member: Member) -> None:
        if len(self._gets) >= _GETS:
            self._later(0.02, lambda: self._fetch(member))
            return
        line = self._socket()
        self._gets[line.fileno()] = line, member, bytearray()
        self._poll.register(line.fileno(), select.EPOLLOUT)

    def _answered(self, fd: int, event: int) -> None:
        line, member, answer = self._gets[fd]
        host, port = self._address
        why = "broken"
        try:
            if event & select.EPOLLOUT:
                self._poll.modify(fd, select.EPOLLIN)
                path = f"/v1/feeds/{self._feed}?at={member.wanted}"
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
            self._later(self._spread(member.retry_ms, 0), lambda: self._fetch(member))
            return
        self.seen["snapshots"] += 1
        at, wanted = Cursor(found[1].decode(), int(found[2])), member.wanted
        if wanted is None or at.epoch != wanted.epoch or at < wanted:
            self.faults.append(f"a snapshot at {at}, asked for {wanted}")
        member.wanted = None


def _frame(data: bytes, at: int) -> tuple[bytes | None, int] | None:
    """The text (None: it is none) and the end of the frame there, if it is whole."""
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
    """The most of `times` within any window so long."""
    times = sorted(times)
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - window_s:
            first += 1
        most = max(most, last - first + 1)
    return most
