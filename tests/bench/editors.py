"""Many editors in one process: each sends its next post when the last is answered.

One epoll and plain sockets, so that sixteen of them cost less than what they measure.
"""

from __future__ import annotations

import json
import select
import socket
import time

from stoppress.bench.run_plan_and_result import BenchFailed
from tests.bench.stage import TOKEN, Stage

_WAIT_S = 60.0
_READ = 1 << 16


class _Editor:
    """One connection, and the answer that it is waiting for."""

    __slots__ = ("heard", "line", "sent_at")

    def __init__(self, port: int) -> None:
        self.line = socket.create_connection(("127.0.0.1", port), _WAIT_S)
        self.line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.heard = b""
        self.sent_at = 0.0

    def answer(self) -> bytes | None:
        """The whole answer, or None while a part is missing. Raises BenchFailed."""
        data = self.line.recv(_READ)
        if not data:
            raise BenchFailed("the server closed an editor's connection")
        self.heard += data
        head, end, body = self.heard.partition(b"\r\n\r\n")
        if not end:
            return None
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if len(body) < int(length):
            return None
        whole, self.heard = self.heard, b""
        return whole


class Editors:
    """`count` editors who post the same to one path."""

    def __init__(
        self, stage: Stage, count: int, path: str, post: object, *, keyed: bool
    ) -> None:
        self._body = json.dumps(post).encode()
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{stage.port}\r\n"
            f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(self._body)}\r\n"
        ).encode()
        self._keyed = keyed
        self._number = 0
        self._poll = select.epoll()
        self._editors = {}
        for _ in range(count):
            editor = _Editor(stage.port)
            self._editors[editor.line.fileno()] = editor
            self._poll.register(editor.line, select.EPOLLIN)

    def publish(self, posts: int) -> list[float]:
        """Publish so many posts together; how long each took, in seconds."""
        left, delays = posts, list[float]()
        for editor in list(self._editors.values())[:posts]:
            self._send(editor)
            left -= 1
        while len(delays) < posts:
            found = self._poll.poll(_WAIT_S)
            if not found:
                raise BenchFailed("a publish was not answered in time")
            for fd, _ in found:
                editor = self._editors[fd]
                answer = editor.answer()
                if answer is None:
                    continue
                if not answer.startswith(b"HTTP/1.1 201"):
                    raise BenchFailed(f"a publish was refused: {answer[:300]!r}")
                delays.append(time.monotonic() - editor.sent_at)
                if left:
                    self._send(editor)
                    left -= 1
        return delays

    def close(self) -> None:
        """Close all connections."""
        for editor in self._editors.values():
            editor.line.close()
        self._poll.close()

    def _send(self, editor: _Editor) -> None:
        self._number += 1
        key = f"Idempotency-Key: bench-{self._number}\r\n" if self._keyed else ""
        editor.sent_at = time.monotonic()
        editor.line.sendall(self._head + key.encode() + b"\r\n" + self._body)
