"""Finds the title and the meta tags of a foreign page, in one pass over its text. Pure.

No tree is made: parsers of whole pages take 20 s for half a megabyte of `<div>`, or of
attributes. Rules:
- What is in comments, scripts, styles and other raw text is passed over; what is not
  closed there reaches to the end of the page.
- Tags are read as HTML 5 reads them; of two attributes of one name the first counts.
- Of a page MAX_METAS tags are read, of a tag MAX_ATTRIBUTES, of a text MAX_META_TEXT.
"""

from __future__ import annotations

import html
import re
from typing import NamedTuple

MAX_METAS = 500
"""Large news sites have 60."""
MAX_ATTRIBUTES = 30
MAX_META_TEXT = 4000
"""Characters read of a value or title. More digits in one character reference than
Python converts (4,300) don't fit either."""

_OPENED = re.compile(
    r"<(?:(?P<comment>!--)|(?P<name>meta|title|script|style|textarea|xmp|iframe|noembed"
    r"|noframes|plaintext)(?=[\s/>]))",
    re.ASCII | re.IGNORECASE,
)
_ENDS = {
    name: re.compile(rf"</{name}(?=[\s/>])", re.ASCII | re.IGNORECASE)
    for name in ("title", "script", "style", "textarea", "xmp", "iframe", "noembed")
    + ("noframes", "plaintext")
}
_ATTRIBUTE = re.compile(r"[\s/]*(?:(?P<end>>)|(?P<name>[^\s/>][^\s/>=]*)\s*)", re.ASCII)
_PLAIN_VALUE = re.compile(r"[^\s>]*", re.ASCII)
_BLANKS = re.compile(r"\s*", re.ASCII)


class TitleAndMetas(NamedTuple):
    """The first title of a page, and the attributes of its meta tags."""

    title: str
    metas: tuple[dict[str, str], ...]


def title_and_metas(markup: str) -> TitleAndMetas:
    """What a page says of itself."""
    markup = markup.replace("\0", "\ufffd")
    title: str | None = None
    metas: list[dict[str, str]] = []
    at = 0
    while len(metas) < MAX_METAS and (opened := _OPENED.search(markup, at)):
        at = opened.end()
        if opened["comment"]:
            # `<!-->` is a whole comment.
            end = markup.find("-->", at - 2)
            if end < 0:
                break
            at = end + 3
            continue
        name = opened["name"].lower()
        attributes, at = _attributes(markup, at)
        if attributes is None:
            break
        if name == "meta":
            metas.append(attributes)
            continue
        closed = _ENDS[name].search(markup, at)
        end = closed.start() if closed else len(markup)
        if name == "title" and title is None:
            title = html.unescape(markup[at : min(end, at + MAX_META_TEXT)])
        at = end
    return TitleAndMetas(title or "", tuple(metas))


def _attributes(markup: str, at: int) -> tuple[dict[str, str] | None, int]:
    """The attributes of a tag, and where it ends; None if it is not closed."""
    found: dict[str, str] = {}
    for _ in range(MAX_ATTRIBUTES):
        match = _ATTRIBUTE.match(markup, at)
        if match is None:
            break
        at = match.end()
        if match["end"]:
            return found, at
        value = ""
        if markup.startswith("=", at):
            begin = _blanks_end(markup, at + 1)
            quote = markup[begin : begin + 1]
            if quote in ('"', "'"):
                begin += 1
                end = markup.find(quote, begin)
                if end < 0:
                    break
                at = end + 1
            else:
                end = at = _plain_end(markup, begin)
            value = markup[begin : min(end, begin + MAX_META_TEXT)]
        found.setdefault(match["name"].lower(), html.unescape(value))
    else:
        end = markup.find(">", at)
        return found, len(markup) if end < 0 else end + 1
    return None, at


def _blanks_end(markup: str, at: int) -> int:
    match = _BLANKS.match(markup, at)
    return match.end() if match else at


def _plain_end(markup: str, at: int) -> int:
    match = _PLAIN_VALUE.match(markup, at)
    return match.end() if match else at
