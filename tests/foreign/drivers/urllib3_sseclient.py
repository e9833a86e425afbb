"""urllib3, and sseclient-py on its streams."""

from __future__ import annotations

import sseclient
import urllib3

from tests.foreign.drivers.console import Answer, FollowedFeed, following, run

POOL = urllib3.PoolManager(retries=False, timeout=60)


def ask(method: str, url: str, headers: dict[str, str], body: bytes | None) -> Answer:
    """One request of the pool."""
    got = POOL.request(method, url, headers=headers, body=body)
    fields = {name.lower(): value for name, value in got.headers.items()}
    return Answer(got.status, fields, got.data)


def once(followed: FollowedFeed) -> None:
    """Follow until the connection breaks."""
    got = POOL.request(
        "GET", followed.events, headers=followed.as_stream, preload_content=False
    )
    for event in sseclient.SSEClient(got).events():
        followed.heard(event.data)


run(ask, following(once, urllib3.exceptions.HTTPError))
