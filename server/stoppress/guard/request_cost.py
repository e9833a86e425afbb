"""The approximate cost of a request: 1 is an answer from memory."""

from __future__ import annotations

CACHED = 1.0
STORE_READ = 4.0
"""One call of the store."""
LISTING = 8.0
"""A list of all feeds."""
RENDERED = 16.0
"""A rarely requested page: read, rendered, compressed."""
SCAN = 40.0
"""A search through posts."""

_FREE = frozenset({"/healthz", "/readyz"})
_LISTS = frozenset({"/v1/feeds", "/", "/sitemap.xml", "/desk/feeds", "/v1/desk/feeds"})
_SEARCHES = ("tag=", "key=")


def cost_of(method: str, path: str, query: bytes) -> float:
    """The cost of a request, by its address; the live line has limits of its own."""
    if path in _FREE:
        return 0.0
    if method not in ("GET", "HEAD"):
        return STORE_READ
    if path in _LISTS:
        return LISTING
    parts = path.split("/")
    if path.startswith("/v1/feeds/"):
        if parts[-1] == "events":
            return 0.0
        if len(parts) == 4:
            return CACHED
        return SCAN if _searches(query) else STORE_READ
    if path.startswith("/live/"):
        if _searches(query):
            return SCAN
        is_post = len(parts) == 4 and "." not in parts[3]
        return RENDERED if query or is_post else CACHED
    if path.startswith("/embed/") and len(parts) == 4:
        return RENDERED
    return CACHED


def _searches(query: bytes) -> bool:
    return any(name.encode() in query for name in _SEARCHES)
