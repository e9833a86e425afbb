"""httpx, with the headers it sends by itself."""

from __future__ import annotations

import httpx

from tests.foreign.drivers.console import Answer, FollowedFeed, following, run

CLIENT = httpx.Client(timeout=60)


def ask(method: str, url: str, headers: dict[str, str], body: bytes | None) -> Answer:
    """One request of the client."""
    got = CLIENT.request(method, url, headers=headers, content=body)
    return Answer(got.status_code, got.headers, got.content)


def once(followed: FollowedFeed) -> None:
    """Follow until the connection breaks."""
    with CLIENT.stream("GET", followed.events, headers=followed.as_stream) as got:
        got.raise_for_status()
        followed.heard_lines(got.iter_lines())


run(ask, following(once, httpx.HTTPError))
