"""How the matrix speaks with a client: a process that reads commands, one a line.

    publish BODY            make a post of this JSON
    edit POST CHANGES       GET the post, then PATCH it with the ETag that came
    follow CURSOR           follow the feed from there, and come back after any break

It answers with JSON, one object a line: `{"did": …, "status": …, "answer": …}`, and
`{"heard": MESSAGE}` for each message of the live line; `{"failed": …}` if it can't go
on. It ends with its input.

Rules: a client that comes back by itself is left to it. For others `following` is the
loop that their documentation asks for, with the last cursor.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

BACK_AFTER_S = 0.2
FIELDS = ("event", "id", "retry")
"""Of an event stream, beside `data`. Parsers skip others, which would hide damage."""
LOCK = threading.Lock()


def say(value: object) -> None:
    """Tell the matrix."""
    with LOCK:
        sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Answer:
    """What an HTTP client makes of an answer."""

    status: int
    headers: Mapping[str, str]
    """By their names in small letters."""
    body: bytes


class FollowedFeed:
    """The feed, and how far it was followed."""

    def __init__(self, base: str, feed: str, token: str) -> None:
        self.feed = f"{base}/v1/feeds/{feed}"
        self.posts = f"{self.feed}/posts"
        self.events = f"{self.feed}/events"
        self.token = token
        self.cursor = ""
        self._live = f"{base.replace('http', 'ws', 1)}/v1/live?feed={feed}@"

    @property
    def live(self) -> str:
        """The address of the WebSocket, from the cursor on."""
        return self._live + self.cursor

    @property
    def poll(self) -> str:
        """The address of the long poll."""
        return f"{self.events}?since={self.cursor}&wait=25"

    @property
    def as_stream(self) -> dict[str, str]:
        """Headers that ask for an event stream, from the cursor on."""
        return {"Accept": "text/event-stream", "Last-Event-ID": self.cursor}

    def heard(self, text: str) -> None:
        """A message came."""
        message = json.loads(text)
        say({"heard": message})
        if message["type"] in ("reset", "hello") or "at" in message:
            self.cursor = message["cursor"]

    def heard_lines(self, lines: Iterable[str]) -> None:
        """Lines of an event stream came, for clients that leave it at that."""
        data: list[str] = []
        for line in lines:
            name, _, value = line.rstrip("\r\n").partition(":")
            if name == "data":
                data.append(value.removeprefix(" "))
            elif not name and data:
                self.heard("\n".join(data))
                data = []
            elif name and name not in FIELDS:
                raise ValueError(f"this is no line of an event stream: {line!r}")


Ask = Callable[[str, str, dict[str, str], bytes | None], Answer]
"""Sends a request: method, address, headers, body."""
Follow = Callable[[FollowedFeed], None]


def following(once: Follow, *breaks: type[Exception]) -> Follow:
    """Follow again and again: `once` returns, or raises one of `breaks`, at a break."""

    def follow(followed: FollowedFeed) -> None:
        while True:
            with suppress(OSError, *breaks):
                once(followed)
            time.sleep(BACK_AFTER_S)

    return follow


def run(ask: Ask, follow: Follow) -> None:
    """Do as the matrix says, until it ends."""
    followed = FollowedFeed(*sys.argv[1:4])
    bearer = {"Authorization": f"Bearer {followed.token}"}
    typed = {**bearer, "Content-Type": "application/json"}
    say({"did": "start"})
    for line in sys.stdin:
        verb, _, rest = line.strip().partition(" ")
        if verb == "publish":
            made = ask("POST", followed.posts, typed, rest.encode())
            say({"did": verb, "status": made.status, "answer": made.body.decode()})
        elif verb == "edit":
            post, _, changes = rest.partition(" ")
            address = f"{followed.posts}/{post}"
            held = ask("GET", address, bearer, None)
            tag = held.headers["etag"]
            matching = {**typed, "If-Match": tag}
            made = ask("PATCH", address, matching, changes.encode())
            say({"did": verb, "status": made.status, "answer": tag})
        elif verb == "follow":
            followed.cursor = rest
            thread = threading.Thread(target=_to_the_end, args=(follow, followed))
            thread.daemon = True
            thread.start()


def _to_the_end(follow: Follow, followed: FollowedFeed) -> None:
    """Follow, and tell the matrix if that can't go on."""
    try:
        follow(followed)
    except Exception as problem:
        say({"failed": repr(problem)})
