"""Encodes pages of posts as JSON, and the marks and paths of their next pages.

A mark is opaque to clients: `published_at` and id of the last post of a page, so it
stays valid if that post is withdrawn. `next` is a path with the same filters.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from urllib.parse import urlencode

from stoppress.domain.errors import Invalid
from stoppress.domain.store_records import PageMark
from stoppress.wire.messages import full_post, public_post

PAGE_POSTS = 20
"""Posts in a snapshot, and by default on a page."""
MAX_PAGE_POSTS = 100

_MARK = re.compile(r"(0|[1-9]\d{0,14})\.([0-9a-z-]{1,80})", re.ASCII)


def mark_text(mark: PageMark) -> str:
    """The mark as text for clients (base64)."""
    text = f"{mark.order}.{mark.post}".encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def parse_mark(text: str, field: str = "before") -> PageMark:
    """Parse a mark from the query parameter `field`. Raises Invalid."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        plain = base64.b64decode(padded, b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        plain = ""
    match = _MARK.fullmatch(plain)
    if match is None:
        raise Invalid(
            field,
            f"{text[:80]!r} is invalid: use the path in `next` as it was received",
        )
    return PageMark(int(match[1]), match[2])


def posts_path(
    feed: str, mark: PageMark | None, name: str = "before", **filters: str
) -> str:
    """The API path of the posts after a mark."""
    place = {} if mark is None else {name: mark_text(mark)}
    query = urlencode({**place, **filters})
    return f"/v1/feeds/{feed}/posts" + (f"?{query}" if query else "")


def next_path(feed: str, mark: PageMark | None) -> str | None:
    """The API path of the next page, None after the last."""
    return None if mark is None else posts_path(feed, mark)


def feeds_path(mark: PageMark, **filters: str) -> str:
    """The API path of the feeds after a mark."""
    return "/v1/feeds?" + urlencode({"before": mark_text(mark), **filters})


def public_posts(bodies: Iterable[bytes], feed: str, base: str) -> bytes:
    """The JSON list of posts as readers get them, from their stored JSON."""
    return b"[%b]" % b",".join(public_post(body, feed, base) for body in bodies)


def full_posts(bodies: Iterable[bytes], feed: str, base: str) -> bytes:
    """The JSON list of posts for callers that may publish on the feed."""
    return b"[%b]" % b",".join(full_post(body, feed, base) for body in bodies)
