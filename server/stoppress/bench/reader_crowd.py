"""A crowd of readers in one process: as many sockets as descriptors allow.

Rules:
- One reader, the witness, reads every message and checks its number. All get the
  same bytes, so how far the others are follows from how many they had: their bytes
  are dropped in the kernel (MSG_TRUNC), which makes a reader cheap enough for one
  process to outrun the server.
- At the end everyone must have had just as many bytes as the witness.
- Every delivery has its delay, in whatever pieces it came.
"""

from __future__ import annotations

import gc
import select
import socket
import time
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from stoppress.bench.run_plan import MARK, STEPS_A_SECOND, BenchFailed, RunPlan
from stoppress.bench.stream_parser import StreamParser


class SendTimes(Protocol):
    """When each post was sent, in seconds of the monotonic clock."""

    def __getitem__(self, index: int) -> float:
        """The time of post `index`."""


_READ = 1 << 20
_DROP = socket.MSG_TRUNC
_TOLD_EVERY = 64
_A_SOURCE = 8_000
"""Readers of one address of ours, on loopback: beyond half of the port range the
kernel looks for a free port for a millisecond."""
_NO_PORT = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24)
"""Choose the port when connecting, when it need differ only for that server."""
_UNKNOWN = 1 << 62


class ReaderCrowd:
    """Readers of one feed, to be let in, to be read, to be counted."""

    def __init__(self, plan: RunPlan, told: Callable[[int], object] = lambda n: None):
        if not hasattr(select, "epoll"):
            raise BenchFailed("the readers need epoll: run them on Linux")
        self._plan = plan
        self._told = told
        self._family, self._address = _resolved(plan)
        self.asked_s = 0.0
        """From the call of `enter` until the last reader had asked to come in."""
        self.came_again = 0
        """How often a newcomer was reset unheard, and asked once more."""
        self._is_here = str(self._address[0]).startswith("127.")
        self._poll = select.epoll()
        self._lines: dict[int, socket.socket] = {}
        self._buffer = bytearray(_READ)
        self._totals: dict[int, int] = {}
        self._witness = -1
        self._stream: StreamParser | None = None
        self._start = 0
        self._ends: list[int] = []
        self._lost = 0
        # One row a read: when, and how many bytes its reader had before and after.
        self._rows = array("d"), array("q"), array("q")

    def enter(self, count: int, deadline: float) -> None:
        """Bring `count` readers in; the first who ever comes is the witness."""
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
                    break  # let those in who were answered meanwhile
            is_full = opened == wanted or len(waiting) >= limit
            for fd, event in self._poll.poll(1.0 if is_full else 0):
                if fd not in waiting:
                    self._take(fd, 0.0)
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
                    f"{len(self._totals)} of {wanted} readers came in time; "
                    "give it more --timeout, or fewer --readers"
                )
        self._told(len(self._totals))

    def settle(self) -> None:
        """Forget what came so far: from here on, everybody gets the same bytes."""
        while events := self._poll.poll(0.05):
            for fd, _ in events:
                self._take(fd, 0.0)
        self._totals = dict.fromkeys(self._totals, 0)
        self._rows = array("d"), array("q"), array("q")
        self._ends = []
        if self._stream is not None:
            self._start = self._stream.end

    def read(self, deadline: float) -> None:
        """Read until everyone has every post, or until the deadline."""
        gc.disable()  # what is made here are numbers
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
        """Raises BenchFailed unless everyone had everything, and nothing else."""
        if self._lost:
            raise BenchFailed(
                f"the server cut {self._lost} readers; its log may say why"
            )
        posts, heard = self._plan.posts, len(self._ends)
        if heard < posts:
            raise BenchFailed(
                f"{heard} of {posts} posts came in time; give it more --timeout, "
                "or look at the server's log"
            )
        whole = self._ends[-1]
        wrong = [had for had in self._totals.values() if had != whole]
        if wrong:
            raise BenchFailed(
                f"{len(wrong)} of {len(self._totals)} readers did not have the "
                f"{whole} bytes of all posts, but {min(wrong)} to {max(wrong)}; give "
                "it more --timeout, or look at the server's log"
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
        """How many are in."""
        return len(self._totals)

    @property
    def received(self) -> int:
        """How many bytes all of them had since they settled."""
        return sum(self._totals.values())

    def close(self) -> None:
        """Hang up."""
        for line in self._lines.values():
            line.close()
        self._poll.close()

    def _connect(self, request: bytes) -> int:
        """Begin one more reader; its request goes out as soon as it can."""
        line = socket.socket(self._family, socket.SOCK_STREAM)
        line.setblocking(False)
        if self._is_here and len(self._lines) >= _A_SOURCE:
            line.setsockopt(socket.IPPROTO_IP, _NO_PORT, 1)
            line.bind((f"127.0.0.{1 + len(self._lines) // _A_SOURCE}", 0))
        line.connect_ex(self._address)
        fd = line.fileno()
        self._lines[fd] = line
        is_out = self._ask(line, request)
        wanted = select.EPOLLIN if is_out else select.EPOLLIN | select.EPOLLOUT
        self._poll.register(fd, wanted)
        return fd

    def _ask(self, line: socket.socket, request: bytes) -> bool:
        """Send the request; False if the line is not there yet."""
        try:
            line.send(request)
        except BlockingIOError:
            return False
        except (ConnectionResetError, BrokenPipeError):
            return True  # reading tells
        except OSError as error:
            host, port = self._plan.address
            raise BenchFailed(
                f"nobody answers on {host}:{port} ({error}); start a server, "
                "or give --url"
            ) from None
        return True

    def _heard(self, fd: int, waiting: dict[int, bytes]) -> bool | None:
        """Read what a newcomer is told; whether it is in now. None: it was not heard,
        since too many waited to be accepted; it has to come again, as a browser does.
        """
        target = self._plan.target
        try:
            data = self._lines[fd].recv(65_536)
        except OSError as error:
            if not waiting[fd] and self.came_again < len(self._lines):
                self._lines.pop(fd).close()
                return None
            raise BenchFailed(f"the server hung up on a reader: {error}") from None
        before = waiting[fd]
        said = before + data
        if not data:
            raise BenchFailed(f"the server hung up on a reader: {said[:200]!r}")
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
        """Take what there is for a reader; how many bytes it had so far."""
        before = self._totals[fd]
        is_witness = fd == self._witness
        try:
            size = self._lines[fd].recv_into(
                self._buffer, 0, 0 if is_witness else _DROP
            )
        except BlockingIOError:
            return before
        except OSError:
            size = 0
        if not size:
            self._lost += 1
            self._poll.unregister(fd)
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
        """Have the witness read: every post once, in its order."""
        assert self._stream is not None
        for end, message in self._stream.feed(data):
            if MARK not in message:
                continue
            due = len(self._ends)
            if b"%b %d" % (MARK, due) not in message:
                raise BenchFailed(f"where post {due} was due came {message[:200]!r}")
            self._ends.append(end - self._start)


def _resolved(plan: RunPlan) -> tuple[int, tuple[object, ...]]:
    """The server's address as a socket wants it. Raises BenchFailed."""
    host, port = plan.address
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise BenchFailed(
            f"{host!r} is nobody's address ({error}); give --url"
        ) from None
    return found[0][0], found[0][4]
