"""httpx-sse, and httpx for the rest."""

from __future__ import annotations

import httpx
from httpx_sse import connect_sse

from tests.foreign.drivers.console import Answer, FollowedFeed, following, run

CLIENT = httpx.Client(timeout=60)


def ask(method: str, url: str, headers: dict[str, str], body: bytes | None) -> Answer:
    """One request of the client."""
    got = CLIENT.request(method, url, headers=headers, content=body)
    return Answer(got.status_code, got.headers, got.content)


def once(followed: FollowedFeed) -> None:
    """Follow until the connection breaks."""
    last = {"Last-Event-ID": followed.cursor}
    with connect_sse(CLIENT, "GET", followed.events, headers=last) as source:
        for event in source.iter_sse():
            if event.data:
                followed.heard(event.data)


run(ask, following(once, httpx.HTTPError))
