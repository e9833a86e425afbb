"""Which posts of a feed, in which order, and the pages of them.

The log keeps no list of posts with a tag or of key moments: they are looked for, and
no search goes on without end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import msgspec

from stoppress.domain.errors import Invalid
from stoppress.domain.store_records import PageMark
from stoppress.domain.timestamps import parse_instant
from stoppress.web.pagination import parse_mark, posts_path

if TYPE_CHECKING:
    from stoppress.desk.store_protocol import Store

SCANNED_POSTS = 1000
"""Posts looked at for one filtered page, at most; its mark leads on from there."""
SCAN_STEP = 100
"""Posts read from the store at once while looking."""


class PostFilter(NamedTuple):
    """Posts with the tag ("": any); `key`: key moments alone; rising: oldest first."""

    tag: str = ""
    key: bool = False
    rising: bool = False

    @classmethod
    def of(cls, query: Mapping[str, str]) -> PostFilter:
        """What a query asks for. Raises Invalid."""
        key, order = query.get("key", ""), query.get("order", "")
        if key not in ("", "true", "false", "1", "0"):
            raise Invalid("key", f"must be true or false, not {key[:40]!r}")
        if order not in ("", "newest", "oldest"):
            raise Invalid("order", f"must be newest or oldest, not {order[:40]!r}")
        return cls(query.get("tag", ""), key in ("true", "1"), order == "oldest")

    def mark(self, query: Mapping[str, str]) -> PageMark | None:
        """Where the page that a query asks for begins. Raises Invalid."""
        name = "after" if self.rising else "before"
        text = query.get(name, "")
        return parse_mark(text, name) if text else None

    def page(self, feed: str) -> str:
        """The readers' page of these posts, from the first one on."""
        query = urlsplit(self.path(feed, None)).query
        return f"/live/{feed}?{query}" if query else f"/live/{feed}"

    def path(self, feed: str, mark: PageMark | None, limit: str = "") -> str:
        """The API's page of these posts from the mark on."""
        given = {
            "limit": limit,
            "tag": self.tag,
            "key": "true" if self.key else "",
            "order": "oldest" if self.rising else "",
        }
        named = {name: value for name, value in given.items() if value}
        return posts_path(feed, mark, "after" if self.rising else "before", **named)


class _Sieved(msgspec.Struct):
    id: str
    published_at: str
    key: bool = False
    tags: tuple[str, ...] = ()


_sieved = msgspec.json.Decoder(_Sieved)


async def sifted(
    store: Store, feed: str, choice: PostFilter, mark: PageMark | None, limit: int
) -> tuple[list[bytes], PageMark | None]:
    """Up to `limit` posts of those, and where to look on. Raises NotFound."""
    tag, key, rising = choice
    if not (tag or key):
        page = await store.page(feed, mark, limit, rising)
        return list(page.posts), page.next
    found: list[bytes] = []
    for _ in range(SCANNED_POSTS // SCAN_STEP):
        page = await store.page(feed, mark, SCAN_STEP, rising)
        for index, body in enumerate(page.posts):
            post = _sieved.decode(body)
            if (key and not post.key) or (tag and tag not in post.tags):
                continue
            found.append(body)
            if len(found) == limit:
                if page.next is None and index == len(page.posts) - 1:
                    return found, None
                return found, PageMark(parse_instant(post.published_at), post.id)
        mark = page.next
        if mark is None:
            break
    return found, mark
