"""How the tests of the API ask, and what they make of an answer."""

from __future__ import annotations

from typing import Any

import httpx

from tests.conftest import Server
from tests.plain_http import PATIENCE_S, PLAIN
from tests.waiting import wait_until

SHARED_CACHE = (
    "public, max-age=0, s-maxage=1, stale-while-revalidate=5, stale-if-error=60"
)


PROBLEM = "application/problem+json"


def read(server: Server, path: str, **headers: str) -> httpx.Response:
    """Ask as a reader, without a token."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.get(
        verify=PLAIN,
        url=server.url + path,
        headers=named,
        timeout=PATIENCE_S,
        trust_env=False,
    )


def send(server: Server, method: str, path: str, content: bytes) -> httpx.Response:
    """Send bytes as the admin."""
    headers = {"authorization": f"Bearer {server.token}"}
    return httpx.request(
        method,
        server.url + path,
        content=content,
        headers=headers,
        timeout=PATIENCE_S,
        trust_env=False,
    )


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem document, once it is one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["type"] and document["title"] and document["detail"]
    return document


def public(post: dict[str, Any]) -> dict[str, Any]:
    """A post as readers get it, from what those get who may publish."""
    return {name: v for name, v in post.items() if name not in ("body", "external_id")}


def said(post: dict[str, Any]) -> str:
    """What a post of one plain paragraph says to readers."""
    html: str = post["html"]
    return html.removeprefix("<p>").removesuffix("</p>")


def events(server: Server, feed: str, since: str) -> list[dict[str, Any]]:
    """What happened in the feed after a cursor, up to the last acknowledged write.

    A process hears of a write a moment after it is acknowledged; a snapshot is never
    older than that.
    """
    head = read(server, f"/v1/feeds/{feed}").json()["cursor"]
    found: list[dict[str, Any]] = []

    def is_at_the_head() -> bool:
        answer = read(server, f"/v1/feeds/{feed}/events?since={since}&wait=0")
        assert answer.status_code == 200, answer.text
        found[:] = answer.json()["events"]
        return bool(answer.json()["cursor"] == head)

    wait_until(is_at_the_head)
    return found
