"""urllib of the standard library: long polls, and what socket clients publish with."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import HTTPException

from tests.foreign.drivers.console import Answer, FollowedFeed, following, run


def ask(method: str, url: str, headers: dict[str, str], body: bytes | None) -> Answer:
    """One request."""
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as got:
            fields = {name.lower(): value for name, value in got.headers.items()}
            return Answer(got.status, fields, got.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(refused.code, {}, refused.read())


def once(followed: FollowedFeed) -> None:
    """Poll until the connection breaks."""
    while True:
        got = json.loads(ask("GET", followed.poll, {}, None).body)
        for event in got.get("events", [{**got, "type": "reset"}]):
            followed.heard(json.dumps(event))


if __name__ == "__main__":
    run(ask, following(once, HTTPException, ValueError))
