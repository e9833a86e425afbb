"""Readers that read: each knows its cursor, comes back to it, and sees every gap.

Dearer than a crowd, for rows in which readers differ: each on a feed of its own,
some that stall, some that go and come.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterable

import msgspec

from stoppress.bench.run_plan_and_result import BenchFailed
from stoppress.bench.stream_parser import StreamParser
from tests.bench.stage import Stage

_READ = 1 << 18
AT_ONCE = 200


class Said(msgspec.Struct):
    """What a follower looks at in a message."""

    type: str
    cursor: str = ""
    resumed: bool = False


_decode = msgspec.json.Decoder(Said).decode


class Follower:
    """One reader of one feed; `cursor` is None until it is in."""

    __slots__ = ("cursor", "events", "feed", "head", "is_in", "line", "stream")

    def __init__(self, feed: str) -> None:
        self.feed = feed
        self.cursor: str | None = None
        self.events = 0
        self.is_in = False
        self.head = b""
        self.line: socket.socket | None = None
        self.stream: StreamParser | None = None


class Followers:
    """Any number of followers in this process."""

    def __init__(self, stage: Stage) -> None:
        self._address = "127.0.0.1", stage.port
        self._poll = select.epoll()
        self._by_fd: dict[int, Follower] = {}
        self.all: list[Follower] = []
        self.gaps = 0
        """Events that did not follow on the one before."""
        self.resets = 0
        self.resumed = 0
        self.present = 0
        """How many are in."""
        self.cut = 0
        """Lines that the server ended; each was opened again at its cursor."""

    def enter(self, feeds: Iterable[str], deadline: float) -> None:
        """Have a new follower of each feed come in."""
        for feed in feeds:
            follower = Follower(feed)
            self.all.append(follower)
            self.connect(follower)
            while len(self.all) - self.present > AT_ONCE:
                self._wait(deadline)
        while self.present < len(self.all):
            self._wait(deadline)

    @property
    def events(self) -> int:
        """How many events all of them had."""
        return sum(follower.events for follower in self.all)

    def pump(self, seconds: float) -> None:
        """Read whatever comes, for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for fd, _ in self._poll.poll(left):
                self._hear(fd)

    def catch_up(self, cursor: str, deadline: float) -> int:
        """Read until all are in, at `cursor`; how many are not, at the deadline."""

        def is_there(each: Follower) -> bool:
            return each.is_in and each.cursor == cursor

        while behind := sum(not is_there(each) for each in self.all):
            if time.monotonic() > deadline:
                return behind
            self.pump(0.1)
        return 0

    def connect(self, follower: Follower) -> None:
        """Open its line, at its cursor if it has one."""
        line = socket.create_connection(self._address, 60)
        place = f"@{follower.cursor}" if follower.cursor else ""
        line.sendall(
            f"GET /v1/live?feed={follower.feed}{place} HTTP/1.1\r\nHost: bench\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        line.setblocking(False)
        follower.line, follower.stream, follower.head = line, None, b""
        self._by_fd[line.fileno()] = follower
        self._poll.register(line.fileno(), select.EPOLLIN)

    def hang_up(self, follower: Follower) -> None:
        """Close its line."""
        assert follower.line is not None
        del self._by_fd[follower.line.fileno()]
        follower.line.close()
        self.present -= follower.is_in
        follower.is_in = False

    def close(self) -> None:
        """All of them."""
        for follower in list(self._by_fd.values()):
            self.hang_up(follower)
        self._poll.close()

    def _wait(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise BenchFailed(f"{self.present} of {len(self.all)} came in time")
        for fd, _ in self._poll.poll(1.0):
            self._hear(fd)

    def _hear(self, fd: int) -> None:
        follower = self._by_fd.get(fd)
        if follower is None or follower.line is None:
            return
        try:
            data = follower.line.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        try:
            if not data:
                raise BenchFailed("cut")
            self._read(follower, data)
        except BenchFailed:  # or a close frame
            self.cut += 1
            self.hang_up(follower)
            self.connect(follower)

    def _read(self, follower: Follower, data: bytes) -> None:
        stream = follower.stream
        if stream is None:
            follower.head += data
            head, found, data = follower.head.partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise RuntimeError(f"a follower was refused: {head[:200]!r}")
            stream = follower.stream = StreamParser("websocket", head, False)
        for _, message in stream.feed(data):
            said = _decode(message)
            match said.type:
                case "hello":
                    self._greeted(follower, said)
                case "reset":
                    self.resets += 1
                    self._greeted(follower, said)
                case "beat" | "readers":
                    pass
                case "bye" | "error":
                    raise BenchFailed(said.type)
                case _:
                    self._follow_on(follower, said.cursor)

    def _greeted(self, follower: Follower, said: Said) -> None:
        if said.resumed:
            self.resumed += 1
            self.gaps += follower.cursor != said.cursor
        follower.cursor = said.cursor
        self.present += not follower.is_in
        follower.is_in = True

    def _follow_on(self, follower: Follower, cursor: str) -> None:
        assert follower.cursor is not None
        epoch, _, seq = follower.cursor.rpartition("-")
        self.gaps += cursor != f"{epoch}-{int(seq) + 1}"
        follower.cursor = cursor
        follower.events += 1
