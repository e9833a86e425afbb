"""A reader and an editor who go on while somebody else abuses the server.

They are a process of their own, above all others of its core: what they wait for is
the server. In turn, each on a new connection, a snapshot is read and a post published,
which an event stream that stays open then receives.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import socket
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, Self

from tests.faults.server import ADMIN
from tests.plain_http import ANY_CERTIFICATE

ADDRESS = "127.0.0.1"
PAUSE_S = 0.02
TIMEOUT_S = 60.0
_START_S = 60.0


class Seen(NamedTuple):
    """What they saw during a time: 99th percentiles, and what failed."""

    reader_p99_ms: float
    editor_p99_ms: float
    live_p99_ms: float
    asked: int
    failed: int
    rss_mb: float


class Bystanders:
    """They ask the server at a port, from `with` on; `pids` are its processes."""

    def __init__(self, port: int, feed: str, pids: list[int], *, tls: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        self._process = context.Process(
            target=_go_on, args=(theirs, port, feed, pids, tls)
        )

    def __enter__(self) -> Self:
        self._process.start()
        self._receive()
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.terminate()
        self._process.join(_START_S)

    def seen(self) -> Seen:
        """What they saw since the last time."""
        self._line.send("seen")
        seen: Seen = self._receive()
        return seen

    def _receive(self) -> Any:
        if not self._line.poll(_START_S):
            raise TimeoutError("the bystanders do not answer")
        return self._line.recv()


def _go_on(line: Connection, port: int, feed: str, pids: list[int], tls: bool) -> None:
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    reads: list[float] = []
    writes: list[float] = []
    delivered: list[float] = []
    failed = peak_kb = 0
    stream = _EventStream(port, feed, tls)
    line.send("ready")
    while True:
        if line.poll(PAUSE_S):
            line.recv()
            waited = _percentile(reads), _percentile(writes), _percentile(delivered)
            line.send(Seen(*waited, len(reads), failed, round(peak_kb / 1024, 1)))
            for times in (reads, writes, delivered):
                times.clear()
            failed = peak_kb = 0
        began = time.perf_counter()
        failed += _ask(port, "GET", f"/v1/feeds/{feed}", b"", tls) != 200
        reads.append(time.perf_counter() - began)
        began = time.perf_counter()
        post = json.dumps({"body": "Rain."}).encode()
        status = _ask(port, "POST", f"/v1/feeds/{feed}/posts", post, tls)
        writes.append(time.perf_counter() - began)
        if status == 201:
            delivered.append(stream.wait() - began)
        failed += status != 201
        peak_kb = max(peak_kb, *map(rss_kb, pids))


class _EventStream:
    """An event stream, and when its posts came."""

    def __init__(self, port: int, feed: str, tls: bool) -> None:
        self._line = _connected(port, tls)
        self._line.sendall(
            f"GET /v1/feeds/{feed}/events HTTP/1.1\r\nhost: {ADDRESS}:{port}\r\n"
            "accept: text/event-stream\r\n\r\n".encode()
        )
        self._came: list[float] = []
        self._more = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        kept = b""
        while received := self._line.recv(65536):
            now = time.perf_counter()
            whole, _, kept = (kept + received).rpartition(b"\n")
            with self._more:
                self._came += [now] * whole.count(b"event: post.published")
                self._more.notify()

    def wait(self) -> float:
        """When the next post came."""
        with self._more:
            if not self._more.wait_for(lambda: self._came, TIMEOUT_S):
                raise TimeoutError("a post did not reach its reader")
            return self._came.pop(0)


def _ask(port: int, method: str, path: str, body: bytes, tls: bool) -> int:
    """One request on a connection of its own; its status, 0 without an answer."""
    authorization = f"authorization: Bearer {ADMIN}\r\n" if body else ""
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: {ADDRESS}:{port}\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        f"{authorization}\r\n"
    )
    answer = b""
    with contextlib.suppress(OSError, ValueError, IndexError):
        with _connected(port, tls) as line:
            line.sendall(head.encode() + body)
            while received := line.recv(65536):
                answer += received
        return int(answer.split(None, 2)[1])
    return 0


def _connected(port: int, tls: bool) -> socket.socket:
    line = socket.create_connection((ADDRESS, port), TIMEOUT_S)
    return ANY_CERTIFICATE.wrap_socket(line) if tls else line


def _percentile(times: list[float]) -> float:
    """The 99th, in milliseconds."""
    return round(sorted(times)[int(len(times) * 0.99)] * 1000, 2) if times else 0.0


def rss_kb(pid: int) -> int:
    """The resident memory of a process."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1])
    return 0
