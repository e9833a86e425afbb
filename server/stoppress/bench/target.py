"""How to read from and publish to one kind of server: ours, or a peer.

Only bytes of requests, and what tells that a reader is in. A peer gets the
message itself, as long as one of ours on the wire, with the same mark in it.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from stoppress.bench.plan import MARK


class Target(NamedTuple):
    """One kind of server. `{feed}` in a path is the run's feed.

    `ready` comes once a reader is in. `answers` are the statuses of a publish
    that worked. `is_ours`: it has feeds to make, and posts rather than messages.
    """

    name: str
    socket_path: str
    stream_path: str
    ready: bytes
    post_path: str
    answers: frozenset[int]
    is_ours: bool = False

    def post(self, index: int, size: int) -> bytes:
        """The body of publish number `index`: `size` bytes of text."""
        text = "It is raining on the old bridge. "
        body = (text * (size // len(text) + 1))[:size].strip()
        mark = MARK.decode()
        if self.is_ours:
            return json.dumps({"headline": f"{mark} {index}", "body": body}).encode()
        return f"{mark} {index} {body}".encode()[:size]


STOP_PRESS = Target(
    name="Stop Press",
    socket_path="/v1/live?feed={feed}",
    stream_path="/v1/feeds/{feed}/events",
    ready=b'"hello"',
    post_path="/v1/feeds/{feed}/posts",
    answers=frozenset({201}),
    is_ours=True,
)
