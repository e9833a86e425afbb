"""A crowd of readers in one process: as many sockets as descriptors allow.

It looks at bytes only: a reader is in once its hello has come, and a message is
the mark in it. Which post a mark belongs to follows from how many came before on
that socket, so every delivery has its latency without being parsed.
"""

from __future__ import annotations

import base64
import os
import resource
import select
import socket
import time
from array import array
from typing import Protocol

from stoppress.bench.plan import MARK, BenchFailed, Plan

AT_ONCE = 200
"""Handshakes under way at once: more only queue up in the server."""
_READ = 256 << 10


class Stamps(Protocol):
    """When each post was sent, in seconds of the monotonic clock."""

    def __getitem__(self, index: int) -> float:
        """The time of post `index`."""


def need_descriptors(count: int) -> None:
    """Raise the limit of open files to `count`, or say that it can't be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count:
        return
    if hard != resource.RLIM_INFINITY and hard < count:
        raise BenchFailed(
            f"{count} open files are needed and {hard} are allowed; "
            "raise `ulimit -n`, or take fewer readers or more loaders"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def request(plan: Plan, host: str) -> bytes:
    """What one reader sends to be let in."""
    auth = f"Authorization: Bearer {plan.token}\r\n" if plan.token else ""
    if plan.transport == "sse":
        return (
            f"GET {plan.target.stream_path.format(feed=plan.feed)} HTTP/1.1\r\n"
            f"Host: {host}\r\n"
            f"Accept: text/event-stream\r\n{auth}\r\n"
        ).encode()
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {plan.target.socket_path.format(feed=plan.feed)} HTTP/1.1\r\n"
        f"Host: {host}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{auth}\r\n"
    ).encode()


class Crowd:
    """`count` readers of one feed."""

    def __init__(self, plan: Plan, address: tuple[str, int], count: int) -> None:
        self._plan = plan
        self._address = address
        self._wanted = count
        self._request = request(plan, f"{address[0]}:{address[1]}")
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._buffer = bytearray(_READ)
        self.received: dict[int, int] = {}
        self._halved: set[int] = set()
        self.bytes = 0
        self.lost = 0
        # One row a read: when, the first post it brought, and one past the last.
        self._rows: tuple[array[float], array[int], array[int]] = (
            array("d"),
            array("l"),
            array("l"),
        )

    def enter(self, deadline: float) -> None:
        """Bring every reader in, up to its hello. Raises BenchFailed."""
        waiting: dict[int, bytes] = {}
        opened = 0
        while len(self.received) < self._wanted:
            while opened < self._wanted and len(waiting) < AT_ONCE:
                waiting[self._connect()] = b""
                opened += 1
            if time.monotonic() > deadline:
                raise BenchFailed(
                    f"{len(self.received)} of {self._wanted} readers came in time; "
                    "give it more --timeout, or fewer --readers"
                )
            for fd, _ in self._poll.poll(1.0):
                if fd not in waiting:
                    self._read(fd, 0.0)
                    continue
                data = waiting[fd] + self._sockets[fd].recv(65_536)
                if data == waiting[fd]:
                    raise BenchFailed(f"the server hung up on a reader: {data[:200]!r}")
                waiting[fd] = data
                if self._plan.target.ready in data:
                    del waiting[fd]
                    self.received[fd] = 0
                    self._count(fd, data, len(data), time.monotonic())
                elif not data.startswith(
                    (b"HTTP/1.1 101", b"HTTP/1.1 200")[: len(data)]
                ):
                    raise BenchFailed(f"a reader was refused: {data[:300].decode()!r}")

    def read_all(self, posts: int, deadline: float) -> None:
        """Read until every reader has every post, or until the deadline."""
        missing = self._wanted
        while missing and time.monotonic() < deadline:
            events = self._poll.poll(0.5)
            for fd, _ in events:
                before = self.received[fd]
                after = self._read(fd, time.monotonic())
                if after < 0 or before < posts <= after:
                    missing -= 1

    def latencies(self, sent: Stamps) -> array[float]:
        """The latency of every delivery, in seconds."""
        found = array("d")
        for at, first, last in zip(*self._rows, strict=True):
            found.extend(at - sent[index] for index in range(first, last))
        return found

    def close(self) -> None:
        """Hang up."""
        for line in self._sockets.values():
            line.close()
        self._poll.close()

    def _connect(self) -> int:
        try:
            line = socket.create_connection(self._address, timeout=10)
        except OSError as error:
            host, port = self._address
            raise BenchFailed(
                f"nobody answers on {host}:{port} ({error}); start a server, "
                "or give --url"
            ) from None
        line.sendall(self._request)
        line.setblocking(False)
        fd = line.fileno()
        self._sockets[fd] = line
        self._poll.register(fd, select.EPOLLIN)
        return fd

    def _read(self, fd: int, now: float) -> int:
        """Take what there is; how many posts the reader has, -1 if it was cut."""
        try:
            size = self._sockets[fd].recv_into(self._buffer)
        except BlockingIOError:
            return self.received[fd]
        except OSError:
            size = 0
        if not size:
            self.lost += 1
            self._poll.unregister(fd)
            return -1
        self.bytes += size
        return self._count(fd, self._buffer, size, now)

    def _count(self, fd: int, buffer: bytes | bytearray, size: int, now: float) -> int:
        """Count the marks in what came; one may be cut in the middle."""
        first = self.received[fd]
        last = first + buffer.count(MARK, 0, size)
        if self._halved and fd in self._halved:
            self._halved.discard(fd)
            last += buffer[0] == MARK[1]
        if buffer[size - 1] == MARK[0]:
            self._halved.add(fd)
        if last != first:
            self.received[fd] = last
            times, firsts, lasts = self._rows
            times.append(now)
            firsts.append(first)
            lasts.append(last)
        return last
