"""What requests cost, by their address."""

from __future__ import annotations

import pytest

from stoppress.guard.request_cost import (
    CACHED,
    LISTING,
    RENDERED,
    SCAN,
    STORE_READ,
    cost_of,
)


@pytest.mark.parametrize(
    ("method", "path", "query", "cost"),
    [
        ("GET", "/healthz", b"", 0),
        ("GET", "/v1/feeds/x/events", b"since=k-1", 0),
        ("GET", "/v1/feeds/x", b"", CACHED),
        ("HEAD", "/v1/feeds/x", b"", CACHED),
        ("GET", "/v1/feeds", b"", LISTING),
        ("GET", "/", b"", LISTING),
        ("GET", "/v1/feeds/x/posts", b"", STORE_READ),
        ("GET", "/v1/feeds/x/posts", b"limit=100&tag=a", SCAN),
        ("GET", "/v1/feeds/x/posts/01", b"", STORE_READ),
        ("POST", "/v1/feeds/x/posts", b"", STORE_READ),
        ("GET", "/live/x", b"", CACHED),
        ("GET", "/live/x", b"before=a", RENDERED),
        ("GET", "/live/x", b"tag=a", SCAN),
        ("GET", "/live/x/01", b"", RENDERED),
        ("GET", "/live/x/atom.xml", b"", CACHED),
        ("GET", "/embed/x", b"parent=https://a.example", CACHED),
        ("GET", "/embed/x/01", b"", RENDERED),
        ("GET", "/stop-press.js", b"", CACHED),
    ],
)
def test_a_request_costs(method: str, path: str, query: bytes, cost: float) -> None:
    """More, the more it makes the server do."""
    assert cost_of(method, path, query) == cost
