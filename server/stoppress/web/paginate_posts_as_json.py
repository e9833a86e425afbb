"""Encodes pages of posts as JSON, and the marks and paths of their next pages.

A mark is opaque to clients: `published_at` and id of the last post of a page, so it
stays valid if that post is withdrawn. `next` is a path with the same filters.
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from urllib.parse import urlencode

from stoppress.domain.errors import Invalid
from stoppress.domain.external_picture_and_embed_rules import ForeignContent
from stoppress.domain.store_requests_and_results import PAGE_BYTES, PageMark, PostPage
from stoppress.domain.undecodable_json import UNDECODABLE
from stoppress.wire.encode_messages import full_post, public_post

PAGE_POSTS = 20
"""Posts in a snapshot, and on a page by default."""
MAX_PAGE_POSTS = 100
MAX_SCANNED_RECORDS = 1000
"""Records scanned for one filtered page, at most; its mark continues from there."""
SCAN_STEP = 100
"""Records per read of the store while scanning."""

_log = logging.getLogger("stoppress.web")
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


async def scan(
    read: Callable[[PageMark | None, int], Awaitable[PostPage]],
    mark_if_it_fits: Callable[[bytes], PageMark | None],
    mark: PageMark | None,
    limit: int,
) -> tuple[list[bytes], PageMark | None]:
    """Up to `limit` records that fit, and the mark of the next page.

    `read` gives a page of so many records after a mark; `mark_if_it_fits` a record's
    mark, None for one that does not fit.
    """
    found: list[bytes] = []
    size = 0
    for _ in range(MAX_SCANNED_RECORDS // SCAN_STEP):
        page = await read(mark, SCAN_STEP)
        for index, body in enumerate(page.posts):
            own_mark = mark_if_it_fits(body)
            if own_mark is None:
                continue
            found.append(body)
            size += len(body)
            if len(found) == limit or size >= PAGE_BYTES:
                is_last = page.next is None and index == len(page.posts) - 1
                return found, None if is_last else own_mark
        mark = page.next
        if mark is None:
            break
    return found, mark


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


def public_posts(
    bodies: Iterable[bytes],
    feed: str,
    base: str,
    foreign: ForeignContent | None = None,
    *,
    with_verification: bool = False,
) -> bytes:
    """The JSON list of posts as readers get them, from their stored JSON.

    `foreign`, `with_verification`: see `public_post`.

    A post whose stored JSON is damaged is left out, so that the others can be read.
    """
    encode = partial(public_post, foreign=foreign, with_verification=with_verification)
    return _encoded(encode, bodies, feed, base)


def full_posts(bodies: Iterable[bytes], feed: str, base: str) -> bytes:
    """The JSON list of posts for callers that may publish on the feed.

    A damaged post is left out too.
    """
    return _encoded(full_post, bodies, feed, base)


def _encoded(
    encode: Callable[[bytes, str, str], bytes],
    bodies: Iterable[bytes],
    feed: str,
    base: str,
) -> bytes:
    found: list[bytes] = []
    for body in bodies:
        try:
            found.append(encode(body, feed, base))
        except UNDECODABLE as wrong:
            _log.error("a post of the feed %r is left out as damaged: %s", feed, wrong)
    return b"[%b]" % b",".join(found)
