"""How to read from and publish to one kind of server: Stop Press, or another.

It contains only the bytes of requests, and the sign that a reader is connected. Another
server gets the message itself, as long as a post of Stop Press on the wire, with the
same mark.
"""

from __future__ import annotations

import base64
import json
import os
from typing import NamedTuple

from stoppress.bench.run_plan_and_result import MARK, RunPlan

_OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
"""The offer that browsers send."""


class ServerKind(NamedTuple):
    """One kind of server. `{feed}` in a path is the run's feed.

    `ready` is sent once a reader is connected; if `asks` comes before, the reader
    sends `reply`. `answers` are the statuses of a successful publish. `is_ours`: it
    has feeds to make, and posts rather than messages.
    """

    name: str
    socket_path: str
    stream_path: str
    ready: bytes
    post_path: str
    answers: frozenset[int]
    is_ours: bool = False
    asks: bytes = b""
    reply: bytes = b""

    def post(self, index: int, size: int) -> bytes:
        """The body of publish number `index`: `size` bytes of text."""
        text = "It is raining on the old bridge. "
        body = (text * (size // len(text) + 1))[:size].strip()
        mark = MARK.decode()
        if self.is_ours:
            return json.dumps({"headline": f"{mark} {index}", "body": body}).encode()
        return f"{mark} {index} {body}".encode()[:size]

    def request(self, plan: RunPlan) -> bytes:
        """The request with which a reader connects."""
        host, port = plan.address
        lines = f"Host: {host}:{port}\r\n"
        if plan.token and self.is_ours:
            lines += f"Authorization: Bearer {plan.token}\r\n"
        if plan.transport == "sse":
            path = self.stream_path.format(feed=plan.feed)
            lines += "Accept: text/event-stream\r\n"
        else:
            path = self.socket_path.format(feed=plan.feed)
            key = base64.b64encode(os.urandom(16)).decode()
            lines += (
                "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            )
            lines += _OFFER if plan.deflate else ""
        return f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()


STOP_PRESS = ServerKind(
    name="Stop Press",
    socket_path="/v1/live?feed={feed}",
    stream_path="/v1/feeds/{feed}/events",
    ready=b'"hello"',
    post_path="/v1/feeds/{feed}/posts",
    answers=frozenset({201}),
    is_ours=True,
)
