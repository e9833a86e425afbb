"""Turns bare addresses in Markdown into links: a rule for markdown-it.

Rules:
- Only addresses with a scheme: `https://…`, `http://…`, `mailto:…`.
  "end.New" or "a@b" in running text is not linked.
- An address ends before a space, an angle bracket, a quote or a backtick, and without
  the punctuation of the sentence around it; a closing bracket belongs to it only if
  the address contains the opening one.
- An address ends before punctuation, quotes and brackets of another script, which
  addresses do not contain: a Japanese sentence continues without a space. Marks that
  occur within names (· ・ ׳ ״, dashes and joiners) end it only if nothing follows them.
- The rule runs at each colon and reads an address once: time is linear in the length of
  any text.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from markdown_it.rules_inline import StateInline

MAX_ADDRESS = 2000
"""Characters of the longest address that becomes a link, as for `domain.post.Url`."""

_SCHEME = re.compile(r"(?<![^\W_])(https?|mailto)$", re.IGNORECASE)
_LONGEST_SCHEME = 7
_IN_NAMES = "·・׳״‐‑–‧"
_END = r"\s<>\"`"
_WEB = re.compile(rf"://[^{_END}]{{1,{MAX_ADDRESS}}}")
_MAIL = re.compile(rf":[^{_END}@]{{1,64}}@[^{_END}@]{{1,255}}")
_FOREIGN = re.compile(r"[^\x00-\x7f]")
_BEGINS = re.compile(r"\w|\[[0-9a-f]*:", re.IGNORECASE)
_AROUND = f"?!.,:;*_~'{_IN_NAMES}\u200c\u200d"
_PAIRS = {")": "(", "]": "[", "}": "{"}


def bare_link(state: StateInline, silent: bool) -> bool:
    """The markdown-it rule: at the colon of an address that is not yet a link."""
    at = state.pos
    if state.linkLevel or state.src[at] != ":":
        return False
    scheme = _SCHEME.search(state.pending[-_LONGEST_SCHEME:])
    if scheme is None:
        return False
    is_mail = scheme[1].lower() == "mailto"
    pattern = _MAIL if is_mail else _WEB
    found = pattern.match(state.src, at, state.posMax)
    if found is not None:
        # Again: the rest must still be an address.
        found = pattern.match(state.src, at, at + _foreign_end(found[0]))
    if found is None:
        return False
    rest = _without_punctuation(found[0])
    name = rest.lstrip(":/")
    if not _BEGINS.match(name) or (is_mail and "@" not in name):
        return False
    address = state.md.normalizeLink(scheme[1] + rest)
    if not state.md.validateLink(address):
        return False
    if not silent:
        state.pending = state.pending[: -len(scheme[1])]
        state.push("link_open", "a", 1).attrs = {"href": address}
        text = name if is_mail else state.md.normalizeLinkText(scheme[1] + rest)
        state.push("text", "", 0).content = text
        state.push("link_close", "a", -1)
    state.pos += len(rest)
    return True


def _foreign_end(text: str) -> int:
    """The position of the first punctuation of another script; else the text's length.

    By category, not by a pattern of all these characters: compiling that took a tenth
    of a server's start.
    """
    for found in _FOREIGN.finditer(text):
        char, category = found[0], unicodedata.category(found[0])
        # Cf are invisible: bidirectional controls, zero-width space, byte order mark.
        if (category[0] == "P" and char not in _IN_NAMES) or (
            category == "Cf" and char not in "\u200c\u200d"
        ):
            return found.start()
    return len(text)


def _without_punctuation(text: str) -> str:
    count = Counter(text)
    end = len(text)
    while end:
        last = text[end - 1]
        opening = _PAIRS.get(last)
        if last not in _AROUND and (opening is None or count[last] <= count[opening]):
            break
        count[last] -= 1
        end -= 1
    return text[:end]
