"""Which pictures and embeds from other hosts readers get. Pure.

Rules:
- A picture from a host that is not allowed becomes a link card (inside a text, its
  description); an embed becomes a link card too; the picture of an author or of a feed
  is left out. So nothing is loaded from that host unless a reader follows the link,
  wherever the post is shown: page, widget, feed reader.
- The rules are applied when a post is sent, not when it is stored: a changed setting
  counts for posts stored before.
- Paths, and addresses at the site's own host, are never foreign.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

ANY = "*"
_PICTURE = re.compile(r'<img((?:\s+[\w-]+="[^"]*")*)\s*/?>')
_ATTRIBUTE = re.compile(r'\s([\w-]+)="([^"]*)"')
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_ENTRY = re.compile(
    r"(\*\.)?([a-z0-9-]+\.)*[a-z0-9-]+(:[0-9]{1,5})?|\[[0-9a-f:]+\](:[0-9]{1,5})?"
)


def host_fault(entry: str) -> str | None:
    """Why an entry of a list of hosts is invalid; None if it is valid."""
    if entry == ANY or _ENTRY.fullmatch(entry):
        return None
    return f"{entry!r} is not a host: use *, pictures.example, or *.pictures.example"


class Hosts:
    """A list of hosts, such as `a.example`, `a.example:8443`, `*.b.example`."""

    def __init__(self, entries: list[str], own: str) -> None:
        self.entries = entries
        self.any = ANY in entries
        self._own = _authority(own)
        self._suffixes = tuple(one[1:] for one in entries if one.startswith("*."))

    def allow(self, url: str | None) -> bool:
        """Whether an address may be loaded before the reader asks for it."""
        if self.any or not url or url.startswith("/"):
            return True
        host = _authority(url)
        if host in ("", self._own):
            return host != ""
        return host in self.entries or host.endswith(self._suffixes)


def _authority(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.netloc.lower().removesuffix(_DEFAULT_PORTS.get(parts.scheme, ""))


class ForeignContent:
    """What feeds and their posts may load from other hosts."""

    def __init__(self, pictures: Hosts, embeds: Hosts) -> None:
        self.pictures, self.embeds = pictures, embeds

    def restrict(self, post: Any) -> None:
        """Remove what is not allowed from a post that is about to be sent."""
        if post.html and "<img" in post.html and not self.pictures.any:
            post.html = _PICTURE.sub(self._picture, post.html)
        if post.media:
            post.media = tuple(map(self._media, post.media))
        if post.authors and not self.pictures.any:
            post.authors = tuple(map(self._author, post.authors))

    def restrict_feed(self, feed: Any) -> None:
        """Remove what is not allowed from a feed that is about to be sent."""
        if feed.image and not self.pictures.allow(feed.image.url):
            feed.image = None

    def _picture(self, found: re.Match[str]) -> str:
        attributes = dict(_ATTRIBUTE.findall(found[1]))
        if self.pictures.allow(attributes.get("src", "").replace("&amp;", "&")):
            return found[0]
        # In an attribute these characters are not markup; in a text they would be.
        alt: str = attributes.get("alt", "")
        return alt.replace("<", "&lt;").replace(">", "&gt;")

    def _author(self, author: Any) -> Any:
        allowed = self.pictures.allow(author.image)
        return author if allowed else replace(author, image=None)

    def _media(self, item: Any) -> Any:
        if item.image and not self.pictures.allow(item.image):
            item = replace(item, image=None)
        allowed = self.embeds if item.type == "embed" else self.pictures
        if item.type not in ("image", "embed") or allowed.allow(item.url):
            return item
        title = item.title or item.alt
        return replace(item, type="link", title=title, width=None, height=None)
