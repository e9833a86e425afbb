"""Filters a feed's posts by tag or key moment, in either order, page by page.

The store has no index of tags or key moments: posts are scanned, at most
MAX_SCANNED_RECORDS per page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import msgspec

from stoppress.domain.errors import Invalid
from stoppress.domain.store_requests_and_results import PageMark, PostPage
from stoppress.domain.timestamps import parse_instant
from stoppress.web.paginate_posts_as_json import parse_mark, posts_path, scan

if TYPE_CHECKING:
    from stoppress.desk.store_protocol import Store


class PostFilter(NamedTuple):
    """Posts with the tag ("": any); `key`: only key moments; rising: oldest first."""

    tag: str = ""
    key: bool = False
    rising: bool = False

    @classmethod
    def of(cls, query: Mapping[str, str]) -> PostFilter:
        """Parse the filter from a query. Raises Invalid."""
        key, order = query.get("key", "false"), query.get("order", "newest")
        if key not in ("true", "false", "1", "0"):
            raise Invalid("key", f"{key[:40]!r} is invalid: use true or false")
        if order not in ("newest", "oldest"):
            raise Invalid("order", f"{order[:40]!r} is invalid: use newest or oldest")
        return cls(query.get("tag", ""), key in ("true", "1"), order == "oldest")

    def mark(self, query: Mapping[str, str]) -> PageMark | None:
        """The mark in a query, None for the first page. Raises Invalid."""
        marks = {
            name: parse_mark(text, name) if (text := query.get(name)) else None
            for name in ("after", "before")
        }
        return marks["after" if self.rising else "before"]

    def page(self, feed: str) -> str:
        """The address of the readers' page that begins with the first of them."""
        query = urlsplit(self.path(feed, None)).query
        return f"/live/{feed}?{query}" if query else f"/live/{feed}"

    def path(self, feed: str, mark: PageMark | None, limit: str = "") -> str:
        """The API path of these posts after the mark."""
        given = {
            "limit": limit,
            "tag": self.tag,
            "key": "true" if self.key else "",
            "order": "oldest" if self.rising else "",
        }
        named = {name: value for name, value in given.items() if value}
        return posts_path(feed, mark, "after" if self.rising else "before", **named)


class _FilteredMembers(msgspec.Struct):
    id: str
    published_at: str
    key: bool = False
    tags: tuple[str, ...] = ()


_filtered_members = msgspec.json.Decoder(_FilteredMembers)


async def filtered_posts(
    store: Store, feed: str, choice: PostFilter, mark: PageMark | None, limit: int
) -> tuple[list[bytes], PageMark | None]:
    """Up to `limit` matching posts, and the mark of the next page. Raises NotFound."""
    tag, key, rising = choice
    if not (tag or key):
        page = await store.page(feed, mark, limit, rising)
        return list(page.posts), page.next
    named = msgspec.json.encode(tag) if tag else b""

    def mark_if_it_fits(body: bytes) -> PageMark | None:
        if named not in body:
            return None  # decoding these took four fifths of a search
        post = _filtered_members.decode(body)
        if (key and not post.key) or (tag and tag not in post.tags):
            return None
        return PageMark(parse_instant(post.published_at), post.id)

    async def read(mark: PageMark | None, count: int) -> PostPage:
        return await store.page(feed, mark, count, rising)

    return await scan(read, mark_if_it_fits, mark, limit)
