"""Plain text of a post: without markup, shortened, and as a headline.

Twin of `client_demo/stop-press/post_title.js`, which has a page's DOM, of the desk's
`post_title_and_search_text.js`, which has none, and of `update_page_head.js`, which
has the articles alone; `tests/fixtures/post_titles.json` is the table of posts for
all. Rules:
- The title of a post is its headline, else the first of these that has words: its text,
  a picture in the text, each medium (caption, alternative text, text, title, provider,
  host). Else it is "Picture" or "Update", never the id.
- A text is cut at a space, unless the last space is in its first half, as in scripts
  without spaces; it is never cut inside a visible character.
- Its bidirectional controls are closed.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stoppress.domain.close_bidi_controls import closed
from stoppress.domain.web_address import authority_of

Json = Mapping[str, Any]

HEADLINE = 110
"""Characters of a headline made from a text: as many as search engines show."""

_TAG = re.compile(r"<[^<>]*>")
_BLOCK = re.compile(r"</(?:p|li|h\d|blockquote|tr|th|td|pre)>|<br\s*/?>|<hr\s*/?>")
_PICTURE = re.compile(r'<img [^<>]*?\balt="([^"]*)"')
_SPACES = re.compile(r"[ \t\n\f\r]+")
_ENDS = (
    " \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What JavaScript's `trim` removes."""
_MARK = re.compile(r"^[-*] ")
_JOINS = "\u200c\u200d"
_MODIFIERS = ("\U0001f3fb", "\U0001f3ff")
_REGIONS = ("\U0001f1e6", "\U0001f1ff")
_AFTER_WORD = " ,;:–-،؛、，：；"


def plain(markup: str) -> str:
    """The text of a post's safe HTML, one line per paragraph."""
    lines = (line.strip(_ENDS) for line in _text(markup).split("\n"))
    return "\n".join(filter(None, lines))


def _text(markup: str) -> str:
    return html.unescape(_TAG.sub("", _BLOCK.sub("\n", markup)))


def headline_of(post: Json, words: Json) -> str:
    """The post's headline, or its title without one."""
    if headline := post.get("headline"):
        return str(headline)
    for text in _texts(post):
        if shown := one_line(text):
            return shortened(shown, HEADLINE)
    has_picture = "<img" in post.get("html", "") or any(
        item["type"] == "image" for item in post.get("media", ())
    )
    return str(words["picture" if has_picture else "update"])


def description_of(post: Json) -> str:
    """The post's text in one line; "" if it has no words besides its headline."""
    return next((shown for text in _texts(post) if (shown := one_line(text))), "")


def feed_description(feed: Json, posts: Sequence[Json], words: Json) -> str:
    """A feed's description: standfirst, summary, newest post, or else its title."""
    if text := one_line(feed.get("standfirst") or ""):
        return text
    # Its lines are items of a list, marked or not.
    items = [one_line(line) for line in (feed.get("summary") or "").split("\n")]
    if text := " · ".join(filter(None, (_MARK.sub("", item) for item in items))):
        return text
    return headline_of(posts[0], words) if posts else str(feed["title"])


def _texts(post: Json) -> Iterator[str]:
    markup = post.get("html", "")
    yield _text(markup)
    for alt in _PICTURE.findall(markup):
        yield html.unescape(alt)
    for item in post.get("media", ()):
        for name in ("caption", "alt", "text", "title", "provider"):
            yield item.get(name) or ""
        if item["type"] in ("link", "embed"):
            yield authority_of(item.get("url") or "")


def one_line(text: str) -> str:
    """The text with its white space made single spaces, and none at its ends."""
    return _SPACES.sub(" ", text).strip(_ENDS)


def shortened(text: str, length: int) -> str:
    """A text cut at a word, with an ellipsis; `length` is in code points."""
    if len(text) <= length:
        return closed(text)
    end = length - 1
    while end > 0 and _is_inside(text, end):
        end -= 1
    head = text[:end]
    space = head.rfind(" ")
    # A word that ends here is whole.
    if text[end] != " " and space * 2 >= length:
        head = head[:space]
    return closed(head.rstrip(_AFTER_WORD)) + "…"


def _is_inside(text: str, at: int) -> bool:
    """Whether the characters before and after `at` are one visible character."""
    after = text[at]
    if (
        unicodedata.category(after)[0] == "M"
        or after in _JOINS
        or _MODIFIERS[0] <= after <= _MODIFIERS[1]
        or text[at - 1] == _JOINS[1]
    ):
        return True
    if not _is_region(after):
        return False
    # Flags are pairs of characters, counted from the first flag.
    start = at
    while start and _is_region(text[start - 1]):
        start -= 1
    return (at - start) % 2 == 1


def _is_region(char: str) -> bool:
    return _REGIONS[0] <= char <= _REGIONS[1]
