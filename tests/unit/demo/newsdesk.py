"""A newsroom in memory and a clock that makes its own time, for the demo's tests."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any


class Over(Exception):
    """The clock has run as long as the test wanted."""


class VirtualClock:
    """Time passes when somebody waits, and at no other time."""

    def __init__(self, now: datetime, lasts_s: float = 3600.0) -> None:
        self._now = now
        self._end = now + timedelta(seconds=lasts_s)
        self.waits: list[float] = []

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._now += timedelta(seconds=seconds)
        if self._now > self._end:
            raise Over
        await asyncio.sleep(0)


class Desk:
    """Answers as the contract says; `fault` may spoil a request or its answer."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.feeds: dict[str, dict[str, Any]] = {}
        self.posts: dict[str, dict[str, Any]] = {}
        self.withdrawn: dict[str, dict[str, Any]] = {}
        self.events: list[tuple[str, str]] = []
        self.requests: list[tuple[str, str]] = []
        self.fault: Callable[[int], str] = lambda _: ""
        self._keys: dict[str, tuple[str, bytes | None, tuple[int, object]]] = {}
        self._ids = itertools.count(1)
        self._calls = itertools.count()

    async def call(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, object]:
        self.requests.append((method, path))
        fault = self.fault(next(self._calls))
        if fault == "before":
            return 503, {"title": "Unavailable"}
        status, answer = self._settle(method, path, body, headers)
        if fault == "after":
            return 503, {"title": "Unavailable"}
        if fault == "cut":
            raise ConnectionResetError
        return status, json.loads(json.dumps(answer))

    def _settle(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, object]:
        if method == "GET":
            return self._read(path)
        key = headers["Idempotency-Key"]
        if key in self._keys:
            known_path, known_body, known = self._keys[key]
            assert (known_path, known_body) == (path, body), "a key for two requests"
            return (200 if known[0] == 201 else known[0]), known[1]
        content = None if body is None else json.loads(body)
        result = self._write(method, path, content, headers.get("If-Match"))
        if result[0] < 300:
            self._keys[key] = (path, body, result)
        return result

    def _read(self, path: str) -> tuple[int, object]:
        parts = path.split("?")[0].strip("/").split("/")
        if parts[2] not in self.feeds:
            return 404, None
        if len(parts) == 3:
            return 200, {"feed": self.feeds[parts[2]], "posts": []}
        if len(parts) == 4:
            skip = int(path.partition("before=")[2] or 0)
            shown = list(self.posts.values())[::-1]
            more = f"{path.split('?')[0]}?before={skip + 20}"
            return 200, {
                "posts": shown[skip : skip + 20],
                "next": more if skip + 20 < len(shown) else None,
            }
        if parts[4] in self.withdrawn:
            return 410, None
        held = self.posts.get(parts[4])
        return (200, held) if held else (404, None)

    def _write(
        self, method: str, path: str, content: Any, expected: str | None
    ) -> tuple[int, object]:
        parts = path.strip("/").split("/")
        if len(parts) == 2:
            if content["slug"] in self.feeds:
                return 409, None
            self.feeds[content["slug"]] = {**content, "rev": 1}
            return 201, content
        if parts[2] not in self.feeds:
            return 404, None
        if len(parts) == 4:
            return self._publish(content)
        if len(parts) == 3:
            thing = self.feeds[parts[2]]
        elif parts[4] in self.withdrawn:
            return 410, None
        else:
            thing = self.posts[parts[4]]
        if expected is None:
            return 428, None
        if expected != f'"{thing["rev"]}"':
            return 412, {"post": thing}
        if method == "DELETE":
            self.withdrawn[thing["id"]] = self.posts.pop(thing["id"])
            self.events.append(("post.withdrawn", thing["external_id"]))
            return 204, None
        return self._merge(thing, content)

    def _publish(self, content: dict[str, Any]) -> tuple[int, object]:
        name = content["external_id"]
        for held in (*self.posts.values(), *self.withdrawn.values()):
            if held["external_id"] == name:
                return 409, {"type": "external-id-taken"}
        post_id = f"p{next(self._ids):04}"
        at = self.clock.now().astimezone(UTC).isoformat()
        post = {"published_at": at, "correction": None, **content}
        self.posts[post_id] = {"id": post_id, **post, "rev": 1}
        if post.get("pinned"):
            self._unpin(but=post_id)
        self.events.append(("post.published", name))
        return 201, {"post": self.posts[post_id], "cursor": f"e-{len(self.events)}"}

    def _merge(
        self, thing: dict[str, Any], content: dict[str, Any]
    ) -> tuple[int, object]:
        if "correction" in content:
            at = self.clock.now().isoformat()
            content = {**content, "correction": {**content["correction"], "at": at}}
        merged = {**thing, **content}
        if merged != thing:
            thing.update(merged, rev=thing["rev"] + 1)
            if content.get("pinned"):
                self._unpin(but=thing["id"])
            kind = "post.updated" if "id" in thing else "feed.updated"
            name = thing.get("external_id") or thing["slug"]
            self.events.append((kind, name))
        return 200, {"post": dict(thing), "cursor": f"e-{len(self.events)}"}

    def _unpin(self, but: str) -> None:
        for post in self.posts.values():
            if post.get("pinned") and post["id"] != but:
                post.update(pinned=False, rev=post["rev"] + 1)

    def names(self) -> list[str]:
        """The external ids that are shown, in the order they were published."""
        return [post["external_id"] for post in self.posts.values()]
