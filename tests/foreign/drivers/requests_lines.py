"""requests, with the headers it sends by itself."""

from __future__ import annotations

import requests

from tests.foreign.drivers.console import Answer, FollowedFeed, following, run

SESSION = requests.Session()


def ask(method: str, url: str, headers: dict[str, str], body: bytes | None) -> Answer:
    """One request on the session's connection."""
    got = SESSION.request(method, url, headers=headers, data=body, timeout=60)
    fields = {name.lower(): value for name, value in got.headers.items()}
    return Answer(got.status_code, fields, got.content)


def once(followed: FollowedFeed) -> None:
    """Follow until the connection breaks."""
    with requests.get(
        followed.events, headers=followed.as_stream, stream=True, timeout=60
    ) as got:
        got.raise_for_status()
        got.encoding = "utf-8"
        followed.heard_lines(got.iter_lines(chunk_size=1, decode_unicode=True))


run(ask, following(once, requests.RequestException))
