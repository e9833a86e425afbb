"""Posts of a feed that have a tag, or are key moments.

The log keeps no list of these: they are looked for, newest first, and no search
goes on without end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from stoppress.domain.record import Mark
from stoppress.domain.times import parse_instant

if TYPE_CHECKING:
    from stoppress.desk.store import Store

SCANNED_POSTS = 1000
"""Posts looked at for one filtered page, at most; its mark leads on from there."""
SCAN_STEP = 100
"""Posts read from the store at once while looking."""


class Sieve(NamedTuple):
    """Which posts: those with the tag ("": any), and, if `key`, key moments alone."""

    tag: str = ""
    key: bool = False


class _Sieved(msgspec.Struct):
    id: str
    key: bool
    tags: tuple[str, ...]
    published_at: str


_sieved = msgspec.json.Decoder(_Sieved)


async def sifted(
    store: Store, feed: str, sieve: Sieve, mark: Mark | None, limit: int
) -> tuple[list[bytes], Mark | None]:
    """Up to `limit` posts that go through, and where to look on. Raises NotFound."""
    if not (sieve.tag or sieve.key):
        page = await store.page(feed, mark, limit)
        return list(page.posts), page.next
    found: list[bytes] = []
    for _ in range(SCANNED_POSTS // SCAN_STEP):
        page = await store.page(feed, mark, SCAN_STEP)
        for index, body in enumerate(page.posts):
            post = _sieved.decode(body)
            if (sieve.key and not post.key) or (
                sieve.tag and sieve.tag not in post.tags
            ):
                continue
            found.append(body)
            if len(found) == limit:
                if page.next is None and index == len(page.posts) - 1:
                    return found, None
                return found, Mark(parse_instant(post.published_at), post.id)
        mark = page.next
        if mark is None:
            break
    return found, mark
