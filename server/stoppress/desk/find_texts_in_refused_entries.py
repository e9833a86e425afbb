"""Finds the texts of a post in refused entries of the inbox, for its takedown. Pure.

Rules:
- An entry may hold the post under any feed: a misspelt one is a reason to refuse it.
- An entry whose body or headline equals a text of the post contains it, and one of the
  post's feed with its external_id. Texts of LONG_TEXT or more, of whichever member of
  the post, are found anywhere in an entry. Times are no texts: posts share them.
- Texts are compared without what is normalized when a post is stored
  (`input_normalization.py`): white space, line breaks and bidirectional controls.
- An entry that is not JSON may hide a text in escapes, in another encoding or behind
  its cut end: it counts as containing every text.
- Rather one entry too many: they only show why they were refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from stoppress.domain.close_bidi_controls import CONTROLS

LONG_TEXT = 20
"""From this length on, a text is searched for anywhere in a refused entry."""

_NO_TEXTS = frozenset({"html", "published_at", "updated_at", "at"})
"""Members that are not searched for: times, and what is made of the body."""
_CONTROL = re.compile(f"[{CONTROLS}]")
_post = msgspec.json.Decoder(dict[str, Any])


def texts_of(bodies: Sequence[bytes]) -> set[str]:
    """The texts of a post in all its states, from their stored JSON."""
    texts: set[str] = set()
    for body in bodies:
        post = _post.decode(body)
        texts.update(post.get(name) or "" for name in ("body", "headline"))
        texts.add(post.get("external_id") or "")
        texts.update(text for text in _strings(post) if len(text) >= LONG_TEXT)
    return texts - {""}


class TextSearch:
    """A search for the texts of a post of `feed`."""

    def __init__(self, feed: str, texts: Collection[str]) -> None:
        self._feed = feed.encode()
        self._texts = frozenset(map(_comparable, texts)) - {""}
        self._long = [text for text in self._texts if len(text) >= LONG_TEXT]

    def is_in(self, entry: Mapping[bytes, bytes]) -> bool:
        """Whether an entry contains one of the texts, or can't be read."""
        held = entry.get(b"post", b"")
        found: list[str] = [
            value.decode(errors="replace")
            for name, value in entry.items()
            if name != b"post"
        ]
        if held.strip():
            try:
                given = _entry.decode(held.decode())
            except (ValueError, RecursionError):
                return True
            if isinstance(given, _Members) and self._is_equal_to_one(
                given, is_of_feed=entry.get(b"feed") == self._feed
            ):
                return True
            found += _strings(given)
        # No text has a line break any more: none is found across two of them.
        whole = "\n".join(map(_comparable, found))
        return any(text in whole for text in self._long)

    def _is_equal_to_one(self, given: _Members, *, is_of_feed: bool) -> bool:
        names = ("body", "headline", *(("external_id",) if is_of_feed else ()))
        return any(
            isinstance(value, str) and _comparable(value) in self._texts
            for name, value in given
            if name in names
        )


class _Members(list[tuple[str, Any]]):
    """The members of an object, duplicates included."""


# Numbers are not parsed: Python refuses one of 5,000 digits.
_entry = json.JSONDecoder(object_pairs_hook=_Members, parse_int=len, parse_float=len)


def _comparable(text: str) -> str:
    """A text without what its normalization may change."""
    return " ".join(_CONTROL.sub("", text).split())


def _strings(value: object) -> Iterator[str]:
    """The texts in a value: no recursion, as a foreign one may be deep."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            left += [part for name, part in one.items() if name not in _NO_TEXTS]
        elif isinstance(one, list | tuple):
            left += one
