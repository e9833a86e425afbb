"""Plain text of a post: without markup, shortened, and as a headline."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]

HEADLINE = 110
"""Characters of a headline made from a text: what search engines show."""

_TAG = re.compile(r"<[^>]*>")
_BLOCK = re.compile(r"</(?:p|li|h\d|blockquote|tr|pre)>|<br\s*/?>|<hr\s*/?>")


def plain(markup: str) -> str:
    """The text of a post's safe HTML, one line per paragraph."""
    text = html.unescape(_TAG.sub("", _BLOCK.sub("\n", markup)))
    return "\n".join(line.strip() for line in text.split("\n") if line.strip())


def headline_of(post: Json) -> str:
    """The post's headline, or the beginning of its text."""
    if headline := post.get("headline"):
        return str(headline)
    text = plain(post.get("html", "")).replace("\n", " ")
    for item in () if text else post.get("media", ()):
        text = item.get("caption") or item.get("alt") or item.get("text") or ""
        text = text or item.get("title") or ""
    return shortened(text, HEADLINE) or str(post["id"])


def shortened(text: str, length: int) -> str:
    """A text cut at a word, with an ellipsis."""
    if len(text) <= length:
        return text
    head = text[: length - 1]
    return head[: head.rfind(" ") if " " in head else None].rstrip(" ,;:–-") + "…"
