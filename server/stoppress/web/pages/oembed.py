"""oEmbed 1.0: finds the page that an address names, and makes the frame that shows it.

Pure. Rules: an address of another site, or outside the site's path, is not found. A
frame is never larger than `maxwidth` and `maxheight`.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec

from stoppress.domain.errors import NotFound
from stoppress.web.pages.post_title_and_plain_text import headline_of

Json = Mapping[str, Any]

WIDTH, HEIGHT = 640, 720
"""Default size of a frame in pixels."""
MAX_SIDE = 2000
"""Limit of a frame's width and height in pixels."""

_PORTS = {"http": 80, "https": 443}


class PageAddress(NamedTuple):
    """The feed that a page shows, and the post if it is a permalink ("": none)."""

    feed: str
    post: str = ""


def page_address(url: str, base: str, own_host: str = "") -> PageAddress:
    """The page of the site at `base` that `url` names. Raises NotFound.

    `own_host`: another host and port that lead to the site.
    """
    site = urlsplit(base)
    try:
        asked = urlsplit(url)
        hosts = {_host(base), _host(f"{site.scheme}://{own_host}") if own_host else ""}
        is_ours = asked.scheme in _PORTS and _host(url) in hosts
    except ValueError:
        raise NotFound(url[:100]) from None
    path = unquote(asked.path)
    root = site.path.rstrip("/")
    parts = path.removeprefix(root).strip("/").split("/")
    if (
        not is_ours
        or not path.startswith(f"{root}/")
        or len(parts) not in (2, 3)
        or parts[0] not in ("live", "embed")
    ):
        raise NotFound(url[:100])
    return PageAddress(*parts[1:])


def _host(url: str) -> str:
    """The host and port of an address; the default ports of http and https count as
    equal.

    A site that moved to https is found by its former addresses too.
    """
    parts = urlsplit(url)
    port = parts.port
    if port == _PORTS.get(parts.scheme):
        port = None
    return f"{parts.hostname}:{port or ''}"


def size(text: str, usual: int) -> int:
    """A side of the frame in pixels, as requested; `usual` if not a number."""
    asked = int(text[:6]) if text.isascii() and text.isdecimal() else 0
    return min(asked or usual, MAX_SIDE)


def oembed(
    feed: Json,
    post: Json | None,
    base: str,
    publisher: str,
    words: Json,
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> bytes:
    """The frame of a feed, or of one post of it."""
    src, title = f"{base}/embed/{feed['slug']}", feed["title"]
    if post is not None:
        src, title = f"{src}/{post['id']}", f"{headline_of(post, words)} · {title}"
    return msgspec.json.encode(
        {
            "version": "1.0",
            "type": "rich",
            "provider_name": publisher,
            "provider_url": base,
            "title": title,
            "cache_age": 300,
            "width": width,
            "height": height,
            "html": f'<iframe src="{src}" title="{html.escape(title)}" '
            f'width="{width}" height="{height}" loading="lazy" '
            'allow="web-share; clipboard-write"></iframe>',
        }
    )
