"""Whether a text, or the HTML of a post, shows anything. Pure.

Rule: spaces, controls and characters without a glyph show nothing, such as joiners,
directional marks, variation selectors and fillers (Unicode's Default_Ignorable, and the
Braille pattern without dots). A combining mark, which sits on a dotted circle or on
nothing, shows something.
"""

from __future__ import annotations

import html
import re
import unicodedata

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
_WITHOUT_GLYPH = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164"
    "\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
_TAG = re.compile(r"<[^<>]*>")
_SHOWN = re.compile(r"(?:^|>)[^<>&]*[0-9A-Za-z]|<img ")
"""What most posts have."""


def is_blank(text: str) -> bool:
    """Whether a text shows nothing."""
    return all(
        unicodedata.category(char) in _INVISIBLE_CATEGORIES
        or _WITHOUT_GLYPH.match(char) is not None
        for char in text
    )


def shows_nothing(markup: str) -> bool:
    """Whether a post's safe HTML has neither words nor a picture: a line or an empty
    list is nothing to read."""
    if _SHOWN.search(markup):
        return False
    return is_blank(html.unescape(_TAG.sub("", markup)))
