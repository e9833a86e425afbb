"""The sitemap: public feeds, each with the time of its last change.

That is the time of the feed's last event of any type: search engines return for posts
that were published, edited or withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stoppress.domain.errors import Unavailable
from stoppress.domain.timestamps import instant
from stoppress.web.pages.build_atom_and_json_feed import xml_text

if TYPE_CHECKING:
    from stoppress.desk.store_protocol import Store

Json = Mapping[str, Any]


async def last_changes(store: Store, feeds: Sequence[Json]) -> list[tuple[Json, str]]:
    """Each feed with its last change; if no event is known, the feed's own change."""
    try:
        last = await store.last_events_at([feed["slug"] for feed in feeds])
    except Unavailable:
        last = [None] * len(feeds)
    return [
        (feed, feed["updated_at"] if at is None else instant(at))
        for feed, at in zip(feeds, last, strict=True)
    ]


def sitemap(feeds: Iterable[tuple[Json, str]], base: str) -> bytes:
    """The document (sitemaps.org 0.9)."""
    pages = "".join(
        f"<url><loc>{xml_text(base)}/live/{feed['slug']}</loc>"
        f"<lastmod>{changed}</lastmod></url>"
        for feed, changed in feeds
    )
    space = "http://www.sitemaps.org/schemas/sitemap/0.9"
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    return f'{head}<urlset xmlns="{space}">{pages}</urlset>\n'.encode()
