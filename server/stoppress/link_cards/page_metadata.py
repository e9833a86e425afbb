"""A page's description of itself for a card: title, description, picture, site name.

Pure. Open Graph comes first, then Twitter's names, then HTML's own. Texts are one line,
cut, with their bidirectional controls closed; the picture is a web address that a post
may contain, else it is left out.
"""

from __future__ import annotations

import unicodedata
from urllib.parse import urljoin, urlsplit

from stoppress.domain.close_bidi_controls import closed
from stoppress.domain.web_address import address_fault
from stoppress.link_cards.title_and_meta_tags import title_and_metas

MAX_TITLE = 300
MAX_DESCRIPTION = 500
MAX_SITE_NAME = 100
MAX_ADDRESS = 2000

_TITLES = ("og:title", "twitter:title")
_TEXTS = ("og:description", "twitter:description", "description")
_PICTURES = (
    *("og:image:secure_url", "og:image", "og:image:url"),
    *("twitter:image", "twitter:image:src"),
)
_SITES = ("og:site_name", "application-name")


def metadata(markup: str, url: str) -> dict[str, str]:
    """The card's members that the page has, named as in a post's media."""
    page = title_and_metas(markup)
    reported: dict[str, str] = {}
    for meta in page.metas:
        name = meta.get("property") or meta.get("name") or ""
        reported.setdefault(name.strip().lower(), meta.get("content", ""))
    found = {
        "title": _first(reported, _TITLES, MAX_TITLE) or _line(page.title, MAX_TITLE),
        "text": _first(reported, _TEXTS, MAX_DESCRIPTION),
        "image": next(
            filter(None, (_picture(reported.get(n), url) for n in _PICTURES)), ""
        ),
        "provider": _first(reported, _SITES, MAX_SITE_NAME),
    }
    return {name: value for name, value in found.items() if value}


def _first(reported: dict[str, str], names: tuple[str, ...], most: int) -> str:
    return next(
        filter(None, (_line(reported.get(name, ""), most) for name in names)), ""
    )


def _line(text: str, most: int) -> str:
    """One line without control characters; cut at a word if it is too long."""
    # U+FFFD replaces bytes that were not text.
    shown = "".join(
        " " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char
        for char in text[: 8 * most]
        if unicodedata.category(char) not in ("Cs", "Co", "Cn") and char != "\ufffd"
    )
    line = " ".join(shown.split())
    if len(line) > most:
        head = line[: most - 1]
        space = head.rfind(" ")
        line = f"{(head[:space] if space * 2 > most else head).rstrip()}…"
    return closed(line)


def _picture(given: str | None, url: str) -> str:
    if not given:
        return ""
    try:
        address = urljoin(url, given.strip())
        scheme = urlsplit(address).scheme
    except ValueError:
        return ""
    if scheme not in ("http", "https") or len(address) > MAX_ADDRESS:
        return ""
    return "" if address_fault(address) or " " in address else address
