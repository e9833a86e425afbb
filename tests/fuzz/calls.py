"""Requests to the whole HTTP API: addresses, queries, headers and bodies.

The application itself is asked, over ASGI, with its newsroom in memory. Holds: one
answer a request, with a status that `/openapi.json` could name and never 500; a
refusal is a problem document; what was refused is not there.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from urllib.parse import quote, quote_from_bytes

import msgspec
from starlette.applications import Starlette
from starlette.types import Message, Scope

from stoppress.web.api import route_table
from stoppress.web.problems import exception_handlers
from tests.fuzz import samples
from tests.fuzz.mutate import ODD, bent, json_of
from tests.unit.web.desk_harness import ADMIN, BASE, DeskHarness, open_harness

ALLOWED = frozenset(
    (200, 201, 204, 304, 307, 400, 401, 403, 404, 405, 409, 410, 412, 413, 415, 422)
) | {428}
"""307: an address with a slash too many leads to the one without."""
_BODIES: Mapping[tuple[str, str], Mapping[str, object]] = {
    ("POST", "posts"): samples.POST,
    ("PATCH", "post"): samples.POST,
    ("PUT", "post"): samples.POST_COPY,
    ("POST", "feeds"): samples.NEW_FEED,
    ("PATCH", "feed"): samples.FEED,
    ("PUT", "feed"): samples.FEED_COPY,
    ("POST", "tokens"): samples.TOKEN,
    ("PUT", "gone"): samples.WITHDRAWN,
    ("PUT", "external"): samples.POST,
}
_PATHS = {
    "feeds": "/v1/feeds",
    "feed": "/v1/feeds/{feed}",
    "posts": "/v1/feeds/{feed}/posts",
    "post": "/v1/feeds/{feed}/posts/{post}",
    "withdrawn": "/v1/feeds/{feed}/withdrawn",
    "gone": "/v1/feeds/{feed}/withdrawn/{post}",
    "external": "/v1/feeds/{feed}/external/{post}",
    "tokens": "/v1/tokens",
    "token": "/v1/tokens/{post}",
}
_QUERIES = ("at=k3v9-1", "limit=5", "before=MTc5", "tag=quay", "key=true", "all=true")
_HEADERS = (
    ("if-match", '"1"'),
    ("if-match", "*"),
    ("if-none-match", '"k3v9-1-x"'),
    ("content-type", "application/json"),
    ("content-encoding", "gzip"),
    ("idempotency-key", "key-1"),
    ("idempotency-key", "key-2"),
    ("cookie", "stoppress_desk=sps_x"),
    ("sec-fetch-site", "same-origin"),
    ("origin", BASE),
)


def session(chance: random.Random, inputs: int) -> Counter[str]:
    """So many requests to one newsroom, which begins with a feed and a post."""
    return asyncio.run(_session(chance, inputs))


async def _session(chance: random.Random, inputs: int) -> Counter[str]:
    seen: Counter[str] = Counter()
    async with open_harness() as harness:
        await harness.feed("quay")
        app = Starlette(
            routes=route_table.routes(harness.services),
            exception_handlers=exception_handlers(BASE),
        )
        names = [str((await harness.post()).json()["post"]["id"]), samples.POST_ID]
        for _ in range(inputs):
            before = _events(harness)
            scope, body = _request(chance, names)
            status = await _ask(app, scope, _cut(chance, body), body)
            if status >= 400:
                text = f"{scope['method']} {scope['raw_path']!r} was refused, and done"
                assert _events(harness) == before, text
            seen[f"{scope['method']} {status}"] += 1
    return seen


def _events(harness: DeskHarness) -> int:
    return sum(1 + kept.seq for kept in harness.store.kept.values())


def _request(chance: random.Random, names: list[str]) -> tuple[Scope, bytes]:
    place, pattern = chance.choice(list(_PATHS.items()))
    method = chance.choice(("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"))
    if chance.random() < 0.7:  # mostly what is there
        method, place = chance.choice(list(_BODIES))
        pattern = _PATHS[place]
    feed = "quay" if chance.random() < 0.9 else _odd(chance)
    post = chance.choice(names) if chance.random() < 0.9 else _odd(chance)
    path = pattern.format(feed=feed, post=post)
    query = "&".join(chance.sample(_QUERIES, chance.randrange(3))).encode()
    if chance.random() < 0.3:
        query = bent(chance, query)
    headers = [(k.encode(), v.encode()) for k, v in chance.sample(_HEADERS, 2)]
    if chance.random() < 0.2:
        headers = [(name, bent(chance, value)) for name, value in headers]
    if chance.random() < 0.9:
        headers.append((b"authorization", b"Bearer " + ADMIN.encode()))
    right = _BODIES.get((method, place))
    body = b"" if right is None else json_of(chance, right)
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": quote(path, errors="replace").encode(),
        "root_path": "",
        # What a server's HTTP parser lets through.
        "query_string": quote_from_bytes(query, safe="=&%+@:~!$'()*,;/?[]").encode(),
        "headers": [(b"host", b"live.example.org"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("live.example.org", 443),
    }, body


def _odd(chance: random.Random) -> str:
    odd = [value for value in ODD if isinstance(value, str)]
    text = chance.choice(odd).encode(errors="replace")
    return bent(chance, text).decode(errors="replace").replace("/", "-")[:3000]


def _cut(chance: random.Random, body: bytes) -> list[Message]:
    """The body in one or two pieces; in one case of fifty its sender goes away."""
    at = chance.randrange(len(body) + 1) if chance.random() < 0.2 else len(body)
    first: Message = {"type": "http.request", "body": body[:at], "more_body": True}
    if chance.random() < 0.02:
        return [first, {"type": "http.disconnect"}]
    if at == len(body):
        return [{**first, "more_body": False}]
    return [first, {"type": "http.request", "body": body[at:], "more_body": False}]


async def _ask(app: Starlette, scope: Scope, come: list[Message], body: bytes) -> int:
    """The status; 0 where there was nobody left to answer."""
    said: list[Message] = []
    left = come[-1]["type"] == "http.disconnect"

    async def receive() -> Message:
        return come.pop(0) if come else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        said.append(message)

    await app(scope, receive, send)
    if not said:
        assert left, "no answer"
        return 0
    start, *rest = said
    status = int(start["status"])
    what = f"{scope['method']} {scope['raw_path']!r} {body[:300]!r}"
    # 503 where a snapshot is wanted at a cursor that never comes.
    waits = status == 503 and b"at=" in scope["query_string"]
    assert status in ALLOWED or waits, f"{status} to {what}"
    answer = b"".join(part.get("body", b"") for part in rest)
    assert [part.get("more_body", False) for part in rest][-1:] == [False], what
    if status >= 400 and scope["method"] != "HEAD":
        problem = msgspec.json.decode(answer)
        assert problem["status"] == status and problem["detail"], f"{problem} to {what}"
        assert len(answer) < len(body) + (1 << 17), f"{len(answer)} bytes to {what}"
    return status
